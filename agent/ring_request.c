#include "agent/ring_request.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union DescriptorSpace {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
} DescriptorSpace;

void
ring_reply(int connection, uint32_t status, int memfd)
{
    RingReply answer = {RING_REQUEST_MAGIC, status};
    struct iovec part = {&answer, sizeof(answer)};
    DescriptorSpace space = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (memfd >= 0) {
        message.msg_control = space.bytes;
        message.msg_controllen = sizeof(space.bytes);
        struct cmsghdr *control = CMSG_FIRSTHDR(&message);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(control), &memfd, sizeof(int));
    }
    (void) sendmsg(connection, &message, MSG_NOSIGNAL | MSG_DONTWAIT); /* a producer that is gone is noticed anyway */
}

ssize_t
ring_receive_request(int connection, RingRequest *request, int *memfd)
{
    struct iovec part = {request, sizeof(*request)};
    DescriptorSpace space = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space.bytes, .msg_controllen = sizeof(space.bytes)};
    *memfd = -1;
    ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *control = length < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (control == NULL || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
        return length;
    size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int descriptor;
        memcpy(&descriptor, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
        if (i == 0)
            *memfd = descriptor;
        else
            (void) close(descriptor);
    }
    return length;
}
