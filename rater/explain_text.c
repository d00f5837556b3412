/* What became of a record, for people. See explain.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harmless.h"
#include "rater/explain.h"

const char *
explain_member(Json *object, const char *key)
{
    const char *text = json_object_get_string(json_member(object, key));
    return text == NULL ? "" : text;
}

static Json *
element(Json *array, size_t i)
{
    return json_object_array_get_idx(array, i);
}

static size_t
count_of(Json *object, const char *key)
{
    Json *array = json_member(object, key);
    return array == NULL ? 0 : json_object_array_length(array);
}

static const char *
fate_sentence(const char *fate)
{
    static const char *const sentences[][2] = {
        {"billed", "BILLED"},
        {"draft", "IN A PREVIEW (not final yet)"},
        {"free", "FREE: its lines cost nothing, the free tier or the price covers it"},
        {"not_rated", "NOT RATED YET: no invoice and no preview covers it"},
        {"late", "LATE: it came after the invoice was final and is not on it"},
        {"copy", "NOT COUNTED: a copy of a record that is"},
        {"conflict", "NOT COUNTED: another record of the same identity came before and says something else"},
        {"reversed", "NOT COUNTED: it was reversed"},
    };
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (strcmp(fate, sentences[i][0]) == 0)
            return sentences[i][1];
    return fate;
}

/** "512 MB, x86_64, us-east-1, on_demand, ok" of what the record says. */
static bool
say_facts(Json *record, Buffer *out, Err *err)
{
    const char *init = explain_member(record, "init_duration_ms");
    const char *units = explain_member(record, "capacity_units");
    return line_append_harmless(
        out, err, "   function %s%s%s, started %s, %s%s%s %s%s%s%s, %s MB, %s, %s, %s, %s",
        explain_member(record, "function"), explain_member(record, "version")[0] == '\0' ? "" : ":",
        explain_member(record, "version"), explain_member(record, "started_at"), units[0] == '\0' ? "ran " : units,
        units[0] == '\0' ? "" : " units kept ready for ",
        explain_member(record, units[0] == '\0' ? "duration_ms" : "ready_s"), units[0] == '\0' ? "ms" : "s",
        init[0] == '\0' ? "" : " after ", init, init[0] == '\0' ? "" : " ms of initialization",
        explain_member(record, "memory_mb"), explain_member(record, "architecture"),
        explain_member(record, "region")[0] == '\0' ? "no region" : explain_member(record, "region"),
        explain_member(record, "mode"), explain_member(record, "status"));
}

enum { FIGURE_BYTES = 128, FRACTION_SHOWN = 12 };

/** A decimal with at most FRACTION_SHOWN digits behind its point, and a sign that it goes on. */
static const char *
brief(const char *decimal, char out[FIGURE_BYTES])
{
    const char *point = strchr(decimal, '.');
    bool cut = point != NULL && strlen(point + 1) > FRACTION_SHOWN;
    int length = cut ? (int) (point - decimal) + 1 + FRACTION_SHOWN : (int) strlen(decimal);
    snprintf(out, FIGURE_BYTES, "%.*s%s", length, decimal, cut ? "…" : "");
    return out;
}

static bool
say_line(Json *line, const char *currency, Buffer *out, Err *err)
{
    char figures[4][FIGURE_BYTES];
    return line_append_harmless(out, err, "      line %s, %s: %s %s, of them %s free and %s billed: %s %s",
                                explain_member(line, "line"), explain_member(line, "description"),
                                brief(explain_member(line, "quantity"), figures[0]), explain_member(line, "unit"),
                                brief(explain_member(line, "free_quantity"), figures[1]),
                                brief(explain_member(line, "billed_quantity"), figures[2]),
                                brief(explain_member(line, "amount_exact"), figures[3]), currency);
}

static bool
say_invoice(Json *invoice, Buffer *out, Err *err)
{
    const char *number = explain_member(invoice, "number");
    const char *currency = explain_member(invoice, "currency");
    bool done = line_append_harmless(
        out, err, "   %s %s (%.7s, up to receipt %s): its part is %s %s", number[0] == '\0' ? "preview" : "invoice",
        number[0] == '\0' ? explain_member(invoice, "invoice_id") : number, explain_member(invoice, "period_start"),
        explain_member(invoice, "receipt_watermark"), explain_member(invoice, "amount_exact"), currency);
    for (size_t i = 0; done && i < count_of(invoice, "lines"); i++)
        done = say_line(element(json_member(invoice, "lines"), i), currency, out, err);
    return done;
}

static bool
say_reversal(Json *reversal, Buffer *out, Err *err)
{
    return reversal == NULL ||
           line_append_harmless(out, err, "   reversed on %s by %s, because: %s (receipt %s)",
                                explain_member(reversal, "at"), explain_member(reversal, "by"),
                                explain_member(reversal, "because"), explain_member(reversal, "receipt"));
}

static bool
say_exclusion(Json *kept, Buffer *out, Err *err)
{
    if (kept == NULL)
        return true;
    size_t differences = count_of(kept, "differs_in");
    bool done = line_append_harmless(out, err, "   counts instead: record %s%s of segment %s, hour %s",
                                     explain_member(kept, "ordinal"),
                                     json_member(kept, "record") == NULL ? "" : " (listed here)",
                                     explain_member(kept, "segment"), explain_member(kept, "hour"));
    if (done && json_member(kept, "record") != NULL && differences == 0)
        done = line_append_harmless(out, err, "      that is number %s of this list, and the same to the last fact",
                                    explain_member(kept, "record"));
    if (done && differences > 0)
        done = line_append_harmless(
            out, err, "      that is number %s of this list; it differs in %s", explain_member(kept, "record"),
            json_object_to_json_string_ext(json_member(kept, "differs_in"), JSON_C_TO_STRING_PLAIN));
    return done;
}

static bool
say_batch(Json *batch, Buffer *out, Err *err)
{
    const char *label = explain_member(batch, "label");
    if (batch == NULL)
        return line_append_harmless(out, err, "   brought by a batch that the ledger does not have any more");
    return line_append_harmless(out, err, "   brought by batch %s of agent %s (spool %s, stream %s): %s%s%s",
                                explain_member(batch, "sequence"), explain_member(batch, "agent"),
                                explain_member(batch, "spool"), explain_member(batch, "stream"),
                                explain_member(batch, "source"), label[0] == '\0' ? "" : " ", label) &&
           line_append_harmless(out, err, "   received %s, receipt %s", explain_member(batch, "received_at"),
                                explain_member(batch, "receipt"));
}

static bool
say_evidence(Json *evidence, Buffer *out, Err *err)
{
    Json *seal = json_member(evidence, "seal");
    bool done = line_append_harmless(out, err, "   evidence: record %s of the %s in segment %s, hour %s",
                                     explain_member(evidence, "ordinal"), explain_member(evidence, "records"),
                                     explain_member(evidence, "segment"), explain_member(evidence, "hour"));
    if (!done || seal == NULL)
        return done && line_append_harmless(out, err, "   not sealed yet");
    return line_append_harmless(out, err, "   sealed %s: seal %s (revision %s), signed with head %s",
                                explain_member(seal, "sealed_at"), explain_member(seal, "seal"),
                                explain_member(seal, "revision"), explain_member(seal, "head"));
}

/** Where what came too late was settled. */
static bool
say_settled(Json *settled, Buffer *out, Err *err)
{
    const char *disposition = explain_member(settled, "disposition");
    if (settled == NULL)
        return true;
    if (strcmp(disposition, "written_off") == 0)
        return line_append_harmless(out, err, "   written off: its period was too old, it is on no bill");
    return line_append_harmless(out, err, "   settled on %s %s (%s), with all that its period received then",
                                strcmp(disposition, "billed") == 0 ? "invoice" : "credit note",
                                explain_member(settled, "number"), explain_member(settled, "month"));
}

static bool
say_record(Json *entry, Buffer *out, Err *err)
{
    Json *record = json_member(entry, "record");
    Json *late = json_member(entry, "late_for");
    const char *attempt = explain_member(record, "attempt");
    bool done = line_append_harmless(out, err, "%s. tenant %s, attempt %s: %s", explain_member(entry, "number"),
                                     explain_member(entry, "tenant"), attempt[0] == '\0' ? "1" : attempt,
                                     fate_sentence(explain_member(entry, "fate"))) &&
                say_facts(record, out, err) && say_reversal(json_member(entry, "reversal"), out, err);
    for (size_t i = 0; done && i < count_of(entry, "invoices"); i++)
        done = say_invoice(element(json_member(entry, "invoices"), i), out, err);
    if (done && late != NULL)
        done = line_append_harmless(out, err, "   invoice %s looked at receipts up to %s; this one has %s",
                                    explain_member(late, "number"), explain_member(late, "receipt_watermark"),
                                    explain_member(json_member(entry, "evidence"), "receipt"));
    return done && say_settled(json_member(entry, "settled"), out, err) &&
           say_exclusion(json_member(entry, "kept_instead"), out, err) &&
           say_evidence(json_member(entry, "evidence"), out, err) && say_batch(json_member(entry, "batch"), out, err) &&
           buffer_append(out, "\n", 1, err);
}

static const char *
quarantine_state(Json *row)
{
    if (json_member(row, "replayed_at") != NULL)
        return "replayed since: it is among the records";
    if (json_member(row, "repeats") != NULL)
        return "the same line of the same file as an earlier row";
    return strcmp(explain_member(row, "reason"), "conflict") == 0 ? "kept for a look; its record is not counted"
                                                                  : "NOT BILLED until it is repaired and replayed";
}

static bool
say_quarantined(Json *row, Buffer *out, Err *err)
{
    const char *tenant = explain_member(row, "tenant");
    const char *line = explain_member(row, "line");
    const char *field = explain_member(row, "field");
    Json *record = json_member(row, "record");
    return line_append_harmless(out, err, "In quarantine as number %s, %s%s: %s", explain_member(row, "quarantine_id"),
                                tenant[0] == '\0' ? "of an unknown tenant" : "tenant ", tenant,
                                quarantine_state(row)) &&
           line_append_harmless(out, err, "   %s%s%s: %s", explain_member(row, "reason"), field[0] == '\0' ? "" : ", ",
                                field, explain_member(row, "message")) &&
           (line[0] == '\0' ||
            line_append_harmless(out, err, "   line %s of %s", line, explain_member(row, "source"))) &&
           (record == NULL || say_facts(record, out, err)) && say_batch(json_member(row, "batch"), out, err) &&
           buffer_append(out, "\n", 1, err);
}

static bool
say_searched(Json *answer, Buffer *out, Err *err)
{
    Json *searched = json_member(answer, "searched");
    const char *tenant = explain_member(searched, "tenant");
    const char *month = explain_member(searched, "month");
    bool done =
        line_append_harmless(out, err, "Looked through %s records in %s segments (%s%s, %s%s) and through quarantine.",
                             explain_member(searched, "records"), explain_member(searched, "segments"),
                             tenant[0] == '\0' ? "all tenants" : "tenant ", tenant, month,
                             month[0] == '\0' ? "all months" : " and a day around it");
    if (done && count_of(answer, "records") + count_of(answer, "quarantined") == 0)
        done = line_append_harmless(out, err,
                                    "Nothing has this id. It may have been lost before it came here: %s records are "
                                    "reported lost (they have no ids).",
                                    explain_member(searched, "reported_lost"));
    if (done && strcmp(explain_member(answer, "more_records"), "0") != 0)
        done = line_append_harmless(out, err, "%s more records have this id; the first %d are shown.",
                                    explain_member(answer, "more_records"), EXPLAIN_RECORDS_MAX);
    return done;
}

MUST_CHECK bool
explain_record_text(Json *explanation, Buffer *out, Err *err)
{
    bool done = line_append_harmless(out, err, "Request %s: %zu in the evidence, %zu in quarantine",
                                     explain_member(explanation, "request_id"), count_of(explanation, "records"),
                                     count_of(explanation, "quarantined"));
    done = done && buffer_append(out, "\n", 1, err);
    for (size_t i = 0; done && i < count_of(explanation, "records"); i++)
        done = say_record(element(json_member(explanation, "records"), i), out, err);
    for (size_t i = 0; done && i < count_of(explanation, "quarantined"); i++)
        done = say_quarantined(element(json_member(explanation, "quarantined"), i), out, err);
    return done && say_searched(explanation, out, err);
}
