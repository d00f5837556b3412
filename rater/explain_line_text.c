/* A line explained, for people. See explain_line.h. */
#include <stdio.h>
#include <string.h>

#include "lib/harmless.h"
#include "rater/explain.h"
#include "rater/explain_line.h"

static size_t
count_of(Json *object, const char *key)
{
    Json *array = json_member(object, key);
    return array == NULL ? 0 : json_object_array_length(array);
}

static Json *
at(Json *object, const char *key, size_t i)
{
    return json_object_array_get_idx(json_member(object, key), i);
}

static bool
say_head(Json *answer, Buffer *out, Err *err)
{
    Json *invoice = json_member(answer, "invoice");
    Json *line = json_member(answer, "line");
    Json *book = json_member(answer, "price_book");
    const char *number = explain_member(invoice, "number");
    return line_append_harmless(out, err, "%s %s of tenant %s, %.7s, line %s: %s",
                                number[0] == '\0' ? "Preview" : "Invoice",
                                number[0] == '\0' ? explain_member(invoice, "invoice_id") : number,
                                explain_member(answer, "tenant"), explain_member(invoice, "period_start"),
                                explain_member(answer, "number"), explain_member(line, "description")) &&
           line_append_harmless(out, err, "%s, %s, %s, tier %s; price book %s %s; records with receipts up to %s",
                                explain_member(line, "region"), explain_member(line, "architecture"),
                                explain_member(line, "mode"), explain_member(line, "tier"),
                                explain_member(book, "name"), explain_member(book, "version"),
                                explain_member(invoice, "receipt_watermark")) &&
           buffer_append(out, "\n", 1, err);
}

/* ---- usage ---- */

static bool
say_left_out(Json *answer, const char *what, Buffer *out, Err *err)
{
    Json *left = json_member(answer, "left_out");
    const char *entries = explain_member(left, "entries");
    if (left == NULL || strcmp(entries, "0") == 0)
        return true;
    return line_append_harmless(out, err, "  and %s more %s with %s together (--all shows them)", entries, what,
                                explain_member(left, "quantity"));
}

static const char *
what_is_counted(Json *part)
{
    return json_member(part, "capacity_records") == NULL ? "invocations" : "capacity records";
}

/** What stands beside an hour: the rollup's count, or where in it the billing period starts or ends. */
static bool
append_beside(Json *part, Buffer *out, Err *err)
{
    const char *counted = json_member(part, "capacity_records") == NULL ? "invocations" : "capacity_records";
    const char *rollup = explain_member(part, counted[0] == 'c' ? "rollup_capacity_records" : "rollup_invocations");
    const char *from = explain_member(part, "from");
    const char *until = explain_member(part, "until");
    if (explain_member(part, "hour")[0] == '\0')
        return true;
    if (from[0] != '\0' || until[0] != '\0')
        return buffer_printf(out, err, "; the billing period %s in the midst of this hour, %s: record by record",
                             from[0] != '\0' ? "starts" : "ends", from[0] != '\0' ? from : until);
    if (strcmp(rollup, explain_member(part, counted)) == 0)
        return buffer_append_text(out, "; the rollup says the same", err);
    return buffer_printf(out, err, "; the rollup now has %s %s: others came or went after this bill",
                         rollup[0] == '\0' ? "no" : rollup, what_is_counted(part));
}

/** "thumb, 512 MB, 3 invocations: 431 ms × …" */
static bool
say_part(Json *part, const char *unit, Buffer *out, Err *err)
{
    const char *hour = explain_member(part, "hour");
    const char *formula = explain_member(part, "formula");
    Buffer beside = {0};
    bool done =
        append_beside(part, &beside, err) &&
        line_append_harmless(
            out, err, "  %s%s%s, %s MB, %s %s: %s%s%s %s%s", hour, hour[0] == '\0' ? "" : "  ",
            explain_member(part, "function"), explain_member(part, "memory_mb"),
            explain_member(part, json_member(part, "capacity_records") == NULL ? "invocations" : "capacity_records"),
            what_is_counted(part), formula, formula[0] == '\0' ? "" : " = ", explain_member(part, "quantity"), unit,
            beside.length == 0 ? "" : beside.data);
    buffer_free(&beside);
    return done;
}

static bool
say_parts(Json *answer, const char *key, const char *what, Buffer *out, Err *err)
{
    const char *unit = explain_member(json_member(answer, "line"), "unit");
    bool done = line_append_harmless(out, err, "Usage by %s:", what);
    for (size_t i = 0; done && i < count_of(answer, key); i++)
        done = say_part(at(answer, key, i), unit, out, err);
    return done && say_left_out(answer, what, out, err) && buffer_append(out, "\n", 1, err);
}

static bool
say_invocation(Json *invocation, Json *answer, const char *unit, Buffer *out, Err *err)
{
    const char *init = explain_member(invocation, "init_duration_ms");
    const char *billed = explain_member(invocation, "billed_ms");
    const char *formula = explain_member(invocation, "formula");
    bool with_init = json_object_get_boolean(json_member(invocation, "init_billed"));
    char rounding[160] = "";
    const char *least = explain_member(answer, "minimum_ms");
    bool has_least = strcmp(least, "0") != 0;
    if (billed[0] != '\0')
        snprintf(rounding, sizeof(rounding), "%s%s%s ms, up to a multiple of %s%s%s: %s ms; ",
                 explain_member(invocation, "duration_ms"), with_init ? " + " : "", with_init ? init : "",
                 explain_member(answer, "granularity_ms"), has_least ? " and at least " : "", has_least ? least : "",
                 billed);
    if (json_member(invocation, "capacity_units") != NULL)
        snprintf(rounding, sizeof(rounding), "%s s, up to a multiple of %s: %s s; × %s units; ",
                 explain_member(invocation, "ready_s"), explain_member(answer, "capacity_granularity_s"),
                 explain_member(invocation, "billed_s"), explain_member(invocation, "capacity_units"));
    return line_append_harmless(out, err, "  %s  %s (segment %s, record %s)", explain_member(invocation, "started_at"),
                                explain_member(invocation, "request_id"), explain_member(invocation, "segment"),
                                explain_member(invocation, "ordinal")) &&
           line_append_harmless(out, err, "      %s%s%s%s %s%s", rounding, formula, formula[0] == '\0' ? "" : " = ",
                                explain_member(invocation, "quantity"), unit,
                                init[0] != '\0' && !with_init ? " (initialization is not billed)" : "");
}

static bool
say_invocations(Json *answer, Buffer *out, Err *err)
{
    const char *unit = explain_member(json_member(answer, "line"), "unit");
    bool done =
        line_append_harmless(out, err, "%s of the hour: %s, with %s %s together",
                             json_member(answer, "capacity_granularity_s") == NULL ? "Invocations" : "Capacity records",
                             explain_member(answer, "invocation_count"), explain_member(answer, "quantity"), unit);
    for (size_t i = 0; done && i < count_of(answer, "segments"); i++) {
        Json *segment = at(answer, "segments", i);
        done =
            line_append_harmless(out, err, "  segment %s: %s records, receipt %s", explain_member(segment, "segment"),
                                 explain_member(segment, "records"), explain_member(segment, "receipt"));
    }
    for (size_t i = 0; done && i < count_of(answer, "invocations"); i++)
        done = say_invocation(at(answer, "invocations", i), answer, unit, out, err);
    return done &&
           say_left_out(answer,
                        json_member(answer, "capacity_granularity_s") == NULL ? "invocations" : "capacity records", out,
                        err) &&
           buffer_append(out, "\n", 1, err);
}

/* ---- steps ---- */

static bool
say_claims(Json *step, Buffer *out, Err *err)
{
    size_t count = count_of(step, "claims");
    bool done = true;
    for (size_t i = 0; done && count > 1 && i < count && i < EXPLAIN_ROWS_SHOWN; i++) {
        Json *claim = at(step, "claims", i);
        done = line_append_harmless(out, err, "          %s, %s %s, %s at %s: used %s, free %s",
                                    explain_member(claim, "tenant"), explain_member(claim, "region"),
                                    explain_member(claim, "architecture"), explain_member(claim, "sku"),
                                    explain_member(claim, "unit_price"), explain_member(claim, "quantity"),
                                    explain_member(claim, "free_quantity"));
    }
    return done && (count <= EXPLAIN_ROWS_SHOWN ||
                    line_append_harmless(out, err, "          and %zu more claims (--json has them)",
                                         count - EXPLAIN_ROWS_SHOWN));
}

static bool
say_step(Json *step, Buffer *out, Err *err)
{
    const char *formula = explain_member(step, "formula");
    return line_append_harmless(out, err, "  %-12s %s%s%s %s", explain_member(step, "step"), formula,
                                formula[0] == '\0' ? "" : " = ", explain_member(step, "result"),
                                explain_member(step, "unit")) &&
           line_append_harmless(out, err, "      %s", explain_member(step, "says")) && say_claims(step, out, err);
}

MUST_CHECK bool
explain_line_text(Json *explanation, Buffer *out, Err *err)
{
    bool done = say_head(explanation, out, err);
    if (done && json_member(explanation, "functions") != NULL)
        done = say_parts(explanation, "functions", "functions", out, err);
    if (done && json_member(explanation, "hours") != NULL)
        done = say_parts(explanation, "hours", "hours", out, err);
    if (done && json_member(explanation, "invocations") != NULL)
        done = say_invocations(explanation, out, err);
    if (json_member(explanation, "functions") == NULL) /* the steps stand above the hours */
        return done;
    done = done && line_append_harmless(out, err, "From quantity to amount:");
    for (size_t i = 0; done && i < count_of(explanation, "steps"); i++)
        done = say_step(at(explanation, "steps", i), out, err);
    return done;
}
