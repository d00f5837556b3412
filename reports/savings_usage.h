/**
 * savings_usage - how much functions ran: the facts that a comparison needs besides the rated lines
 *
 * From quote rows (so many invocations of this duration each) or from usage records (one invocation each, with its start,
 * so that the greatest number at a time is known), in a JSON array or NDJSON; or filled by hand from rollups.
 */
#ifndef REPORTS_SAVINGS_USAGE_H
#define REPORTS_SAVINGS_USAGE_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"

typedef struct UsageFunction {
    char *name;
    mpq_t invocations;
    mpq_t busy_s;      /* wall time, added up */
    mpq_t longest_s;   /* longest run; 0 when unknown */
    mpq_t memory_gb_s; /* memory x wall time */
} UsageFunction;

typedef struct SavingsUsage {
    UsageFunction *functions; /* in order of first appearance */
    size_t count;
    size_t rows;       /* rows or records that count */
    bool from_records; /* they were usage records */
    UtcMonth month;    /* of the records; meaningless when there are none */
    size_t copies;     /* records left out: the same identity with the same content came before */
    size_t outside;    /* records left out: they started outside the month */
    int64_t peak;      /* greatest number of executions at a time; -1: unknown */
} SavingsUsage;

enum { SAVINGS_USAGE_BYTES_MAX = 512 << 20 };

/** The function of that name, made when new. NULL: ERR_NOMEM. Borrowed until the next call. */
MUST_CHECK UsageFunction *savings_usage_function(SavingsUsage *self, Text name, Err *err);

/** Read rows or records (`name` stands for the file in messages). When they are records, `quote_rows` gets the same
 *  usage as quote rows in NDJSON; else it stays empty and the text itself can be quoted. Of records with the same
 *  identity (tenant, request_id, attempt) and the same content one counts; those without a request_id all count. `month`:
 *  records that started in another one are left out; NULL: all have to lie in one month. On failure: ERR_INPUT with the
 *  row's number. Caller clears `self` in any case. */
MUST_CHECK bool savings_usage_read(Text text, const char *name, const UtcMonth *month, SavingsUsage *self,
                                   Buffer *quote_rows, Err *err);

void savings_usage_clear(SavingsUsage *self);

#endif
