/* fd_store: what the agent leaves is there for the next one, and nobody else leaves or takes anything */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/fd_store.h"
#include "cli/launch.h"

typedef struct Fixture {
    char folder[64];
    char path[96];
    FdStore *store;
    int sender;
} Fixture;

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof(*fixture));
    Err err = {0};
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/mb-fd-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/notify.sock", fixture->folder);
    fixture->store = fd_store_open(fixture->path, &err);
    assert_non_null(fixture->store);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, fixture->path, strlen(fixture->path));
    fixture->sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fixture->sender, (struct sockaddr *) &address, sizeof(address)), 0);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    fd_store_free(&fixture->store);
    close(fixture->sender);
    assert_int_not_equal(access(fixture->path, F_OK), 0); /* the socket went with the store */
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void
say(const Fixture *fixture, const char *text, const int *fds, size_t count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } space = {0};
    struct iovec part = {(void *) (uintptr_t) text, strlen(text)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = space.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *control = CMSG_FIRSTHDR(&message);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(control), fds, count * sizeof(int));
    }
    assert_int_equal(sendmsg(fixture->sender, &message, 0), (int) strlen(text));
}

static void
leave(Fixture *fixture, const char *name, int fd)
{
    char text[200];
    snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0\n", name);
    say(fixture, text, &fd, 1);
    fd_store_receive(fixture->store, getpid());
}

static int
some_memory(const char *content)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(fd, content, strlen(content)), (int) strlen(content));
    return fd;
}

static void
assert_stored(Fixture *fixture, const char *expected)
{
    const int *fds;
    const char *names;
    (void) fd_store_list(fixture->store, &fds, &names);
    assert_string_equal(names, expected);
}

static void
what_is_left_under_a_name_is_kept_until_it_is_removed(void **state)
{
    Fixture *fixture = *state;
    int one = some_memory("one");
    int pair[] = {some_memory("a"), some_memory("b")};
    leave(fixture, "ring-1", one);
    say(fixture, "FDSTORE=1\nFDNAME=ring-2\n", pair, 2);
    fd_store_receive(fixture->store, getpid());
    close(one);
    assert_stored(fixture, "ring-1:ring-2:ring-2");
    const int *fds;
    const char *names;
    assert_int_equal(fd_store_list(fixture->store, &fds, &names), 3);
    char content[8] = "";
    assert_int_equal(pread(fds[0], content, sizeof(content), 0), 3);
    assert_string_equal(content, "one");
    say(fixture, "FDSTOREREMOVE=1\nFDNAME=ring-2\n", NULL, 0);
    fd_store_receive(fixture->store, getpid());
    assert_stored(fixture, "ring-1");
    close(pair[0]);
    close(pair[1]);
}

static void
nobody_but_the_agent_is_listened_to(void **state)
{
    Fixture *fixture = *state;
    int fd = some_memory("x");
    leave(fixture, "ring-1", fd);
    pid_t child = fork();
    if (child == 0) {
        say(fixture, "FDSTOREREMOVE=1\nFDNAME=ring-1\n", NULL, 0);
        say(fixture, "FDSTORE=1\nFDNAME=ring-9\n", &fd, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    fd_store_receive(fixture->store, getpid());
    assert_stored(fixture, "ring-1");
    say(fixture, "FDSTORE=1\nFDNAME=ring-2\n", &fd, 1);
    fd_store_receive(fixture->store, 0); /* no agent runs */
    assert_stored(fixture, "ring-1");
    close(fd);
}

static void
what_a_process_sent_before_it_died_counts(void **state)
{
    Fixture *fixture = *state;
    int fd = some_memory("x");
    pid_t child = fork();
    if (child == 0) {
        say(fixture, "FDSTORE=1\nFDNAME=last-words\n", &fd, 1);
        (void) kill(getpid(), SIGKILL);
    }
    siginfo_t ended = {0};
    assert_int_equal(waitid(P_PID, (id_t) child, &ended, WEXITED | WNOWAIT), 0);
    fd_store_receive(fixture->store, child);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_stored(fixture, "last-words");
    close(fd);
}

static void
what_cannot_be_understood_is_dropped(void **state)
{
    Fixture *fixture = *state;
    int fd = some_memory("x");
    const char *bad[] = {"FDSTORE=1\n",
                         "FDSTORE=1\nFDNAME=\n",
                         "FDSTORE=1\nFDNAME=a:b\n",
                         "FDSTORE=1\nFDNAME=a b\n",
                         "FDSTOREREMOVE=1\n",
                         "nonsense",
                         "FDNAME=alone\n",
                         "READY=1\n",
                         "FDSTORE=1\nFDNAME=\x01\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        say(fixture, bad[i], &fd, 1);
        fd_store_receive(fixture->store, getpid());
    }
    char large[5000];
    memset(large, 'x', sizeof(large) - 1);
    memcpy(large, "FDSTORE=1\nFDNAME=", 17);
    large[sizeof(large) - 1] = '\0';
    say(fixture, large, &fd, 1);
    fd_store_receive(fixture->store, getpid());
    assert_stored(fixture, "");
    close(fd);
}

static void
it_takes_as_many_as_there_is_room_for(void **state)
{
    Fixture *fixture = *state;
    int fd = some_memory("x");
    for (int i = 0; i < FD_STORE_MAX + 5; i++)
        leave(fixture, "many", fd);
    const int *fds;
    const char *names;
    assert_int_equal(fd_store_list(fixture->store, &fds, &names), FD_STORE_MAX);
    int unused = open("/dev/null", O_RDONLY | O_CLOEXEC); /* what found no room was closed */
    assert_true(unused < FD_STORE_MAX + 32);
    close(unused);
    say(fixture, "FDSTOREREMOVE=1\nFDNAME=many\n", NULL, 0);
    fd_store_receive(fixture->store, getpid());
    assert_stored(fixture, "");
    close(fd);
}

/* A program that says what it was given. */
static void
the_next_start_finds_what_was_left(void **state)
{
    Fixture *fixture = *state;
    char output[96];
    Err err = {0};
    snprintf(output, sizeof(output), "%s/output", fixture->folder);
    int first = some_memory("first");
    int second = some_memory("second");
    leave(fixture, "ring-a", second); /* descriptors in another order than they are passed in */
    leave(fixture, "ring-b", first);
    close(first);
    close(second);
    ServiceUser user = {0};
    assert_true(service_user_find(&user, &err));
    user.differs = false;
    Program shell;
    assert_true(program_open("/bin/sh", &user, &shell, &err));
    const char *script =
        "echo $((LISTEN_PID == $$)) $LISTEN_FDS $LISTEN_FDNAMES $NOTIFY_SOCKET; "
        "cat /proc/self/fd/3 /proc/self/fd/4; set -- /proc/$$/fd/*; echo $#"; /* and the directory it reads */
    const char *argv[] = {"sh", "-c", script, NULL};
    LaunchGifts gifts = {.notify_socket = fd_store_path(fixture->store)};
    gifts.fd_count = fd_store_list(fixture->store, &gifts.fds, &gifts.fd_names);
    int status;
    pid_t child = launch_with(&shell, argv, &user, output, 0, &gifts, &err);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char said[256];
    char expected[256];
    log_tail(output, said, sizeof(said));
    snprintf(expected, sizeof(expected), "1 2 ring-a:ring-b %s\nsecondfirst6", fixture->path);
    assert_string_equal(said, expected);
    program_close(&shell);
    unlink(output);
}

int
main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_is_left_under_a_name_is_kept_until_it_is_removed),
        STORE_TEST(nobody_but_the_agent_is_listened_to),
        STORE_TEST(what_a_process_sent_before_it_died_counts),
        STORE_TEST(what_cannot_be_understood_is_dropped),
        STORE_TEST(it_takes_as_many_as_there_is_room_for),
        STORE_TEST(the_next_start_finds_what_was_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
