/* source_ring: whatever worker or agent is killed, each record that was accepted is durable once, and what is missing is
 * counted. Agents and workers are processes that are really killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/utc.h"
#include "tests/unit/agent/support_rings.h"

/* A second; on a machine that starts an agent and two workers slowly, so many times what that took. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { WITHIN_US = 10000000, STARTS = 20 };
#else
enum { WITHIN_US = 1000000, STARTS = 20 };
#endif

static int
set_up(void **state)
{
    *state = stage_new();
    return 0;
}

static int
tear_down(void **state)
{
    stage_free(*state);
    return 0;
}

typedef void (*WorkerBody)(const Stage *stage, int said);

/* A worker that has done its work when this returns: it wrote a byte to `said`. It then waits to be killed, or has ended. */
static pid_t
start_worker(const Stage *stage, WorkerBody body)
{
    int said[2];
    char byte;
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) close(said[0]);
        body(stage, said[1]);
        _exit(0);
    }
    (void) close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    (void) close(said[0]);
    return pid;
}

static void
say(int said)
{
    if (write(said, "d", 1) != 1)
        _exit(6);
}

static void
emit_some(Millibill *meter, int first, int count)
{
    for (int i = first; i < first + count; i++)
        if (worker_emit(meter, i) != 0)
            _exit(5);
}

static void
emit_1000_and_stay(const Stage *stage, int said)
{
    emit_some(worker_start(stage, "acme"), 0, 1000);
    say(said);
    (void) pause();
}

/* The agent reads everything that is there and ends; then the spool is looked at. */
static Found *
found_at_the_end(Stage *stage)
{
    assert_int_equal(stage_wait(stage, stage_agent(stage, AGENT_ENDS_EMPTY)), 0);
    assert_int_equal(stage->kept_count, 0); /* nothing stays behind with the keeper */
    return stage_found(stage);
}

static void
assert_each_once(Found *found, size_t count)
{
    assert_int_equal(found->records, count);
    assert_int_equal(found->distinct, count);
    assert_int_equal(found->twice, 0);
}

static void
begin_and_die(const Stage *stage, int said)
{
    Millibill *meter = worker_start(stage, "acme");
    emit_some(meter, 0, 10);
    worker_begin(worker_ring(), 10);
    say(said);
    (void) pause();
}

static void
emit_500_more_and_stay(const Stage *stage, int said)
{
    emit_some(worker_start(stage, "acme"), 10, 500);
    say(said);
    (void) pause();
}

static void
matrix_01_a_slot_that_a_killed_worker_never_finished_is_skipped_and_counted_within_a_second(void **state)
{
    Stage *stage = *state;
    int64_t begun_us = utc_monotonic_us();
    pid_t agent = stage_agent(stage, AGENT_LIVES);
    pid_t other = start_worker(stage, emit_500_more_and_stay);
    pid_t worker = start_worker(stage, begin_and_die);
    int64_t killed_us = utc_monotonic_us();
    int64_t slow_us = STARTS * (killed_us - begun_us);
    stage_kill(stage, worker);
    while (stage->removed == 0 && utc_monotonic_us() - killed_us < 120000000)
        stage_listen(stage); /* the keeper is told when all is durable */
    assert_int_equal(stage->removed, 1);
    assert_true(utc_monotonic_us() - killed_us < (WITHIN_US > slow_us ? WITHIN_US : slow_us));
    stage_kill(stage, agent);
    stage_kill(stage, other);
    Found *found = found_at_the_end(stage);
    assert_each_once(found, 510);
    assert_int_equal(found_lost(found, "ring_uncommitted"), 1);
    assert_int_equal(found->lost, 1);
    assert_string_equal(found->loss[0].tenant, "acme");
    free(found);
}

static void
matrix_01_it_is_counted_once_though_the_agent_dies_as_well(void **state)
{
    for (AgentEnd end = AGENT_DIES_BEFORE_COMMIT; end <= AGENT_DIES_AFTER_COMMIT; end++) {
        Stage *stage = stage_new();
        (void) state;
        pid_t agent = stage_agent(stage, AGENT_LIVES);
        pid_t worker = start_worker(stage, begin_and_die);
        stage_kill(stage, agent);
        stage_kill(stage, worker);
        assert_true(WIFSIGNALED(stage_wait(stage, stage_agent(stage, end))));
        Found *found = found_at_the_end(stage);
        assert_each_once(found, 10);
        assert_int_equal(found->lost, 1);
        free(found);
        stage_free(stage);
    }
}

static void
matrix_03_what_was_read_and_not_durable_is_read_again_from_the_kept_ring(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_DIES_BEFORE_COMMIT);
    pid_t worker = start_worker(stage, emit_1000_and_stay);
    assert_true(WIFSIGNALED(stage_wait(stage, agent)));
    stage_kill(stage, worker); /* the keeper alone has the ring now */
    Found *found = found_at_the_end(stage);
    assert_each_once(found, 1000);
    assert_int_equal(found->lost, 0);
    free(found);
}

static void
matrix_03_without_a_keeper_the_records_go_with_worker_and_agent(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_DIES_BEFORE_COMMIT);
    pid_t worker = start_worker(stage, emit_1000_and_stay);
    assert_true(WIFSIGNALED(stage_wait(stage, agent)));
    stage_kill(stage, worker);
    while (stage->kept_count > 0) /* the keeper dies, too: documented loss */
        (void) close(stage->kept[--stage->kept_count].fd);
    Found *found = found_at_the_end(stage);
    assert_true(found->records < 1000);
    assert_int_equal(found->twice, 0);
    free(found);
}

static void
matrix_04_what_is_durable_is_not_read_again_though_the_worker_was_never_told(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_DIES_AFTER_COMMIT);
    pid_t worker = start_worker(stage, emit_1000_and_stay);
    assert_true(WIFSIGNALED(stage_wait(stage, agent)));
    stage_kill(stage, worker);
    uint64_t published = 1;
    for (size_t i = 0; i < stage->kept_count; i++)
        if (fcntl(stage->kept[i].fd, F_GET_SEALS) >= 0)
            assert_int_equal(pread(stage->kept[i].fd, &published, 8, offsetof(RingHeader, tail)), 8);
    assert_int_equal(published, 0); /* what the memory says is behind what the spool says */
    Found *found = found_at_the_end(stage);
    assert_each_once(found, 1000);
    assert_int_equal(found->lost, 0);
    free(found);
}

static void
emit_on_through_restarts(const Stage *stage, int said)
{
    Millibill *meter = worker_start(stage, "acme");
    const struct timespec pause = {0, 1000000};
    emit_some(meter, 0, 100);
    say(said);
    for (int i = 100; i < 1500; i++) {
        if (worker_emit(meter, i) != 0)
            _exit(5);
        if (i % 2 == 0)
            (void) nanosleep(&pause, NULL);
    }
    (void) millibill_reconnect(meter);
    millibill_close(meter);
}

/* The worker does nothing about it: no reconnect while agents come and go. */
static void
matrix_04_agents_killed_at_any_moment_take_each_record_once(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_LIVES);
    pid_t worker = start_worker(stage, emit_on_through_restarts);
    unsigned seed = 20261123;
    for (int i = 0; i < 30; i++) {
        seed = seed * 1664525U + 1013904223U;
        const struct timespec pause = {0, (long) (seed >> 8) % 40000000};
        (void) nanosleep(&pause, NULL);
        stage_kill(stage, agent);
        agent = stage_agent(stage, AGENT_LIVES);
    }
    assert_int_equal(stage_wait(stage, worker), 0);
    stage_kill(stage, agent);
    Found *found = found_at_the_end(stage);
    assert_each_once(found, 1500);
    assert_int_equal(found->lost, 0);
    free(found);
}

static void
overflow(const Stage *stage, int said)
{
    Millibill *meter = worker_start(stage, "acme");
    int refused = 0;
    for (int i = 0; i < 20000; i++)
        refused += worker_emit(meter, i) != 0;
    if (refused == 0 || (uint64_t) refused != millibill_lost(meter))
        _exit(5);
    say(said);
    (void) pause();
}

static void
what_finds_the_ring_full_is_counted_to_the_record(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_LIVES);
    pid_t worker = start_worker(stage, overflow);
    stage_kill(stage, worker);
    stage_kill(stage, agent);
    Found *found = found_at_the_end(stage);
    assert_int_equal(found->twice, 0);
    assert_int_equal(found->records + found->lost, 20000);
    assert_int_equal(found->lost, found_lost(found, "ring_full"));
    assert_true(found->lost > 0);
    free(found);
}

typedef struct ThreadArguments {
    Millibill *meter;
    int first;
} ThreadArguments;

static void *
emit_in_thread(void *context)
{
    const ThreadArguments *arguments = context;
    (void) millibill_reconnect(arguments->meter);
    emit_some(arguments->meter, arguments->first, 2000);
    return NULL;
}

static void
emit_in_threads_and_a_child(const Stage *stage, int said)
{
    enum { THREADS = 6 };
    Millibill *meter = worker_start(stage, "acme");
    pthread_t threads[THREADS];
    ThreadArguments arguments[THREADS];
    emit_some(meter, 0, 100);
    for (int i = 0; i < THREADS; i++) {
        arguments[i] = (ThreadArguments){meter, 1000 + 2000 * i};
        if (pthread_create(&threads[i], NULL, emit_in_thread, &arguments[i]) != 0)
            _exit(4);
    }
    for (int i = 0; i < THREADS; i++)
        (void) pthread_join(threads[i], NULL);
    pid_t child = fork(); /* has the parent's rings mapped, and must not write to them */
    if (child == 0) {
        emit_some(meter, 100, 100);
        _exit(0);
    }
    emit_some(meter, 200, 100);
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0)
        _exit(3);
    say(said);
    (void) pause();
}

static void
threads_and_children_have_rings_of_their_own(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_LIVES);
    pid_t worker = start_worker(stage, emit_in_threads_and_a_child);
    while (stage->removed < 7) /* six threads and the child have ended, the process has not */
        stage_listen(stage);
    stage_kill(stage, worker);
    stage_kill(stage, agent);
    Found *found = found_at_the_end(stage);
    assert_each_once(found, 6 * 2000 + 300);
    assert_int_equal(found->lost, 0);
    free(found);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static void
emitting_makes_no_system_call_and_no_allocation(void **state)
{
    (void) state;
    skip(); /* the sanitizer makes calls of its own */
}
#else
static void
allow_nothing_but_exit(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(4);
}

/* From an empty ring to a full one and beyond. */
static void
emit_without_a_kernel(const Stage *stage, int said)
{
    Millibill *meter = worker_start(stage, "acme");
    say(said);
    size_t allocated = mallinfo2().uordblks;
    allow_nothing_but_exit();
    int refused = 0;
    for (int i = 0; i < 20000; i++)
        refused += worker_emit(meter, i) != 0;
    _exit(refused > 0 && mallinfo2().uordblks == allocated ? 0 : 3);
}

static void
emitting_makes_no_system_call_and_no_allocation(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_LIVES);
    pid_t worker = start_worker(stage, emit_without_a_kernel);
    assert_int_equal(stage_wait(stage, worker), 0);
    stage_kill(stage, agent);
}
#endif

static void
scribble_over_everything(const Stage *stage, int said)
{
    Millibill *meter = worker_start(stage, "acme");
    unsigned seed = 7;
    RingMemory *ring = worker_ring();
    emit_some(meter, 600, 1);
    for (uint8_t *at = (uint8_t *) ring; at < (uint8_t *) (ring + 1); at++)
        *at = (uint8_t) ((seed = seed * 1664525U + 1013904223U) >> 24);
    say(said);
    (void) pause();
}

static void
matrix_02_a_worker_that_scribbles_over_its_ring_harms_nobody(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_LIVES);
    pid_t worker = start_worker(stage, scribble_over_everything);
    while (stage->removed == 0)
        stage_listen(stage); /* it is read no further */
    pid_t honest = start_worker(stage, emit_500_more_and_stay);
    stage_kill(stage, agent); /* alive until now */
    stage_kill(stage, worker);
    stage_kill(stage, honest);
    Found *found = found_at_the_end(stage);
    assert_true(found->seen[10] == 1 && found->seen[509] == 1);
    assert_int_equal(found->losses > 0 && strcmp(found->loss[0].reason, "ring_damaged") == 0, 1);
    free(found);
}

static void
matrix_02_a_kept_ring_with_a_ruined_header_goes_by_the_name_that_the_keeper_knows(void **state)
{
    Stage *stage = *state;
    pid_t agent = stage_agent(stage, AGENT_DIES_BEFORE_COMMIT);
    pid_t worker = start_worker(stage, emit_1000_and_stay);
    assert_true(WIFSIGNALED(stage_wait(stage, agent)));
    for (size_t i = 0; i < stage->kept_count; i++)
        (void) !pwrite(stage->kept[i].fd, "another id, another version, and no magic", 40, 0);
    stage_kill(stage, worker);
    Found *found = found_at_the_end(stage);
    assert_each_once(found, 1000);
    free(found);
}

static void
a_bound_worker_speaks_for_its_own_tenant_only_after_a_restart_too(void **state)
{
    Stage *stage = *state;
    stage->bound_tenant = "globex";
    pid_t agent = stage_agent(stage, AGENT_DIES_BEFORE_COMMIT);
    pid_t worker = start_worker(stage, emit_1000_and_stay); /* says "acme" */
    assert_true(WIFSIGNALED(stage_wait(stage, agent)));
    stage_kill(stage, worker);
    Found *found = found_at_the_end(stage);
    assert_int_equal(found->records, 0);
    assert_int_equal(found->rejected, 1000);
    assert_string_equal(found->rejected_reason, "forged_tenant");
    assert_string_equal(found->rejected_tenant, "globex");
    free(found);
}

int
main(void)
{
#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGE_TEST(matrix_01_a_slot_that_a_killed_worker_never_finished_is_skipped_and_counted_within_a_second),
        STAGE_TEST(matrix_01_it_is_counted_once_though_the_agent_dies_as_well),
        STAGE_TEST(matrix_02_a_worker_that_scribbles_over_its_ring_harms_nobody),
        STAGE_TEST(matrix_02_a_kept_ring_with_a_ruined_header_goes_by_the_name_that_the_keeper_knows),
        STAGE_TEST(matrix_03_what_was_read_and_not_durable_is_read_again_from_the_kept_ring),
        STAGE_TEST(matrix_03_without_a_keeper_the_records_go_with_worker_and_agent),
        STAGE_TEST(matrix_04_what_is_durable_is_not_read_again_though_the_worker_was_never_told),
        STAGE_TEST(matrix_04_agents_killed_at_any_moment_take_each_record_once),
        STAGE_TEST(what_finds_the_ring_full_is_counted_to_the_record),
        STAGE_TEST(threads_and_children_have_rings_of_their_own),
        STAGE_TEST(emitting_makes_no_system_call_and_no_allocation),
        STAGE_TEST(a_bound_worker_speaks_for_its_own_tenant_only_after_a_restart_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
