/* verify - prove that the tables agree with one another, and final invoices with the evidence */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/config.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/output.h"
#include "rater/commands.h"
#include "rater/stack.h"
#include "rater/verify.h"
#include "rater/verify_conservation.h"

enum { DIFFERENCES_PRINTED = 20, UNSEALED_PRINTED = 5 };
static const char PROGRAM[] = "millibill verify";

/** What `checked` counts: one, and any other number. */
static const char *const CHECKED[VERIFY_CHECK_COUNT][2] = {
    [VERIFY_STREAMS] = {"stream has every batch from 1 to its last in the ledger",
                        "streams have every batch from 1 to their last in the ledger"},
    [VERIFY_RECEIPTS] = {"commit has its receipt", "commits have receipts without gaps"},
    [VERIFY_LEDGER] = {"batch: records = billed + quarantined = what segments, quarantine and losses hold",
                       "batches: records = billed + quarantined = what segments, quarantine and losses hold"},
    [VERIFY_SEGMENTS] = {"segment has its digest, its records, and only those of its tenant and hour",
                         "segments have their digest, their records, and only those of their tenant and hour"},
    [VERIFY_ROLLUPS] = {"rollup row equals segments less exclusions", "rollup rows equal segments less exclusions"},
    [VERIFY_EXCLUSIONS] = {"exclusion names a record that exists, and one that counts instead",
                           "exclusions name records that exist, and one that counts instead"},
    [VERIFY_REFERENCES] = {"row names a tenant, account, agent, commit, head and rating run that exist",
                           "rows name a tenant, account, agent, commit, head and rating run that exist"},
    [VERIFY_CORRECTIONS] = {"adjustment or final document stands in its tables as it is, and in a chain without gaps",
                            "adjustments and final documents stand in their tables as they are, and adjustments in "
                            "chains without gaps"},
    [VERIFY_SEALS] = {"seal says what segments and exclusions say",
                      "seals are chained without gaps and say what segments and exclusions say"},
    [VERIFY_HEADS] = {"signed head says what books, seals and roots say, and stands in the heads file",
                      "signed heads are chained, say what books, seals and roots say, and stand in the heads file"},
    [VERIFY_INVOICES] = {"final invoice, rated again from segments, is the same to the last digit",
                         "final invoices, rated again from segments, are the same to the last digit"},
};

static bool
add_unsealed(Json *object, const VerifyReport *report, Err *err)
{
    const VerifyUnsealed *unsealed = &report->unsealed;
    char oldest[UTC_TEXT_BYTES];
    Json *entry = json_new_object(err);
    return entry != NULL && json_add(object, "unsealed", entry, err) &&
           json_add_int(entry, "hours", unsealed->hours, err) &&
           json_add_text(entry, "oldest", unsealed->hours == 0 ? NULL : utc_format(unsealed->oldest_us, oldest), err) &&
           json_add(entry, "list", json_object_get(unsealed->list), err);
}

static Json *
report_json(const VerifyReport *report, Err *err)
{
    Json *object = json_new_object(err);
    Json *checks = json_new_array(err);
    Json *missing = json_new_array(err);
    bool done = object != NULL && checks != NULL && missing != NULL &&
                json_add_bool(object, "ok", verify_report_differences(report) == 0, err) &&
                json_add(object, "checks", json_object_get(checks), err) &&
                json_add(object, "conservation", json_object_get(report->conservation), err) &&
                add_unsealed(object, report, err) && json_add(object, "notes", json_object_get(report->notes), err) &&
                json_add(object, "not_covered", json_object_get(missing), err);
    for (size_t i = 0; done && i < VERIFY_CHECK_COUNT; i++) {
        const VerifyCheck *check = &report->checks[i];
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(checks, entry, err) &&
               json_add_text(entry, "name", VERIFY_CHECK_NAMES[i], err) &&
               json_add_int(entry, "checked", check->checked, err) && json_add_int(entry, "found", check->found, err) &&
               json_add(entry, "differences", json_object_get(check->differences), err);
    }
    for (size_t i = 0; done && VERIFY_NOT_COVERED[i] != NULL; i++)
        done = json_append(missing, json_object_new_string(VERIFY_NOT_COVERED[i]), err);
    json_object_put(checks);
    json_object_put(missing);
    if (done)
        return object;
    json_object_put(object);
    return NULL;
}

/** "tenant acme, hour …, segment 7: invocations: expected 3, found 4" */
static void
print_difference(Json *difference)
{
    static const char *const places[] = {"tenant", "hour", "segment", "stream", "sequence", "subject"};
    const char *comma = "";
    printf("    ");
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        Json *value = json_member(difference, places[i]);
        if (value == NULL)
            continue;
        printf("%s%s%s%s", comma, i + 1 < sizeof places / sizeof places[0] ? places[i] : "",
               i + 1 < sizeof places / sizeof places[0] ? " " : "", json_object_get_string(value));
        comma = ", ";
    }
    printf("%s%s: expected %s, found %s\n", comma[0] == '\0' ? "" : ": ",
           json_object_get_string(json_member(difference, "what")),
           json_object_get_string(json_member(difference, "expected")),
           json_object_get_string(json_member(difference, "found")));
}

static void
print_unsealed(const VerifyReport *report)
{
    const VerifyUnsealed *unsealed = &report->unsealed;
    char oldest[UTC_TEXT_BYTES];
    for (size_t i = 0; i < json_object_array_length(report->notes); i++)
        printf("Note: %s\n", json_object_get_string(json_object_array_get_idx(report->notes, i)));
    if (unsealed->hours == 0)
        return;
    printf("Not protected by a seal yet: %" PRId64 " hour%s of tenants, the oldest %s:\n", unsealed->hours,
           unsealed->hours == 1 ? "" : "s", utc_format(unsealed->oldest_us, oldest));
    size_t kept = json_object_array_length(unsealed->list);
    for (size_t i = 0; i < kept && i < UNSEALED_PRINTED; i++) {
        Json *entry = json_object_array_get_idx(unsealed->list, i);
        printf("    %s  %s\n", json_object_get_string(json_member(entry, "hour")),
               json_object_get_string(json_member(entry, "tenant")));
    }
    if (unsealed->hours > UNSEALED_PRINTED)
        printf("    … and %" PRId64 " more; --json has up to %d\n", unsealed->hours - UNSEALED_PRINTED,
               VERIFY_DIFFERENCES_KEPT);
}

static bool
print_text(const VerifyReport *report, Err *err)
{
    for (size_t i = 0; i < VERIFY_CHECK_COUNT; i++) {
        const VerifyCheck *check = &report->checks[i];
        if (check->found == 0) {
            printf("ok         %-11s %" PRId64 " %s\n", VERIFY_CHECK_NAMES[i], check->checked,
                   CHECKED[i][check->checked == 1 ? 0 : 1]);
            continue;
        }
        printf("DIFFERENT  %-11s %" PRId64 " difference%s in %" PRId64 " checked\n", VERIFY_CHECK_NAMES[i],
               check->found, check->found == 1 ? "" : "s", check->checked);
        size_t kept = json_object_array_length(check->differences);
        for (size_t d = 0; d < kept && d < DIFFERENCES_PRINTED; d++)
            print_difference(json_object_array_get_idx(check->differences, d));
        if (check->found > DIFFERENCES_PRINTED)
            printf("    … and %" PRId64 " more; --json has up to %d of each check\n",
                   check->found - DIFFERENCES_PRINTED, VERIFY_DIFFERENCES_KEPT);
    }
    conservation_print(report->conservation);
    print_unsealed(report);
    puts("Not covered:");
    for (size_t i = 0; VERIFY_NOT_COVERED[i] != NULL; i++)
        printf("  %s\n", VERIFY_NOT_COVERED[i]);
    return output_flush(err);
}

static bool
run(const VerifyRequest *asked, const char *data, bool as_json, Err *err)
{
    Config config;
    VerifyReport report = {0};
    VerifyRequest request = *asked;
    Db *db = rater_connect(data, &config, PROGRAM, err);
    request.heads_are_copy = request.heads != NULL;
    if (request.heads == NULL)
        request.heads = config.seal_heads;
    if (request.seal_public_key == NULL)
        request.seal_public_key = config.seal_public_key;
    bool done = db != NULL && verify(db, &request, &report, err);
    Json *json = done && as_json ? report_json(&report, err) : NULL;
    if (done)
        done = as_json ? json != NULL && json_print(json, stdout, err) : print_text(&report, err);
    json_object_put(json);
    int64_t found = verify_report_differences(&report);
    verify_report_free(&report);
    db_free(&db);
    if (done && found > 0) {
        err_set(err, ERR_DIFFERENCE, "%" PRId64 " difference%s found", found, found == 1 ? "" : "s");
        return err_hint(err, "nothing was changed; bill nothing more until it is clear where they come from");
    }
    return done;
}

int
verify_command(int argc, char **argv)
{
    const char *month_text = NULL;
    const char *data = NULL;
    bool as_json = false;
    VerifyRequest request = {0};
    UtcMonth month;
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &month_text, "YYYY-MM", "usage and invoices of this month (UTC) only"},
        {"tenant", 't', OPTION_TEXT, &request.tenant, "NAME", "usage and invoices of this tenant only"},
        {"heads", 0, OPTION_TEXT, &request.heads, "FILE", "a copy of the heads file; default the stack's own"},
        {"seal-public-key", 0, OPTION_TEXT, &request.seal_public_key, "FILE", "default: the stack's own"},
        OPTION_JSON(&as_json),
        OPTION_DATA(&data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill verify",
        .arguments = "",
        .summary =
            "Prove that nothing was lost or counted twice, and that every final invoice follows from its evidence.",
        .detail = "Reads one snapshot and changes nothing; the stack may go on working. Streams, receipts, ledger and\n"
                  "heads are checked whole whatever --month and --tenant say. Exit status 3: something differs.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    if (month_text != NULL) {
        if (!utc_month_parse(month_text, &month, &err)) {
            err_prefix(&err, "--month: ");
            return err_report(&err, PROGRAM);
        }
        request.month = &month;
    }
    return run(&request, data, as_json, &err) ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}
