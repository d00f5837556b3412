#include "rater/verify.h"

#include <string.h>

#include "rater/rate_periods.h"
#include "rater/verify_conservation.h"
#include "rater/verify_parts.h"
#include "rater/verify_seals.h"
#include "schema/heads_file.h"

const char *const VERIFY_CHECK_NAMES[VERIFY_CHECK_COUNT] = {
    "streams",    "receipts",    "ledger", "segments", "rollups",  "exclusions",
    "references", "corrections", "seals",  "heads",    "invoices",
};

const char *const VERIFY_NOT_COVERED[] = {
    "what one owner of all three, database, sealing key and every copy of the heads file, can still make anew: doc/seals.md",
    "duplicates: that an excluded record is the one kept (and no other attempt of it), and that no copy is left, is not decided again",
    "the way to the collector: what an agent never sent does not stand in any table",
    NULL,
};

/* ---- the report ---- */

void
verify_report_free(VerifyReport *report)
{
    for (size_t i = 0; i < VERIFY_CHECK_COUNT; i++)
        json_object_put(report->checks[i].differences);
    json_object_put(report->conservation);
    json_object_put(report->unsealed.list);
    json_object_put(report->notes);
    *report = (VerifyReport){0};
}

int64_t
verify_report_differences(const VerifyReport *report)
{
    int64_t found = 0;
    for (size_t i = 0; i < VERIFY_CHECK_COUNT; i++)
        found += report->checks[i].found;
    return found;
}

/* Members that do not apply are left out. */
static bool
add_if_given(Json *object, const char *key, const char *value, Err *err)
{
    return value == NULL || value[0] == '\0' || json_add_text(object, key, value, err);
}

static bool
add_if_not_zero(Json *object, const char *key, int64_t value, Err *err)
{
    return value == 0 || json_add_int(object, key, value, err);
}

MUST_CHECK bool
verify_note(VerifyReport *report, VerifyCheckId check, const VerifyFinding *finding, Err *err)
{
    VerifyCheck *noted = &report->checks[check];
    if (++noted->found > VERIFY_DIFFERENCES_KEPT)
        return true;
    Json *object = json_new_object(err);
    return object != NULL && json_append(noted->differences, object, err) &&
           add_if_given(object, "tenant", finding->tenant, err) && add_if_given(object, "hour", finding->hour, err) &&
           add_if_not_zero(object, "segment", finding->segment_id, err) &&
           add_if_not_zero(object, "stream", finding->stream_id, err) &&
           add_if_not_zero(object, "sequence", finding->sequence, err) &&
           add_if_given(object, "subject", finding->subject, err) &&
           json_add_text(object, "what", finding->what, err) &&
           json_add_text(object, "expected", finding->expected, err) &&
           json_add_text(object, "found", finding->found, err);
}

static bool
report_start(VerifyReport *report, Err *err)
{
    *report = (VerifyReport){0};
    for (size_t i = 0; i < VERIFY_CHECK_COUNT; i++) {
        report->checks[i].differences = json_new_array(err);
        if (report->checks[i].differences == NULL)
            return false;
    }
    report->unsealed.list = json_new_array(err);
    report->notes = json_new_array(err);
    return report->unsealed.list != NULL && report->notes != NULL;
}

/* ---- what the database answers ---- */

typedef struct Answering {
    VerifyReport *report;
    VerifyCheckId check;
} Answering;

static bool
note_answer(void *context, const VerifyFinding *finding, Err *err)
{
    const Answering *answering = context;
    return verify_note(answering->report, answering->check, finding, err);
}

static bool
ask(Db *db, const VerifyRequest *request, const VerifyPeriod *period, VerifyReport *report, Err *err)
{
    static const VerifyCheckId checks[VERIFY_QUESTION_COUNT] = {
        [VERIFY_ASK_STREAMS] = VERIFY_STREAMS,       [VERIFY_ASK_RECEIPTS] = VERIFY_RECEIPTS,
        [VERIFY_ASK_LEDGER] = VERIFY_LEDGER,         [VERIFY_ASK_EXCLUSIONS] = VERIFY_EXCLUSIONS,
        [VERIFY_ASK_REFERENCES] = VERIFY_REFERENCES, [VERIFY_ASK_CORRECTIONS] = VERIFY_CORRECTIONS,
        [VERIFY_ASK_DAYS] = VERIFY_ROLLUPS,
    };
    for (int question = 0; question < VERIFY_QUESTION_COUNT; question++) {
        Answering answering = {report, checks[question]};
        if (!verify_ask(db, (VerifyQuestion) question, request->tenant, period,
                        &report->checks[answering.check].checked, note_answer, &answering, err))
            return err_prefix(err, "%s: ", VERIFY_CHECK_NAMES[answering.check]);
    }
    return true;
}

/* ---- the whole ---- */

/* Of a month: its UTC hours, and those of the billing period of the tenant (NULL: of all). */
static VerifyPeriod
period_of(const VerifyRequest *request, const RateTenants *tenants, const RateTenant *tenant)
{
    VerifyPeriod period = {INT64_MIN, INT64_MAX};
    if (request->month != NULL)
        rate_periods_hull(tenants, tenant, &period.start_us, &period.end_us);
    return period;
}

static bool
verify_evidence(Db *db, const VerifyRequest *request, const RateTenants *tenants, VerifyReport *report, Err *err)
{
    for (size_t i = 0; i < tenants->count; i++) {
        const RateTenant *tenant = &tenants->all[i];
        if (request->tenant != NULL && strcmp(request->tenant, tenant->name) != 0)
            continue;
        const VerifyPeriod period = period_of(request, tenants, tenant);
        if (!verify_usage(db, tenant, &period, report, err))
            return err_prefix(err, "tenant '%s': ", tenant->name);
    }
    return true;
}

static bool
verify_all(Db *db, const VerifyRequest *request, RateTenants *tenants, VerifyReport *report, Err *err)
{
    const bool all = request->month == NULL;
    if (!rate_tenants_read(tenants, db, NULL, all ? utc_month_of(utc_now_us()) : *request->month, err) ||
        (!all && !rate_periods_set(tenants, db, err)))
        return false;
    if (request->tenant != NULL && rate_tenants_find(tenants, request->tenant) == NULL) {
        err_set(err, ERR_NOT_FOUND, "there is no tenant '%s'", request->tenant);
        return err_hint(err, "millibill tenant list shows the names");
    }
    report->conservation = conservation_read(db, err);
    const VerifyPeriod period = period_of(request, tenants, NULL);
    return report->conservation != NULL && ask(db, request, &period, report, err) &&
           verify_evidence(db, request, tenants, report, err) && verify_heads(db, request, report, err) &&
           verify_invoices(db, request->tenant, request->month, report, err);
}

bool
verify(Db *db, const VerifyRequest *request, VerifyReport *report, Err *err)
{
    RateTenants tenants = {0};
    VerifyRequest bounded = *request;
    bounded.heads_bytes = heads_file_bytes(request->heads);
    bool done = report_start(report, err) && verify_begin(db, err) && verify_all(db, &bounded, &tenants, report, err);
    db_rollback(db);
    rate_tenants_free(&tenants);
    return done;
}
