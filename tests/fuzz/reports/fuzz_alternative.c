/* An alternative that somebody wrote: refused with a message, or compared with a small bill. Then both ends of its range are in
 * order, no saving is more than what the dearer side costs, in either direction, and the report can be printed. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/decimal.h"
#include "reports/savings.h"
#include "reports/savings_sheet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const UtcMonth NOVEMBER = {2026, 11};

static const char BILL[] =
    "{\"currency\":\"USD\",\"lines\":[{\"sku\":\"requests\",\"description\":\"Requests\",\"quantity\":\"3000000\","
    "\"free_quantity\":\"1000000\",\"billed_quantity\":\"2000000\",\"unit\":\"request\",\"unit_price\":\"0.0000002\","
    "\"tier\":1,\"amount\":\"0.40\",\"amount_exact\":\"0.4\"},{\"sku\":\"duration\",\"description\":\"Duration\","
    "\"quantity\":\"540000\",\"free_quantity\":\"400000\",\"billed_quantity\":\"140000\",\"unit\":\"GB-second\","
    "\"unit_price\":\"0.0000166667\",\"tier\":1,\"amount\":\"2.33\",\"amount_exact\":\"2.333338\"}],\"functions\":["
    "{\"function\":\"web\",\"amount_exact\":\"2.733338\"}],\"free_tier\":true,\"subtotal\":\"2.73\",\"total\":\"2.73\"}";

static void
check_range(const SavingsComparison *self)
{
    const SavingsReading *all = savings_reading(self);
    const SavingsRange *range = &self->range;
    mpq_t limit;
    mpq_init(limit);
    if (mpq_cmp(range->saving_low, all->saving) > 0 || mpq_cmp(all->saving, range->saving_high) > 0 ||
        mpq_cmp(range->alternative_low, range->alternative_high) > 0 ||
        mpq_cmp(range->serverless_low, range->serverless_high) > 0 || mpq_sgn(range->alternative_low) < 0)
        abort();
    mpq_neg(limit, range->serverless_high);
    if (mpq_cmp(range->saving_high, range->alternative_high) > 0 || mpq_cmp(range->saving_low, limit) < 0)
        abort();
    if (mpq_sgn(self->idle_amount) < 0 || mpq_sgn(self->idle_hours) < 0 || mpq_cmp(self->idle_hours, self->hours) > 0)
        abort();
    mpq_clear(limit);
}

static void
compare(const Alternative *alternative, Json *bill, const SavingsUsage *usage)
{
    Err err = {0};
    Buffer text = {0};
    const SavingsInput input = {NOVEMBER, &bill, 1, usage, &alternative, 1, NULL};
    SavingsReport *report = savings_make(&input, &err);
    if (report == NULL) { /* another currency */
        if (!err_is_set(&err))
            abort();
        return;
    }
    check_range(&report->comparisons[0]);
    Json *json = savings_json(report, NULL, &err);
    if (json == NULL || !savings_text(report, &text, &err) || !savings_csv(json, &text, &err))
        abort();
    json_object_put(json);
    buffer_free(&text);
    savings_free(&report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Alternative *alternative = alternative_parse((Text){(const char *) data, size}, "fuzz.yaml", &err);
    if ((alternative == NULL) != err_is_set(&err))
        abort();
    /* a fleet reads its catalogue, other functions ask the rater: not here */
    if (alternative != NULL && alternative->fleet == NULL && alternative->functions == NULL) {
        SavingsUsage usage = {.rows = 1};
        UsageFunction *function = savings_usage_function(&usage, text_of("acme"), text_of("web"), &err);
        Json *bill = json_parse(text_of(BILL), &err);
        if (function == NULL || bill == NULL)
            abort();
        decimal_set_i64(function->invocations, 3000000);
        decimal_set_i64(function->busy_s, 360000);
        decimal_set_i64(function->memory_gb_s, 540000);
        compare(alternative, bill, &usage);
        json_object_put(bill);
        savings_usage_clear(&usage);
    }
    alternative_free(&alternative);
    return 0;
}
