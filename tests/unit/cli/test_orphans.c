/* orphans: only what a dead server left is ended, whoever else is near */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/orphans.h"
#include "cli/process.h"

#define ROLE "MILLIBILL_TEST_ROLE"
#define TITLE_SERVER "/usr/lib/postgresql/15/bin/postgres"
#define TITLE_BACKEND "postgres: millibill_collector millibill [local] idle"

typedef struct Place {
    char root[64];
    char cluster[96];
    char postgres[96]; /* a copy of this program under that name */
    char shell[96];    /* and one under another */
} Place;

/* This very program as a server, a backend or a shell: it writes its pid and waits. */
static void
say_pid(void)
{
    pid_t pid = getpid();
    assert_int_equal(write(STDOUT_FILENO, &pid, sizeof(pid)), sizeof(pid));
}

static void
wait_for_end(void)
{
    for (;;)
        pause();
}

/* Starts `program` under the name `title` in the directory where this one is; says nothing itself. */
static void
start_here(const char *program, const char *title, const char *role)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char *const argv[] = {strdup(title), NULL};
        (void) setenv(ROLE, role, 1);
        (void) execv(program, argv);
        _exit(127);
    }
}

static void
play(const char *role)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[length < 0 ? 0 : length] = '\0';
    say_pid();
    if (strcmp(role, "server") == 0)
        start_here(program, TITLE_BACKEND, "alone");
    if (strcmp(role, "frozen") == 0)
        (void) raise(SIGSTOP);
    wait_for_end();
}

/* Runs `program` in `folder` and takes `count` pids that it and its children say. It is nobody's child any more when `orphan`. */
static void
start(const char *program, const char *title, const char *role, const char *folder, bool orphan, pid_t *pids, int count)
{
    int out[2];
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void) dup2(out[1], STDOUT_FILENO);
        (void) close(out[0]);
        if (chdir(folder) != 0)
            _exit(127);
        if (orphan) {
            start_here(program, title, role);
            _exit(0);
        }
        char *const argv[] = {strdup(title), NULL};
        (void) setenv(ROLE, role, 1);
        (void) execv(program, argv);
        _exit(127);
    }
    close(out[1]);
    for (int i = 0; i < count; i++)
        assert_int_equal(read(out[0], &pids[i], sizeof(pids[i])), sizeof(pids[i]));
    close(out[0]);
    if (orphan)
        assert_int_equal(waitpid(child, NULL, 0), child);
}

static bool
lives(pid_t pid)
{
    Process process;
    (void) waitpid(pid, NULL, WNOHANG);
    return process_identify(pid, &process);
}

static void
end_it(pid_t pid)
{
    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
}

static void
an_orphan_is_ended(void **state)
{
    const Place *place = *state;
    pid_t pid;
    start(place->postgres, TITLE_BACKEND, "alone", place->cluster, true, &pid, 1);
    assert_int_equal(orphans_end(place->cluster), 1);
    assert_false(lives(pid));
    assert_int_equal(orphans_end(place->cluster), 0);
}

static void
matrix_11_frozen_orphans_are_ended(void **state)
{
    const Place *place = *state;
    pid_t pids[3];
    for (int i = 0; i < 3; i++)
        start(place->postgres, TITLE_BACKEND, "frozen", place->cluster, true, &pids[i], 1);
    assert_int_equal(orphans_end(place->cluster), 3);
    for (int i = 0; i < 3; i++)
        assert_false(lives(pids[i]));
}

static void
a_living_server_and_its_backends_are_left_alone(void **state)
{
    const Place *place = *state;
    pid_t pids[2];
    start(place->postgres, TITLE_SERVER, "server", place->cluster, true, pids, 2);
    assert_int_equal(orphans_end(place->cluster), 0);
    assert_true(lives(pids[0]) && lives(pids[1]));
    end_it(pids[0]);
    while (lives(pids[0]))
        usleep(1000);
    assert_int_equal(orphans_end(place->cluster), 1); /* its server is gone now */
    assert_false(lives(pids[1]));
}

static void
an_orphan_is_spared_while_any_server_runs_in_the_folder(void **state)
{
    const Place *place = *state;
    pid_t server, orphan;
    start(place->postgres, TITLE_SERVER, "alone", place->cluster, false, &server, 1);
    start(place->postgres, TITLE_BACKEND, "alone", place->cluster, true, &orphan, 1);
    assert_int_equal(orphans_end(place->cluster), 0);
    assert_true(lives(server) && lives(orphan));
    end_it(server);
    assert_int_equal(orphans_end(place->cluster), 1);
}

static void
other_programs_and_other_folders_are_left_alone(void **state)
{
    const Place *place = *state;
    pid_t shell, other;
    start(place->shell, TITLE_BACKEND, "alone", place->cluster, true, &shell, 1);
    start(place->postgres, TITLE_BACKEND, "alone", place->root, true, &other, 1);
    assert_int_equal(orphans_end(place->cluster), 0);
    assert_true(lives(shell) && lives(other));
    end_it(shell);
    end_it(other);
}

static void
an_upgraded_program_is_still_known(void **state)
{
    const Place *place = *state;
    char away[128];
    pid_t pid;
    start(place->postgres, TITLE_BACKEND, "alone", place->cluster, true, &pid, 1);
    (void) snprintf(away, sizeof(away), "%s.copy", place->postgres);
    assert_int_equal(link(place->shell, away), 0);
    assert_int_equal(rename(away, place->postgres), 0); /* /proc/PID/exe says "(deleted)" now */
    assert_int_equal(orphans_end(place->cluster), 1);
    assert_false(lives(pid));
}

static void
a_cluster_that_is_not_there_has_no_orphans(void **state)
{
    (void) state;
    assert_int_equal(orphans_end("/nonexistent/pg"), 0);
}

static int
place_make(void **state)
{
    static Place place;
    char command[1024];
    place = (Place){.root = "/tmp/millibill-test-XXXXXX"};
    if (mkdtemp(place.root) == NULL)
        return -1;
    (void) snprintf(place.cluster, sizeof(place.cluster), "%s/pg", place.root);
    (void) snprintf(place.postgres, sizeof(place.postgres), "%s/bin/postgres", place.root);
    (void) snprintf(place.shell, sizeof(place.shell), "%s/bin/shell", place.root);
    (void) snprintf(command, sizeof(command), "mkdir %s/bin %s && cp /proc/%d/exe %s && cp %s %s", place.root,
                    place.cluster, (int) getpid(), place.postgres, place.postgres, place.shell);
    *state = &place;
    return system(command) == 0 ? 0 : -1; /* NOLINT(cert-env33-c) */
}

static int
place_remove(void **state)
{
    const Place *place = *state;
    char command[128];
    (void) snprintf(command, sizeof(command), "rm -rf %s", place->root);
    return system(command) == 0 ? 0 : -1; /* NOLINT(cert-env33-c) */
}

int
main(void)
{
    const char *role = getenv(ROLE);
    if (role != NULL)
        play(role);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orphan_is_ended),
        cmocka_unit_test(matrix_11_frozen_orphans_are_ended),
        cmocka_unit_test(a_living_server_and_its_backends_are_left_alone),
        cmocka_unit_test(an_orphan_is_spared_while_any_server_runs_in_the_folder),
        cmocka_unit_test(other_programs_and_other_folders_are_left_alone),
        cmocka_unit_test(a_cluster_that_is_not_there_has_no_orphans),
        cmocka_unit_test(an_upgraded_program_is_still_known),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
