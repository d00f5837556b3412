/* What the tests of the spool share: a spool in a directory of its own */
#ifndef TESTS_UNIT_AGENT_SUPPORT_SPOOL_H
#define TESTS_UNIT_AGENT_SUPPORT_SPOOL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/spool.h"

enum { SPOOL_TEST_MAX_MB = 16 };
/* Of long series one step in so many is enough under ASan: there each transaction costs milliseconds, for LMDB asks for megabytes anew. All of
 * them are run without it. */
#ifdef __SANITIZE_ADDRESS__
enum { SPOOL_TEST_STEP = 8 };
#else
enum { SPOOL_TEST_STEP = 1 };
#endif
#define SPOOL_TEST_NOW_US INT64_C(1800000000000000)
#define SPOOL_TEST(name) cmocka_unit_test_setup_teardown(name, support_set_up, support_tear_down)

typedef struct SpoolFixture {
    char path[64];
    Spool *spool;
} SpoolFixture;

int support_set_up(void **state);
int support_tear_down(void **state);
/* Close (what is only staged goes) and open again. */
void support_reopen(SpoolFixture *fixture, int64_t now_us);
/* Remove what is in the directory of the closed spool. */
void support_empty(const SpoolFixture *fixture);
/* Remove a directory that holds files only. */
void support_remove(const char *path);
/* How long its file is. */
uint64_t support_file_bytes(const SpoolFixture *fixture);
/* Transactions that were committed so far. */
size_t support_commits(const Spool *spool);
/* Stage a text, assert that it is taken, return its key. */
uint64_t support_append(Spool *spool, const char *text);
void support_commit(Spool *spool);
void support_assert_batch(Spool *spool, uint64_t key, const char *expected);
/* Change one byte of the closed spool's file, `offset` bytes behind the first place that holds `pattern`. */
void support_damage(const SpoolFixture *fixture, const char *pattern, size_t offset);

#endif
