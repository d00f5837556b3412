/**
 * cases - tables of decoder cases: a text file with tabs, and expectations written by hand
 *
 * An expectation is "skip", "fault field=F reason=R", or "record k=v …"; what it does not name is absent from the record.
 * Names and ids in expectations hold no blanks. For the test programs of this folder.
 */
#ifndef TESTS_UNIT_FORMATS_CASES_H
#define TESTS_UNIT_FORMATS_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/utc.h"
#include "proto/usage_record.h"

enum { CASE_COLUMNS_MAX = 8, CASE_LINE_BYTES = 8192 };

typedef struct Case {
    char line[CASE_LINE_BYTES];
    char *columns[CASE_COLUMNS_MAX];
    int count;
    int number;
} Case;

/* Open tests/data/decode/NAME below the checkout. */
static inline FILE *
cases_open(const char *name)
{
    char path[1024];
    const char *root = getenv("MILLIBILL_SHARE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/decode/%s", root == NULL ? "." : root, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("cannot open %s: run the tests from the checkout", path);
    return file;
}

/* The next case, with its columns cut; false at the end. */
static inline bool
cases_next(FILE *file, Case *out)
{
    while (fgets(out->line, sizeof out->line, file) != NULL) {
        out->number++;
        out->line[strcspn(out->line, "\n")] = '\0';
        if (out->line[0] == '#' || out->line[0] == '\0')
            continue;
        out->count = 0;
        char *rest = out->line, *column;
        while ((column = strsep(&rest, "\t")) != NULL && out->count < CASE_COLUMNS_MAX)
            out->columns[out->count++] = column;
        return true;
    }
    return false;
}

/* Replace every `from` by the one byte `to`, in place. */
static inline void
cases_undo(char *text, const char *from, char to)
{
    size_t length = strlen(from);
    char *write = text;
    for (char *read = text; *read != '\0';) {
        if (strncmp(read, from, length) == 0) {
            *write++ = to;
            read += length;
        } else {
            *write++ = *read++;
        }
    }
    *write = '\0';
}

/* The record as an expectation would be written; every field that is not absent, in a fixed order. */
static inline void
cases_describe(const UsageRecord *record, char *out, size_t size)
{
    char started[UTC_TEXT_BYTES];
    int at = snprintf(out, size, "record id=%.*s", TEXT_ARG(record->request_id));
#define ADD(condition, ...) \
    if (condition)          \
    at += snprintf(out + at, size - (size_t) at, __VA_ARGS__)
    ADD(record->attempt != 1, " attempt=%u", record->attempt);
    ADD(!text_is(record->tenant, "acme"), " tenant=%.*s", TEXT_ARG(record->tenant));
    ADD(!text_is(record->function, "f"), " function=%.*s", TEXT_ARG(record->function));
    ADD(record->version.length > 0, " version=%.*s", TEXT_ARG(record->version));
    ADD(record->region.length > 0, " region=%.*s", TEXT_ARG(record->region));
    ADD(record->architecture != USAGE_X86_64, " architecture=%s", usage_architecture_name(record->architecture));
    ADD(true, " started=%s", utc_format(record->started_at_us, started));
    ADD(true, " duration_us=%lld", (long long) record->duration_us);
    ADD(record->init_duration_us != USAGE_ABSENT, " init_us=%lld", (long long) record->init_duration_us);
    ADD(true, " memory=%lld", (long long) record->memory_mb);
    ADD(record->ephemeral_mb != USAGE_EPHEMERAL_MB_DEFAULT, " ephemeral=%lld", (long long) record->ephemeral_mb);
    ADD(record->max_memory_used_mb != USAGE_ABSENT, " max=%lld", (long long) record->max_memory_used_mb);
    ADD(record->capacity_units != USAGE_ABSENT, " units=%lld", (long long) record->capacity_units);
    ADD(record->reported_billed_ms != USAGE_ABSENT, " billed=%lld", (long long) record->reported_billed_ms);
    ADD(record->cpu_us != USAGE_ABSENT, " cpu_us=%lld", (long long) record->cpu_us);
    ADD(record->response_bytes != USAGE_ABSENT, " response=%lld", (long long) record->response_bytes);
    ADD(record->status != USAGE_OK, " status=%s", usage_status_name(record->status));
    ADD(record->mode != USAGE_ON_DEMAND, " mode=%s", usage_mode_name(record->mode));
    ADD(record->trigger != USAGE_TRIGGER_OTHER, " trigger=%s", usage_trigger_name(record->trigger));
    ADD(record->package != USAGE_MANAGED, " package=%s", usage_package_name(record->package));
    ADD(record->streamed, " streamed=true");
#undef ADD
}

static inline void
cases_describe_fault(const UsageFault *fault, char *out, size_t size)
{
    snprintf(out, size, "fault field=%s reason=%s", fault->field == NULL ? "" : fault->field,
             usage_reason_name(fault->reason));
}

/* Times may be written with any number of decimals in the table. */
static inline void
cases_normalise(char *expected, size_t size)
{
    char *start = strstr(expected, " started=");
    if (start == NULL)
        return;
    start += strlen(" started=");
    char *end = start + strcspn(start, " ");
    int64_t time_us = 0;
    char text[UTC_TEXT_BYTES], rest[CASE_LINE_BYTES];
    assert_true(utc_parse((Text){start, (size_t) (end - start)}, &time_us, NULL));
    snprintf(rest, sizeof rest, "%s", end);
    snprintf(start, size - (size_t) (start - expected), "%s%s", utc_format(time_us, text), rest);
}

static inline void
cases_compare(const Case *one, const char *expected, const char *actual)
{
    char wanted[CASE_LINE_BYTES];
    snprintf(wanted, sizeof wanted, "%s", expected);
    cases_normalise(wanted, sizeof wanted);
    if (strcmp(wanted, actual) != 0)
        fail_msg("line %d, %s:\n  expected %s\n  got      %s", one->number, one->columns[0], wanted, actual);
}

#endif
