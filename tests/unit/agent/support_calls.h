/* A test program that runs itself with tests/faults/failpoint.c preloaded, so that the N-th call of a function fails in it */
#ifndef TESTS_UNIT_AGENT_SUPPORT_CALLS_H
#define TESTS_UNIT_AGENT_SUPPORT_CALLS_H

#include <stdbool.h>

/* Exit status of the child: it did its work; a call failed and it said so; something is wrong. */
enum { CALLS_DONE = 0, CALLS_REFUSED = 1, CALLS_BROKEN = 2, CALLS_MAX = 3000 };

typedef int (*CallsWork)(const char *path);

/* One kind of work that a child can be told to do. */
typedef struct CallsChild {
    const char *name;
    CallsWork work;
} CallsChild;

/* First thing in main(): is this process a child? Then it does its work (`children` end with a name that is NULL) and exits. */
void calls_begin(int argc, char **argv, const CallsChild *children);
/* Run a child in directory `path` by a rule of failpoint.c: its exit status. A signal fails the test. */
int calls_run_failing(const char *child, const char *path, const char *rule);
/* Calls that its first rule made fail. */
long calls_failed(const char *path);
/* A directory of its own below /dev/shm. */
void calls_make_directory(char path[64]);
void calls_remove_directory(const char *path);

/* Which calls of a child fail, one after the other. */
typedef struct CallsSeries {
    const char *child;
    const char *point; /* as failpoint.c names it */
    const char *how;
    int least;                         /* more calls than these are there, else nothing was tried */
    bool pairs;                        /* the call behind it fails too */
    void (*prepare)(const char *path); /* what the child finds; NULL: an empty directory */
    /* What it left behind; NULL: nothing to see. `failed`: a call did. */
    void (*look)(const char *path, const char *rule, bool failed);
} CallsSeries;

/* The N-th call fails, for N = 1, 2, ... until none is left to fail, each time in a directory of its own. */
void calls_fail_each(const CallsSeries *series);

#endif
