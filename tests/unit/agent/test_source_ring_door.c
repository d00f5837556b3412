/* source_ring, at its door: one user does not take all rings, and an agent that is short of descriptors refuses, waits, and goes
 * on. The agent is a process of its own, and so is a user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/source_ring.h"
#include "lib/utc.h"
#include "tests/unit/agent/support_rings.h"

enum { SOMEBODY = 12345, NO_ANSWER = -1, WORKERS = 12, GREEDY = RINGS_MAX + 20, WAIT_MS = 60000, BUSY_TICKS = 20 };

static int
set_up(void **state)
{
    Stage *stage = stage_new();
    stage->notify[0] = '\0'; /* nobody keeps rings: their number is what matters */
    assert_int_equal(chmod(stage->folder, 0755), 0);
    *state = stage;
    return 0;
}

static int
tear_down(void **state)
{
    stage_free(*state);
    return 0;
}

/* A connection on which a ring was asked for. */
static int
ask(const Stage *stage)
{
    const RingRequest request = {.magic = RING_REQUEST_MAGIC, .version = RING_VERSION, .kind = RING_REQUEST_NEW};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, stage->socket, strlen(stage->socket));
    if (connection < 0 || connect(connection, (const struct sockaddr *) &address, sizeof(address)) != 0)
        return -1;
    (void) send(connection, &request, sizeof(request), MSG_NOSIGNAL);
    return connection;
}

/* RING_GRANTED, RING_REFUSED, or NO_ANSWER when the connection was closed or `wait_ms` are over. */
static int
answer(int connection, int wait_ms)
{
    RingReply reply = {0};
    const struct timeval limit = {wait_ms / 1000, wait_ms % 1000 * 1000};
    (void) setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ssize_t length = recv(connection, &reply, sizeof(reply), 0); /* the ring itself is let go of */
    return length == (ssize_t) sizeof(reply) ? (int) reply.status : NO_ANSWER;
}

static int
ask_and_wait(const Stage *stage)
{
    int connection = ask(stage);
    int status = answer(connection, WAIT_MS);
    (void) close(connection);
    return status;
}

/* In a child: how many rings does a user get that asks for more than there are? It stays until it is killed. */
static void
be_greedy(const Stage *stage, int said)
{
    int connections[GREEDY];
    int granted = 0;
    const struct rlimit files = {2048, 2048};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || setgroups(0, NULL) != 0 || setgid(SOMEBODY) != 0 ||
        setuid(SOMEBODY) != 0)
        _exit(3);
    for (int i = 0; i < GREEDY; i++) {
        connections[i] = ask(stage);
        granted += connections[i] >= 0 && answer(connections[i], WAIT_MS) == RING_GRANTED;
    }
    if (write(said, &granted, sizeof(granted)) != sizeof(granted))
        _exit(4);
    (void) pause();
    _exit(0);
}

static void
no_user_but_its_own_takes_all_rings(void **state)
{
    Stage *stage = *state;
    int said[2];
    int granted = 0;
    if (geteuid() != 0)
        skip(); /* nobody to be, for whoever may not change its user */
    pid_t agent = stage_agent(stage, AGENT_LIVES);
    const struct rlimit many = {2048, 2048};
    assert_int_equal(prlimit(agent, RLIMIT_NOFILE, &many, NULL), 0);
    assert_int_equal(chmod(stage->socket, 0666), 0);
    assert_int_equal(pipe(said), 0);
    pid_t user = fork();
    if (user == 0)
        be_greedy(stage, said[1]);
    assert_int_equal(read(said[0], &granted, sizeof(granted)), sizeof(granted));
    assert_int_equal(granted, RINGS_USER_MAX);
    assert_int_equal(ask_and_wait(stage), RING_GRANTED); /* somebody else */
    (void) nanosleep(&(struct timespec){1, 0}, NULL);
    assert_int_equal(ask_and_wait(stage), RING_GRANTED); /* with a commit that takes the notice along */
    stage_kill(stage, user);
    stage_kill(stage, agent);
    (void) close(said[0]);
    (void) close(said[1]);
    Found *found = stage_found(stage);
    assert_int_equal(found->losses, 1); /* once, however often it was refused */
    assert_string_equal(found->loss[0].reason, "ring_share");
    free(found);
}

/* The lowest number that a new descriptor of the process could have. */
static rlim_t
next_descriptor(pid_t pid)
{
    char name[64];
    for (rlim_t fd = 0;; fd++) {
        (void) snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int) pid, (int) fd);
        if (access(name, F_OK) != 0)
            return fd;
    }
}

/* Hundredths of a second of processor time that a process has taken. */
static long
ticks_of(pid_t pid)
{
    char name[64];
    unsigned long user = 0;
    unsigned long kernel = 0;
    (void) snprintf(name, sizeof(name), "/proc/%d/stat", (int) pid);
    FILE *file = fopen(name, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel), 2);
    (void) fclose(file);
    return (long) (user + kernel);
}

/* The agent may have `more` descriptors than it has. */
static void
allow(pid_t agent, rlim_t more)
{
    const struct rlimit files = {next_descriptor(agent) + more, 2048};
    assert_int_equal(prlimit(agent, RLIMIT_NOFILE, &files, NULL), 0);
}

static void
an_agent_short_of_descriptors_refuses_and_goes_on(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_LIVES);
    for (rlim_t more = 1; more < 8; more++) { /* it fails at the connection, at the process, or at the memory */
        int connections[WORKERS];
        int granted = 0;
        allow(agent, more);
        for (int i = 0; i < WORKERS; i++)
            connections[i] = ask(stage);
        for (int i = 0; i < WORKERS; i++)
            granted += answer(connections[i], 200) == RING_GRANTED;
        assert_in_range(granted, 0, WORKERS - 1);
        for (int i = 0; i < WORKERS; i++)
            (void) close(connections[i]);
        assert_int_equal(waitpid(agent, NULL, WNOHANG), 0);
        allow(agent, 100);
        assert_int_equal(ask_and_wait(stage), RING_GRANTED);
    }
    stage_kill(stage, agent);
}

static void
an_agent_without_descriptors_rests_while_somebody_waits(void **state)
{
    const struct timespec second = {1, 0};
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_LIVES);
    allow(agent, 0);
    int waiting = ask(stage);
    assert_int_equal(answer(waiting, 300), NO_ANSWER);
    long before = ticks_of(agent);
    (void) nanosleep(&second, NULL);
    assert_true(ticks_of(agent) - before < BUSY_TICKS);
    allow(agent, 100);
    assert_int_equal(answer(waiting, WAIT_MS), RING_GRANTED);
    (void) close(waiting);
    stage_kill(stage, agent);
}

int
main(void)
{
#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGE_TEST(no_user_but_its_own_takes_all_rings),
        STAGE_TEST(an_agent_short_of_descriptors_refuses_and_goes_on),
        STAGE_TEST(an_agent_without_descriptors_rests_while_somebody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
