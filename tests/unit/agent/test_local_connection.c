/* local_connection: what the other side does with its answers cannot make the agent large */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/file_marks.h"
#include "agent/local_connection.h"
#include "agent/local_frame.h"
#include "proto/wire.h"
#include "tests/unit/agent/support_spool.h"

enum { MARKS = 100, REQUESTS = 300, UNREAD_BYTES = 64 << 10, ANSWER_BYTES_MAX = 128 << 10 };

static void
put_marks(Spool *spool)
{
    Err err = {0};
    for (uint64_t i = 1; i <= MARKS; i++) {
        FileMark mark = {.device = 1, .inode = i, .last_time_us = USAGE_ABSENT};
        memset(mark.path, 'a', 500);
        mark.path[0] = '/';
        assert_true(file_marks_put(spool, &mark, &err));
    }
    support_commit(spool);
}

static void
ask(int fd)
{
    Err err = {0};
    Buffer out = {0};
    Millibill__Find find;
    Millibill__Local message;
    millibill__find__init(&find);
    millibill__local__init(&message);
    char pattern[] = "/*";
    find.pattern = pattern;
    message.kind_case = MILLIBILL__LOCAL__KIND_FIND;
    message.find = &find;
    assert_true(local_pack(&message, &out, &err));
    assert_int_equal(send(fd, out.data, out.length, MSG_NOSIGNAL | MSG_DONTWAIT), out.length);
    buffer_free(&out);
}

/* Read what has come; how many bytes. */
static size_t
take_all(int fd)
{
    static char room[1 << 16];
    size_t total = 0;
    ssize_t got;
    while ((got = recv(fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
        total += (size_t) got;
    return total;
}

static void
who_reads_no_answers_is_not_read_either(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    int ends[2];
    put_marks(fixture->spool);
    LocalShared shared = {.loop = loop_new(&err), .spool = fixture->spool};
    assert_non_null(shared.loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    LocalConnection connection = {.peer = {.watch = {.fd = ends[0]}}, .shared = &shared};
    ask(ends[1]);
    local_connection_read(&connection);
    size_t answer_bytes = connection.out.length; /* to one request */
    assert_in_range(answer_bytes, MARKS * 500 / 2, ANSWER_BYTES_MAX);
    size_t asked = 1;
    for (; asked < 100; asked++) {
        ask(ends[1]);
        local_connection_read(&connection);
        local_connection_send(&connection);
        assert_true(connection.out.length <= UNREAD_BYTES + answer_bytes);
    }
    assert_false(local_connection_may_read(&connection));
    size_t answered = 0;
    for (size_t turn = 0; turn < REQUESTS; turn++) { /* it reads again: every request gets its answer */
        answered += take_all(ends[1]);
        local_connection_send(&connection);
        local_connection_read(&connection);
    }
    assert_int_equal(answered, asked * answer_bytes);
    assert_true(local_connection_may_read(&connection));
    local_connection_release(&connection);
    loop_free(&shared.loop);
    close(ends[0]);
    close(ends[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(who_reads_no_answers_is_not_read_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
