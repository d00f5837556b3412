#include "formats/decode_report.h"

#include <stddef.h>
#include <string.h>

#include "lib/decimal.h"

typedef enum ReportKind {
    REPORT_MS,
    REPORT_WHOLE_MS,
    REPORT_MB,
    REPORT_STATUS,
    REPORT_ERROR_TYPE,
    REPORT_WORD
} ReportKind;

typedef struct Label {
    const char *text;
    ReportKind kind;
    const char *field; /* of the record, for messages */
    size_t offset;     /* in LambdaReport, of a quantity */
} Label;

#define QUANTITY(text, kind, field, member)               \
    {                                                     \
        text, kind, field, offsetof(LambdaReport, member) \
    }

/* No label is the beginning of another one. */
static const Label LABELS[] = {
    QUANTITY("Duration:", REPORT_MS, "duration", duration_us),
    QUANTITY("Billed Duration:", REPORT_WHOLE_MS, "reported_billed_ms", billed_ms),
    QUANTITY("Memory Size:", REPORT_MB, "memory_mb", memory_mb),
    QUANTITY("Max Memory Used:", REPORT_MB, "max_memory_used_mb", max_memory_used_mb),
    QUANTITY("Init Duration:", REPORT_MS, "init_duration", init_us),
    QUANTITY("Restore Duration:", REPORT_MS, "restore_duration", restore_us),
    QUANTITY("Billed Restore Duration:", REPORT_MS, "init_duration", billed_restore_us),
    {"Status:", REPORT_STATUS, "status", 0},
    {"Error Type:", REPORT_ERROR_TYPE, "status", 0},
    {"XRAY TraceId:", REPORT_WORD, "", 0},
    {"SegmentId:", REPORT_WORD, "", 0},
    {"Sampled:", REPORT_WORD, "", 0},
};
enum { LABEL_COUNT = sizeof LABELS / sizeof LABELS[0] };

/* Where reading stands in a message. */
typedef struct Reading {
    Text rest;
    uint32_t seen; /* one bit for each label */
    bool has_status;
} Reading;

static void
advance(Text *rest, size_t bytes)
{
    rest->data += bytes;
    rest->length -= bytes;
}

/* Bytes of the separator at the front: a blank, or an escape that was not undone. 0: none. */
static size_t
separator(Text rest)
{
    if (rest.length == 0)
        return 0;
    if (strchr(" \t\r\n", rest.data[0]) != NULL && rest.data[0] != '\0')
        return 1;
    return rest.length > 1 && rest.data[0] == '\\' && strchr("ntr", rest.data[1]) != NULL && rest.data[1] != '\0' ? 2
                                                                                                                  : 0;
}

static void
skip_blanks(Text *rest)
{
    for (size_t bytes = separator(*rest); bytes > 0; bytes = separator(*rest))
        advance(rest, bytes);
}

static Text
take_word(Text *rest)
{
    Text word = {rest->data, 0};
    while (rest->length > 0 && separator(*rest) == 0) {
        advance(rest, 1);
        word.length++;
    }
    return word;
}

static int
label_at(Text rest)
{
    for (int i = 0; i < LABEL_COUNT; i++) {
        size_t length = strlen(LABELS[i].text);
        if (rest.length >= length && memcmp(rest.data, LABELS[i].text, length) == 0)
            return i;
    }
    return -1;
}

/* Digits, blanks, unit: "469.40 ms". */
static bool
take_quantity(Reading *reading, const Label *label, LambdaReport *out, UsageFault *fault)
{
    bool is_mb = label->kind == REPORT_MB;
    const char *unit = is_mb ? "MB" : "ms";
    Text number = {reading->rest.data, 0};
    while (number.length < reading->rest.length && strchr("+-.0123456789", reading->rest.data[number.length]) != NULL &&
           reading->rest.data[number.length] != '\0')
        number.length++;
    advance(&reading->rest, number.length);
    skip_blanks(&reading->rest);
    int64_t value = 0;
    bool exact = true;
    bool is_number = decimal_parse_scaled(number, label->kind == REPORT_MS ? 3 : 0, ROUND_UP, &value, &exact, NULL);
    if (!is_number || !text_is(take_word(&reading->rest), unit))
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, label->field, "'%s' is not followed by a number and '%s'",
                               label->text, unit);
    if (value < 0 || number.data[0] == '-' || (label->kind != REPORT_MS && !exact))
        return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, label->field,
                               "'%s' is %.*s %s, expected a %snumber from 0", label->text, TEXT_ARG(number), unit,
                               label->kind == REPORT_MS ? "" : "whole ");
    if (label->kind == REPORT_MS && value > USAGE_DURATION_US_MAX)
        return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, label->field,
                               "'%s' is %.*s ms, expected at most 24 hours (86400000 ms)", label->text,
                               TEXT_ARG(number));
    memcpy((char *) out + label->offset, &value, sizeof value);
    return true;
}

static bool
take_status(Reading *reading, LambdaReport *out, UsageFault *fault)
{
    Text word = take_word(&reading->rest);
    reading->has_status = true;
    if (text_is(word, "timeout"))
        out->status = USAGE_TIMEOUT;
    else if (text_is(word, "error") || text_is(word, "failure"))
        out->status = USAGE_ERROR;
    else if (text_is(word, "success"))
        out->status = USAGE_OK;
    else
        return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, "status",
                               "'Status: %.*s' is not known, expected success, error, failure or timeout",
                               word.length > 40 ? 40 : (int) word.length, word.length == 0 ? "" : word.data);
    return true;
}

static bool
take_value(Reading *reading, const Label *label, LambdaReport *out, UsageFault *fault)
{
    skip_blanks(&reading->rest);
    switch (label->kind) {
    case REPORT_MS:
    case REPORT_WHOLE_MS:
    case REPORT_MB:
        return take_quantity(reading, label, out, fault);
    case REPORT_STATUS:
        return take_status(reading, out, fault);
    case REPORT_ERROR_TYPE:
        (void) take_word(&reading->rest);
        if (!reading->has_status)
            out->status = USAGE_ERROR;
        reading->has_status = true;
        return true;
    case REPORT_WORD:
        (void) take_word(&reading->rest);
        return true;
    }
    return true;
}

/* Pass over text without a known label: to the next tab, since a label that we do not know may end in one that we know;
 * where a log has lost its tabs, to the next word. */
static void
pass_over(Text *rest)
{
    const char *tab = memchr(rest->data, '\t', rest->length);
    if (tab != NULL)
        advance(rest, (size_t) (tab - rest->data));
    else
        (void) take_word(rest);
}

static bool
take_fields(Reading *reading, LambdaReport *out, UsageFault *fault)
{
    for (skip_blanks(&reading->rest); reading->rest.length > 0; skip_blanks(&reading->rest)) {
        int found = label_at(reading->rest);
        if (found < 0) {
            pass_over(&reading->rest);
            continue;
        }
        const Label *label = &LABELS[found];
        if ((reading->seen & (1U << found)) != 0)
            return usage_fault_set(fault, USAGE_REASON_MALFORMED, label->field,
                                   "'%s' stands twice: two lines may have run into one", label->text);
        reading->seen |= 1U << found;
        advance(&reading->rest, strlen(label->text));
        if (!take_value(reading, label, out, fault))
            return false;
    }
    return true;
}

static bool
take_id(Reading *reading, LambdaReport *out, UsageFault *fault)
{
    advance(&reading->rest, strlen("REPORT RequestId:"));
    skip_blanks(&reading->rest);
    bool is_field = label_at(reading->rest) >= 0;
    if (!is_field)
        out->id = take_word(&reading->rest);
    if (is_field || out->id.length == 0)
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, "request_id",
                               "is empty: nothing stands between 'RequestId:' and the next field");
    return true;
}

MUST_CHECK bool
lambda_report_parse(Text message, LambdaReport *out, UsageFault *fault)
{
    *out = (LambdaReport){.id = {"", 0},
                          .duration_us = USAGE_ABSENT,
                          .billed_ms = USAGE_ABSENT,
                          .memory_mb = USAGE_ABSENT,
                          .max_memory_used_mb = USAGE_ABSENT,
                          .init_us = USAGE_ABSENT,
                          .restore_us = USAGE_ABSENT,
                          .billed_restore_us = USAGE_ABSENT,
                          .status = USAGE_OK};
    Reading reading = {.rest = message};
    if (!take_id(&reading, out, fault) || !take_fields(&reading, out, fault))
        return false;
    if (out->duration_us == USAGE_ABSENT)
        return usage_fault_set(fault, USAGE_REASON_MISSING, "duration",
                               "is missing: no 'Duration: … ms' on the REPORT line");
    if (out->memory_mb == USAGE_ABSENT)
        return usage_fault_set(fault, USAGE_REASON_MISSING, "memory_mb",
                               "is missing: no 'Memory Size: … MB' on the REPORT line (it may be cut off)");
    int64_t duration_up_ms = (out->duration_us + 999) / 1000;
    if (!reading.has_status && out->billed_ms != USAGE_ABSENT && out->billed_ms < duration_up_ms)
        out->status = USAGE_TIMEOUT;
    return true;
}
