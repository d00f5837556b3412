/**
 * close - a month from open to final: wait, verify, look for duplicates, bill what came late for earlier months, rate, compare, finalize, seal, export, deliver
 *
 * All state is what stands in the database and in the export folder: every step looks there for what is left to do, so that a run after
 * a kill goes on where the last one was, a run after a finished one changes nothing, and of two at once each step is done by one.
 * Who cannot be billed is held back by account, with the reason; the others get their bills. Findings of verify that name no
 * tenant hold everybody back.
 */
#ifndef RATER_CLOSE_H
#define RATER_CLOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/err.h"
#include "lib/options.h"
#include "rater/bill_changes.h"
#include "rater/rate_month.h"
#include "rater/rate_periods.h"
#include "rater/unbilled.h"
#include "schema/db.h"

enum { CLOSE_DETAIL_BYTES = 512, CLOSE_WAIT_S = 900 };

typedef enum CloseStepId {
    CLOSE_WAIT,
    CLOSE_VERIFY,
    CLOSE_DUPLICATES,
    CLOSE_LATE,
    CLOSE_RATE,
    CLOSE_COMPARE,
    CLOSE_FINAL,
    CLOSE_SEAL,
    CLOSE_EXPORT,
    CLOSE_DELIVER,
    CLOSE_STEP_COUNT
} CloseStepId;

extern const char *const CLOSE_STEP_NAMES[CLOSE_STEP_COUNT];

typedef struct CloseStep {
    bool run;    /* it was come to */
    bool failed; /* and could not be done, or stops the others */
    int64_t took_us;
    char detail[CLOSE_DETAIL_BYTES]; /* what was found or done, for people */
} CloseStep;

typedef struct CloseRequest {
    UtcMonth month;
    BookCalendar *calendar;
    const char *price_book; /* of tenants whose contract names none */
    bool free_tier;
    bool wait;                 /* for agents that have not reported past the end */
    int64_t wait_s;            /* at most */
    const OptionList *without; /* agents that are not waited for */
    const char *output;        /* folder for the documents; NULL: none */
    const OptionList *formats; /* in which they are written; none: all but ubl */
    const char *data; /* as given on the command line, for the program that writes documents; NULL: not given */
    const Config *config;
    const atomic_bool *stop; /* when it becomes true the step at hand ends, and no other begins. NULL: never */
} CloseRequest;

/** An agent, and whether it has reported past the end of the month. */
typedef struct CloseAgent {
    char *name;
    int64_t last_us;
    bool behind;   /* it reported within the month, but not past its end */
    bool excepted; /* by the caller */
} CloseAgent;

/** An account that is not billed. */
typedef struct CloseHold {
    char *account;
    char *message;
    char *hint; /* "": none */
    CloseStepId step;
} CloseHold;

/** What was made final of an earlier month, for accounts that had no invoice of it. */
typedef struct CloseLate {
    UtcMonth month;
    RateReport report;
} CloseLate;

typedef struct Close {
    const CloseRequest *request;
    Db *db;                                                        /* as millibill_rater */
    Db *compactor;                                                 /* as millibill_compactor */
    void (*step_done)(const struct Close *self, CloseStepId step); /* NULL: nobody looks on */
    CloseStep steps[CLOSE_STEP_COUNT];
    CloseAgent *agents;
    size_t agent_count, agent_capacity;
    CloseHold *holds;
    size_t hold_count, hold_capacity;
    RateTenants tenants; /* with their billing periods, as they are when closing begins */
    RatePeriods periods;
    int64_t start_us;    /* all that is over of them lies from here … */
    int64_t end_us;      /* … until before here */
    int64_t differences; /* that verify found */
    RateReport rated;    /* what would be final */
    RateReport final;    /* what is */
    CloseLate *late;     /* by month */
    size_t late_count, late_capacity;
    Unbilled unbilled;   /* usage of earlier months that closing this one has not billed */
    BillChanges changes; /* from the last preview */
} Close;

/** Are these forms in which documents can be written? ERR_USAGE. */
MUST_CHECK bool close_formats_check(const OptionList *formats, Err *err);

/** Close the month. `self` has its first four members set and is freed with close_free() in any case; what was done until an error stands
 *  in it. ERR_CONFLICT: no period of the month is over; ERR_BUSY: an agent has not reported, or try again; ERR_DIFFERENCE: verify found
 *  something that names no tenant; ERR_INTERRUPTED: it was to stop, the message says where; errors of the steps. Accounts that are held back are no error. */
MUST_CHECK bool close_month(Close *self, Err *err);
void close_free(Close *self);

#endif
