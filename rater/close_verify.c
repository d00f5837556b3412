/* Verifying the month, and who is held back by what is found. See close_parts.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/text.h"
#include "rater/close_parts.h"
#include "rater/rate_tenants.h"
#include "rater/verify.h"

static const char *
member_text(Json *object, const char *key)
{
    Json *value = json_member(object, key);
    return value == NULL ? "" : json_object_get_string(value);
}

/* Hold back the account of the tenant that a difference names. False in `*named`: it names none. */
static bool
take_difference(Close *self, const RateTenants *tenants, const char *check, Json *difference, bool *named, Err *err)
{
    char message[ERR_MESSAGE_BYTES];
    const char *name = member_text(difference, "tenant");
    const RateTenant *tenant = name[0] == '\0' ? NULL : rate_tenants_find(tenants, name);
    *named = *named && tenant != NULL;
    if (tenant == NULL)
        return true;
    snprintf(message, sizeof message, "verify, %s: tenant %.100s%s%.40s: %.200s: expected %.100s, found %.100s", check,
             name, json_member(difference, "hour") == NULL ? "" : ", hour ", member_text(difference, "hour"),
             member_text(difference, "what"), member_text(difference, "expected"), member_text(difference, "found"));
    return close_hold(self, CLOSE_VERIFY, tenant->account, message, "millibill verify shows all that it found", err);
}

static bool
take_report(Close *self, const RateTenants *tenants, const VerifyReport *report, bool *named, Err *err)
{
    for (size_t c = 0; c < VERIFY_CHECK_COUNT; c++) {
        const VerifyCheck *check = &report->checks[c];
        *named = *named && check->found <= VERIFY_DIFFERENCES_KEPT; /* nobody knows whom the others name */
        for (size_t d = 0; d < json_object_array_length(check->differences); d++)
            if (!take_difference(self, tenants, VERIFY_CHECK_NAMES[c], json_object_array_get_idx(check->differences, d),
                                 named, err))
                return false;
    }
    return true;
}

static bool
judge(Close *self, const VerifyReport *report, bool named, CloseStep *step, Err *err)
{
    self->differences = verify_report_differences(report);
    if (self->differences == 0) {
        const int64_t segments = report->checks[VERIFY_SEGMENTS].checked,
                      rollups = report->checks[VERIFY_ROLLUPS].checked;
        const int64_t batches = report->checks[VERIFY_LEDGER].checked, heads = report->checks[VERIFY_HEADS].checked;
        snprintf(step->detail, sizeof step->detail,
                 "%" PRId64 " segment%s and %" PRId64 " rollup row%s of the month, %" PRId64 " batch%s, %" PRId64
                 " head%s: no difference",
                 segments, text_plural(segments), rollups, text_plural(rollups), batches, batches == 1 ? "" : "es",
                 heads, text_plural(heads));
        return true;
    }
    snprintf(step->detail, sizeof step->detail, "%" PRId64 " difference%s; %zu account%s held back", self->differences,
             self->differences == 1 ? "" : "s", self->hold_count, self->hold_count == 1 ? " is" : "s are");
    if (named)
        return true;
    err_set(err, ERR_DIFFERENCE, "%" PRId64 " difference%s found, and not all are of one tenant: nobody is billed",
            self->differences, self->differences == 1 ? "" : "s");
    return err_hint(err, "millibill verify shows them; close again when it is clear where they come from");
}

bool
close_verify(Close *self, CloseStep *step, Err *err)
{
    VerifyReport report = {0};
    bool named = true;
    const VerifyRequest request = {.month = &self->request->month,
                                   .seal_public_key = self->request->config->seal_public_key,
                                   .heads = self->request->config->seal_heads};
    bool done = verify(self->db, &request, &report, err) && take_report(self, &self->tenants, &report, &named, err) &&
                judge(self, &report, named, step, err);
    verify_report_free(&report);
    return done;
}
