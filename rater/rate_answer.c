#include "rater/rate_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/json.h"
#include "lib/output.h"
#include "rater/document.h"
#include "rater/rate_forecast.h"

static const char *
outcome_state(const RateOutcome *outcome)
{
    return outcome->is_final ? "final" : "preview";
}

/* The sum of the totals in a currency, for people. */
static char *
sum_totals(const RateReport *report, const char *currency, int scale, RoundingMode rounding, Err *err)
{
    mpq_t sum, total;
    mpq_inits(sum, total, NULL);
    bool done = true;
    for (size_t i = 0; done && i < report->outcome_count; i++) {
        if (strcmp(report->outcomes[i].currency, currency) != 0)
            continue;
        done = decimal_parse(text_of(report->outcomes[i].total), total, err);
        mpq_add(sum, sum, total);
    }
    char *plain = done ? decimal_format(sum, scale, rounding, err) : NULL;
    char *text = plain != NULL ? decimal_group_thousands(plain, err) : NULL;
    free(plain);
    mpq_clears(sum, total, NULL);
    return text;
}

/* The currency of outcome `at`, when no outcome before it has it and it is not `but`; else NULL. */
static const char *
first_in_currency(const RateReport *report, size_t at, const char *but)
{
    const char *currency = report->outcomes[at].currency;
    bool known = strcmp(currency, but) == 0;
    for (size_t i = 0; !known && i < at; i++)
        known = strcmp(report->outcomes[i].currency, currency) == 0;
    return known ? NULL : currency;
}

/* ", EUR 12.00": contracts may name other currencies and other price books. */
static bool
print_other_totals(const RateReport *report, const PriceBook *book, Err *err)
{
    for (size_t i = 0; i < report->outcome_count; i++) {
        const char *currency = first_in_currency(report, i, book->currency);
        char *total =
            currency == NULL ? NULL : sum_totals(report, currency, currency_scale(currency), ROUND_HALF_UP, err);
        if (total != NULL)
            printf(", %s %s", currency, total);
        else if (currency != NULL)
            return false;
        free(total);
    }
    return true;
}

static bool
print_line(const RateAnswer *self, const RateOutcome *outcome, size_t *cursor, Err *err)
{
    char month[UTC_TEXT_BYTES];
    const RateOutcome *forecast = outcome->is_final ? NULL : rate_forecast_of(self->forecast, outcome->tenant, cursor);
    char *total = decimal_group_thousands(outcome->total, err);
    char *then = total == NULL || forecast == NULL ? NULL : decimal_group_thousands(forecast->total, err);
    bool done = total != NULL && (forecast == NULL || then != NULL);
    if (done)
        printf("%-16s %s  %-28s %-8s %s %14s%s%s%s%s\n", outcome->number == NULL ? "-" : outcome->number,
               utc_month_format(self->month, month), outcome->tenant, outcome_state(outcome), outcome->currency, total,
               outcome->was_final        ? "  unchanged"
               : outcome->is_credit_note ? "  credit note"
                                         : "",
               forecast == NULL ? "" : "  forecast ", forecast == NULL ? "" : then,
               forecast == NULL || forecast->habit_weeks == 0 ? "" : " w");
    free(total);
    free(then);
    return done;
}

/* Who will reach more of its spending limit than it has. */
static void
print_limits(const RateReport *report, const RateReport *forecast)
{
    size_t cursor = 0;
    for (size_t i = 0; i < report->outcome_count; i++) {
        const RateOutcome *outcome = &report->outcomes[i];
        if (outcome->alert != NULL)
            fprintf(stderr, "millibill rate: warning: tenant '%s' has reached %s %% of its spending limit\n",
                    outcome->tenant, outcome->alert);
        const RateOutcome *then = rate_forecast_of(forecast, outcome->tenant, &cursor);
        if (then != NULL && then->alert != NULL && (outcome->alert == NULL || strcmp(outcome->alert, then->alert) != 0))
            fprintf(stderr, "millibill rate: tenant '%s' is forecast to reach %s %% of its spending limit\n",
                    outcome->tenant, then->alert);
    }
}

void
rate_answer_warn(const RateAnswer *self)
{
    const RateReport *report = self->report;
    for (size_t i = 0; i < report->outcome_count; i++) {
        const RateOutcome *outcome = &report->outcomes[i];
        if (outcome->late_records > 0)
            fprintf(stderr,
                    "millibill rate: warning: tenant '%s': %" PRId64
                    " record%s came after invoice %s was final; the next invoice settles %s\n",
                    outcome->tenant, outcome->late_records, outcome->late_records == 1 ? "" : "s", outcome->number,
                    outcome->late_records == 1 ? "it" : "them");
    }
    print_limits(report, self->forecast);
    if (report->copies > 0)
        fprintf(stderr, "millibill rate: %" PRId64 " duplicate%s found and excluded\n", report->copies,
                report->copies == 1 ? "" : "s");
    if (report->conflicts > 0)
        fprintf(stderr,
                "millibill rate: warning: %" PRId64
                " record%s in conflict with an earlier one of the same identity: see "
                "`millibill quarantine list`\n",
                report->conflicts, report->conflicts == 1 ? "" : "s");
    for (size_t i = 0; i < report->skip_count; i++)
        fprintf(stderr, "millibill rate: account '%s' is not billed: %s\n  %s\n", report->skips[i].account,
                report->skips[i].message, report->skips[i].hint);
    for (size_t i = 0; i < report->wait_count; i++)
        fprintf(stderr, "millibill rate: usage of account '%s' waits: %s\n  %s\n", report->waits[i].account,
                report->waits[i].message, report->waits[i].hint);
}

/* How what stands beside the previews was forecast. */
static void
print_methods(const RateReport *forecast)
{
    size_t by_weekday = 0;
    for (size_t i = 0; i < forecast->outcome_count; i++)
        by_weekday += forecast->outcomes[i].habit_weeks > 0 ? 1 : 0;
    if (by_weekday > 0)
        printf("Forecasts marked w are %s.\n", FORECAST_METHOD_WEEKDAY);
    if (by_weekday < forecast->outcome_count)
        printf("%s are %s.\n", by_weekday > 0 ? "The others" : "Forecasts", FORECAST_METHOD_LINE);
    if (forecast->outcome_count > 0)
        puts("They are rated as whole periods.");
}

bool
rate_answer_text(const RateAnswer *self, Err *err)
{
    const RateReport *report = self->report;
    const PriceBook *book = self->book;
    char *total = sum_totals(report, book->currency, book->rounding_scale, book->rounding, err);
    if (total == NULL)
        return false;
    size_t cursor = 0;
    bool told = true;
    for (size_t i = 0; told && i < report->outcome_count; i++)
        told = print_line(self, &report->outcomes[i], &cursor, err);
    if (!told) {
        free(total);
        return false;
    }
    if (report->outcome_count == 0 && report->skip_count == 0 && report->wait_count == 0) {
        printf("no usage in %s: nothing to bill\n", self->month_text);
    } else {
        printf("%zu invoice%s, total %s %s", report->outcome_count, report->outcome_count == 1 ? "" : "s",
               book->currency, total);
        told = print_other_totals(report, book, err);
        puts(self->dry_run ? " (dry run: nothing was written)" : "");
        print_methods(self->forecast);
    }
    free(total);
    return told && output_flush(err);
}

static bool
add_outcomes(Json *object, const RateReport *report, Err *err)
{
    Json *invoices = json_object_new_array();
    Json *notes = json_object_new_array();
    Json *late = json_object_new_array();
    bool done = json_add(object, "invoices", invoices, err) && json_add(object, "credit_notes", notes, err) &&
                json_add(object, "late", late, err);
    for (size_t i = 0; done && i < report->outcome_count; i++) {
        const RateOutcome *outcome = &report->outcomes[i];
        done = json_append(outcome->is_credit_note ? notes : invoices, json_object_get(outcome->document), err);
        if (!done || outcome->late_records == 0)
            continue;
        Json *entry = json_object_new_object();
        done = json_append(late, entry, err) && json_add_text(entry, "tenant", outcome->tenant, err) &&
               json_add_text(entry, "number", outcome->number, err) &&
               json_add_int(entry, "records", outcome->late_records, err);
    }
    return done;
}

static bool
add_skips(Json *object, const char *key, const RateSkip *skips, size_t count, Err *err)
{
    Json *skipped = json_object_new_array();
    bool done = json_add(object, key, skipped, err);
    for (size_t i = 0; done && i < count; i++) {
        Json *entry = json_object_new_object();
        done = json_append(skipped, entry, err) && json_add_text(entry, "account", skips[i].account, err) &&
               json_add_text(entry, "message", skips[i].message, err);
    }
    return done;
}

bool
rate_answer_json(const RateAnswer *self, Err *err)
{
    const RateReport *report = self->report;
    const PriceBook *book = self->book;
    Json *object = json_object_new_object();
    char *total = sum_totals(report, book->currency, book->rounding_scale, book->rounding, err);
    Json *price_book = document_price_book(book, err);
    bool done = object != NULL && total != NULL && price_book != NULL &&
                json_add_text(object, "month", self->month_text, err) &&
                json_add_text(object, "kind", self->final ? "final" : "preview", err) &&
                json_add_bool(object, "dry_run", self->dry_run, err) &&
                json_add_int(object, "receipt_watermark", report->receipt_watermark, err) &&
                json_add(object, "price_book", json_object_get(price_book), err) && add_outcomes(object, report, err) &&
                add_skips(object, "skipped", report->skips, report->skip_count, err) &&
                add_skips(object, "waiting", report->waits, report->wait_count, err) &&
                (self->dry_run || !self->for_all || unbilled_json(self->unbilled, object, err)) &&
                json_add_text(object, "currency", book->currency, err) && json_add_text(object, "total", total, err) &&
                (self->final || self->dry_run || rate_forecast_add(object, self->forecast, self->now_us, err)) &&
                json_print(object, stdout, err);
    json_object_put(price_book);
    json_object_put(object);
    free(total);
    return done;
}
