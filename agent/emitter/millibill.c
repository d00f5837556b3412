#include "agent/emitter/millibill.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/emitter/ring_layout.h"

enum { ANSWER_S = 2, EPHEMERAL_MB_DEFAULT = 512, MEMORY_MB_MAX = 16777216, CONFIG_WORDS = RING_CONFIGS / 64 };

/* A thread's ring. `memory` is NULL when there is no agent: then only `lost` counts. */
typedef struct ThreadRing {
    RingMemory *memory;
    int memfd;
    int connection;
    uint64_t head;                   /* number of the next slot */
    uint64_t lost;                   /* while there is no ring; goes into the next one */
    unsigned forks;                  /* fork_count when it was made */
    uint64_t declared[CONFIG_WORDS]; /* configurations that this ring's table has */
} ThreadRing;

struct Millibill {
    struct sockaddr_un address;
    pthread_key_t rings; /* each thread's ThreadRing */
    pthread_mutex_t declaring;
    _Atomic int function_count;
    RingConfig functions[MILLIBILL_FUNCTIONS_MAX];
};

/* How often this process came out of a fork(): a ring of the parent is not the child's to write to. The one global here:
 * fork handlers take no argument. */
static _Atomic unsigned fork_count;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void
count_fork(void)
{
    atomic_fetch_add_explicit(&fork_count, 1, memory_order_relaxed);
}

static void
watch_forks(void)
{
    (void) pthread_atfork(NULL, NULL, count_fork);
}

static void
ring_drop(ThreadRing *ring)
{
    if (ring->memory != NULL)
        (void) munmap(ring->memory, sizeof(*ring->memory));
    if (ring->memfd >= 0)
        (void) close(ring->memfd);
    if (ring->connection >= 0)
        (void) close(ring->connection);
    ring->memory = NULL;
    ring->memfd = -1;
    ring->connection = -1;
    ring->head = 0;
    memset(ring->declared, 0, sizeof(ring->declared));
}

/* The thread writes no more. Said in the ring, because a child may have inherited the connection, and because there may be no
 * agent now to see it close. A ring that fork() left behind is the parent's and goes on. */
static void
ring_end(void *value)
{
    ThreadRing *ring = value;
    if (ring->memory != NULL && ring->forks == atomic_load_explicit(&fork_count, memory_order_relaxed)) {
        atomic_store_explicit(&ring->memory->header.closed, 1, memory_order_release);
        (void) shutdown(ring->connection, SHUT_RDWR);
    }
    ring_drop(ring);
    free(ring);
}

Millibill *
millibill_open(const char *socket_path)
{
    size_t length = strlen(socket_path);
    Millibill *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return NULL;
    if (length >= sizeof(self->address.sun_path)) {
        free(self);
        errno = ENAMETOOLONG;
        return NULL;
    }
    self->address.sun_family = AF_UNIX;
    memcpy(self->address.sun_path, socket_path, length + 1);
    (void) pthread_once(&fork_once, watch_forks);
    int rc = pthread_mutex_init(&self->declaring, NULL);
    if (rc == 0)
        rc = pthread_key_create(&self->rings, ring_end);
    if (rc != 0) {
        free(self);
        errno = rc;
        return NULL;
    }
    return self;
}

/* Copy an optional text of `least`..`most` bytes; the caller's limits fit a byte. */
static bool
copy_name(const char *text, size_t least, size_t most, char *out, uint8_t *length)
{
    size_t bytes = text == NULL ? 0 : strnlen(text, most + 1);
    if (bytes < least || bytes > most)
        return false;
    if (bytes > 0)
        memcpy(out, text, bytes);
    *length = (uint8_t) bytes;
    return true;
}

static bool
fill_config(const MillibillFunction *function, RingConfig *config)
{
    if (function->memory_mb < 1 || function->memory_mb > MEMORY_MB_MAX || function->ephemeral_mb > MEMORY_MB_MAX)
        return false;
    if ((unsigned) function->architecture > MILLIBILL_ARM64 || (unsigned) function->package > MILLIBILL_IMAGE ||
        (unsigned) function->mode > MILLIBILL_PROVISIONED || (unsigned) function->trigger > MILLIBILL_TRIGGER_TIMER)
        return false;
    config->memory_mb = function->memory_mb;
    config->ephemeral_mb = function->ephemeral_mb == 0 ? EPHEMERAL_MB_DEFAULT : function->ephemeral_mb;
    config->architecture = (uint8_t) function->architecture;
    config->package = (uint8_t) function->package;
    config->mode = (uint8_t) function->mode;
    config->trigger = (uint8_t) function->trigger;
    config->streamed = function->streamed != 0;
    return copy_name(function->tenant, 1, RING_NAME_BYTES, config->tenant, &config->tenant_length) &&
           copy_name(function->function, 1, RING_NAME_BYTES, config->function, &config->function_length) &&
           copy_name(function->version, 0, RING_NAME_BYTES, config->version, &config->version_length) &&
           copy_name(function->region, 0, RING_REGION_BYTES, config->region, &config->region_length);
}

int
millibill_declare(Millibill *self, const MillibillFunction *function)
{
    (void) pthread_mutex_lock(&self->declaring);
    int number = atomic_load_explicit(&self->function_count, memory_order_relaxed);
    int result = -1;
    if (number >= MILLIBILL_FUNCTIONS_MAX) {
        errno = ENOSPC;
    } else if (!fill_config(function, &self->functions[number])) {
        errno = EINVAL;
    } else {
        atomic_store_explicit(&self->function_count, number + 1, memory_order_release);
        result = number;
    }
    (void) pthread_mutex_unlock(&self->declaring);
    return result;
}

static int
connect_agent(const Millibill *self)
{
    int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connection < 0)
        return -1;
    const struct timeval limit = {.tv_sec = ANSWER_S};
    if (setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
        setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
        connect(connection, (const struct sockaddr *) &self->address, sizeof(self->address)) == 0)
        return connection;
    (void) close(connection);
    return -1;
}

typedef union DescriptorSpace {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
} DescriptorSpace;

/* Send the request, with `memfd` unless it is -1. */
static bool
send_request(int connection, uint32_t kind, int memfd)
{
    RingRequest request = {.magic = RING_REQUEST_MAGIC, .version = RING_VERSION, .kind = kind};
    struct iovec part = {&request, sizeof(request)};
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
    return sendmsg(connection, &message, MSG_NOSIGNAL) == (ssize_t) sizeof(request);
}

/* The agent's answer; `*memfd` is the descriptor that came with it, or -1. */
static bool
receive_reply(int connection, RingReply *reply, int *memfd)
{
    struct iovec part = {reply, sizeof(*reply)};
    DescriptorSpace space = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space.bytes, .msg_controllen = sizeof(space.bytes)};
    *memfd = -1;
    ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *control = length < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (control != NULL && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
        memcpy(memfd, CMSG_DATA(control), sizeof(int));
    return length == (ssize_t) sizeof(*reply) && reply->magic == RING_REQUEST_MAGIC;
}

/* Get a fresh ring for this thread. */
static bool
ring_open(const Millibill *self, ThreadRing *ring)
{
    RingReply reply;
    ring->connection = connect_agent(self);
    if (ring->connection < 0)
        return false;
    void *memory = MAP_FAILED;
    if (send_request(ring->connection, RING_REQUEST_NEW, -1) && receive_reply(ring->connection, &reply, &ring->memfd) &&
        reply.status == RING_GRANTED && ring->memfd >= 0)
        memory = mmap(NULL, sizeof(RingMemory), PROT_READ | PROT_WRITE, MAP_SHARED, ring->memfd, 0);
    ring->memory = memory == MAP_FAILED ? NULL : memory;
    if (ring->memory == NULL || ring->memory->header.magic != RING_MAGIC ||
        ring->memory->header.version != RING_VERSION) {
        ring_drop(ring);
        return false;
    }
    atomic_store_explicit(&ring->memory->header.lost, ring->lost, memory_order_relaxed);
    ring->lost = 0;
    return true;
}

/* The calling thread's ring, made when there is none. NULL: ENOMEM. */
static ThreadRing *
thread_ring(Millibill *self)
{
    ThreadRing *ring = pthread_getspecific(self->rings);
    unsigned forks = atomic_load_explicit(&fork_count, memory_order_relaxed);
    if (ring != NULL && ring->forks == forks)
        return ring;
    if (ring != NULL) {
        ring_drop(ring); /* the parent's: its own mapping and connection stay */
    } else {
        ring = calloc(1, sizeof(*ring));
        if (ring == NULL || pthread_setspecific(self->rings, ring) != 0) {
            free(ring);
            return NULL;
        }
        ring->memfd = -1;
        ring->connection = -1;
    }
    ring->lost = 0;
    ring->forks = forks;
    (void) ring_open(self, ring);
    return ring;
}

static void
declare_in_ring(const Millibill *self, ThreadRing *ring, unsigned function)
{
    uint64_t bit = UINT64_C(1) << (function % 64);
    if ((ring->declared[function / 64] & bit) != 0)
        return;
    RingConfig *config = &ring->memory->configs[function];
    const size_t head = sizeof(config->commit);
    memcpy((char *) config + head, (const char *) &self->functions[function] + head, sizeof(*config) - head);
    atomic_store_explicit(&config->commit, 1, memory_order_release);
    ring->declared[function / 64] |= bit;
}

static void
fill_slot(RingSlot *slot, const MillibillInvocation *invocation, size_t id_length)
{
    slot->started_at_us = invocation->started_at_us;
    slot->duration_us = invocation->duration_us;
    slot->init_duration_us = invocation->init_duration_us;
    slot->max_memory_used_mb = invocation->max_memory_used_mb;
    slot->cpu_us = invocation->cpu_us;
    slot->response_bytes = invocation->response_bytes;
    slot->attempt = invocation->attempt;
    slot->config = (uint16_t) invocation->function;
    slot->status = (uint8_t) invocation->status;
    slot->request_id_length = (uint8_t) id_length;
    if (id_length > 0)
        memcpy(slot->request_id, invocation->request_id, id_length);
}

static int
lose(ThreadRing *ring, int why)
{
    if (ring->memory != NULL)
        atomic_fetch_add_explicit(&ring->memory->header.lost, 1, memory_order_relaxed);
    else
        ring->lost++;
    errno = why;
    return -1;
}

int
millibill_emit(Millibill *self, const MillibillInvocation *invocation)
{
    size_t id_length = invocation->request_id == NULL ? 0 : strnlen(invocation->request_id, RING_REQUEST_ID_BYTES + 1);
    if (invocation->function < 0 || id_length > RING_REQUEST_ID_BYTES ||
        (unsigned) invocation->status > MILLIBILL_TIMEOUT ||
        invocation->function >= atomic_load_explicit(&self->function_count, memory_order_acquire)) {
        errno = EINVAL;
        return -1;
    }
    ThreadRing *ring = thread_ring(self);
    if (ring == NULL)
        return -1;
    if (ring->memory == NULL)
        return lose(ring, ENOTCONN);
    if (ring->head - atomic_load_explicit(&ring->memory->header.tail, memory_order_acquire) >= RING_SLOTS)
        return lose(ring, ENOBUFS);
    declare_in_ring(self, ring, (unsigned) invocation->function);
    RingSlot *slot = &ring->memory->slots[ring->head % RING_SLOTS];
    atomic_store_explicit(&ring->memory->header.begun, ring->head + 1, memory_order_relaxed);
    /* In program order is enough: the mark is read once this thread is dead, and then all that it executed is visible. */
    atomic_signal_fence(memory_order_seq_cst);
    fill_slot(slot, invocation, id_length);
    atomic_store_explicit(&slot->commit, ++ring->head, memory_order_release);
    return 0;
}

uint64_t
millibill_lost(const Millibill *self)
{
    const ThreadRing *ring = pthread_getspecific(self->rings);
    if (ring == NULL)
        return 0;
    return ring->memory == NULL ? ring->lost : atomic_load_explicit(&ring->memory->header.lost, memory_order_relaxed);
}

static bool
has_agent(const ThreadRing *ring)
{
    char byte;
    return ring->memory != NULL && recv(ring->connection, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

int
millibill_reconnect(Millibill *self)
{
    ThreadRing *ring = thread_ring(self);
    if (ring == NULL || has_agent(ring))
        return ring == NULL ? -1 : 0;
    if (ring->memory == NULL)
        return ring_open(self, ring) ? 0 : -1;
    int connection = connect_agent(self);
    RingReply reply;
    int unwanted = -1;
    if (connection < 0)
        return -1;
    bool answered =
        send_request(connection, RING_REQUEST_ADOPT, ring->memfd) && receive_reply(connection, &reply, &unwanted);
    if (unwanted >= 0)
        (void) close(unwanted);
    if (answered && reply.status == RING_GRANTED) {
        (void) close(ring->connection);
        ring->connection = connection;
        return 0;
    }
    (void) close(connection);
    if (!answered)
        return -1;
    /* An agent with another spool: it cannot tell what of this ring was taken. Count what may be missing. */
    const RingHeader *header = &ring->memory->header;
    uint64_t untaken = ring->head - atomic_load_explicit(&header->tail, memory_order_acquire);
    uint64_t lost = atomic_load_explicit(&header->lost, memory_order_relaxed);
    uint64_t reported = atomic_load_explicit(&header->reported, memory_order_relaxed);
    ring_drop(ring);
    ring->lost = untaken + lost - (reported < lost ? reported : lost);
    return ring_open(self, ring) ? 0 : -1;
}

void
millibill_close(Millibill *self)
{
    if (self == NULL)
        return;
    ThreadRing *ring = pthread_getspecific(self->rings);
    (void) pthread_setspecific(self->rings, NULL);
    (void) pthread_key_delete(self->rings);
    if (ring != NULL)
        ring_end(ring);
    (void) pthread_mutex_destroy(&self->declaring);
    free(self);
}
