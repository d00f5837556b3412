#include "rater/reconcile_text.h"

#include <inttypes.h>
#include <string.h>

#include "lib/harmless.h"
#include "rater/explain.h"
#include "rater/reconcile_match.h"

static const char *const MEANINGS[RECONCILE_STATUS_COUNT] = {
    [RECONCILE_MATCHED] = "are the same on both sides",
    [RECONCILE_DIFFERS] = "differ",
    [RECONCILE_NOT_BILLED] = "are in the file and not on the bill",
    [RECONCILE_NOT_IN_FILE] = "are on the bill and not in the file",
    [RECONCILE_REPEATED] = "are copies of others within the files (they count once)",
    [RECONCILE_CONTRADICTS] = "contradict others of the same identity within the files (the first one was compared)",
};

static bool
say_counts(Json *counts, Buffer *out, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < RECONCILE_STATUS_COUNT; i++) {
        const char *count = explain_member(counts, RECONCILE_STATUS_NAMES[i]);
        if (i > RECONCILE_NOT_IN_FILE && strcmp(count, "0") == 0)
            continue;
        done = line_append_harmless(out, err, "  %12s  %s", count, MEANINGS[i]);
        if (done && i == RECONCILE_NOT_BILLED && strcmp(count, "0") != 0)
            done = line_append_harmless(
                out, err, "                (%s came after the bill was made, %s were reversed, %s are in quarantine)",
                explain_member(counts, "late"), explain_member(counts, "reversed"),
                explain_member(counts, "quarantined"));
    }
    return done;
}

static bool
say_tenant(Json *tenant, const char *month, Buffer *out, Err *err)
{
    Json *invoice = json_member(tenant, "invoice");
    Json *billed = json_member(tenant, "as_billed");
    Json *in_files = json_member(tenant, "as_in_files");
    const char *currency = explain_member(tenant, "currency");
    const char *number = explain_member(invoice, "number");
    const char *priceless = explain_member(tenant, "rows_without_price");
    return line_append_harmless(out, err, "Tenant %s, %s, %s%s (up to receipt %s)", explain_member(tenant, "tenant"),
                                month,
                                invoice == NULL     ? "neither invoice nor preview: all that is there"
                                : number[0] == '\0' ? "preview"
                                                    : "invoice ",
                                number, explain_member(tenant, "receipt_watermark")) &&
           say_counts(json_member(tenant, "counts"), out, err) &&
           line_append_harmless(out, err, "  Worth of the rows, each alone: %s %s",
                                explain_member(tenant, "worth_exact"), currency) &&
           line_append_harmless(out, err, "  Usage lines as billed: %s %s; as the files have it, all at once: %s %s",
                                explain_member(billed, "amount"), currency, explain_member(in_files, "amount"),
                                currency) &&
           (strcmp(priceless, "0") == 0 ||
            line_append_harmless(
                out, err, "  %s rows have no worth: the price book has no price for what the file says", priceless));
}

static bool
say_file(Json *file, Buffer *out, Err *err)
{
    return line_append_harmless(
        out, err,
        "File %s (%s): %s lines, %s records, %s skipped, %s unreadable; %s outside of the month, %s of "
        "other tenants",
        explain_member(file, "file"), explain_member(file, "format"), explain_member(file, "lines"),
        explain_member(file, "records"), explain_member(file, "skipped"), explain_member(file, "unreadable"),
        explain_member(file, "outside_month"), explain_member(file, "other_tenants"));
}

MUST_CHECK bool
reconcile_summary_text(Json *summary, int64_t rows, Buffer *out, Err *err)
{
    Json *tenants = json_member(summary, "tenants");
    Json *files = json_member(summary, "files");
    bool done = true;
    if (rows > RECONCILE_ROWS_SHOWN)
        done = line_append_harmless(out, err, "… and %" PRId64 " more rows: --csv and --json have all",
                                    rows - RECONCILE_ROWS_SHOWN);
    done = done && (rows == 0 || buffer_append(out, "\n", 1, err));
    for (size_t i = 0; done && i < json_object_array_length(tenants); i++)
        done = say_tenant(json_object_array_get_idx(tenants, i), explain_member(summary, "month"), out, err);
    for (size_t i = 0; done && i < json_object_array_length(files); i++)
        done = say_file(json_object_array_get_idx(files, i), out, err);
    return done;
}
