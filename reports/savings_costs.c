#include "reports/savings_costs.h"

#include <stdlib.h>

#include "reports/alternative_functions.h"
#include "reports/figures.h"

static bool
member_equal(Json *a, Json *b, const char *key)
{
    Text left;
    Text right;
    return json_text(json_member(a, key), &left) && json_text(json_member(b, key), &right) && text_equal(left, right);
}

static const UsageFunction *
function_of(Json *entry, const SavingsUsage *usage)
{
    Text name;
    Text tenant;
    if (!json_text(json_member(entry, "function"), &name))
        return NULL;
    if (!json_text(json_member(entry, "tenant"), &tenant))
        tenant = TEXT_LITERAL(SAVINGS_TENANT_DEFAULT);
    return savings_usage_find(usage, tenant, name);
}

/* The unit price of the first line of duration where this function runs; 0 when there is none. */
static bool
price_of_duration(Json *document, Json *entry, mpq_t price, Err *err)
{
    static const char *const SAME[] = {"tenant", "region", "architecture", "mode"};
    Json *lines = json_member(document, "lines");
    size_t count = json_object_is_type(lines, json_type_array) ? json_object_array_length(lines) : 0;
    mpq_set_ui(price, 0, 1);
    for (size_t i = 0; i < count; i++) {
        Text sku;
        Json *line = json_object_array_get_idx(lines, i);
        bool same = json_text(json_member(line, "sku"), &sku) && text_is(sku, "duration");
        for (size_t key = 0; same && key < sizeof(SAME) / sizeof(SAME[0]); key++)
            same = member_equal(line, entry, SAME[key]);
        if (same)
            return figure_read(line, "unit_price", price, err);
    }
    return true;
}

/* saving += GB-seconds x (size - right) / size x price, at most the entry's own cost: units kept ready have an entry of their own */
static bool
add_right_size(Json *document, Json *entry, const UsageFunction *function, const mpq_t limit, SavingsCost *cost,
               Err *err)
{
    Json *memory = json_member(entry, "memory_mb");
    int64_t memory_mb = json_object_is_type(memory, json_type_int) ? json_object_get_int64(memory) : 0;
    int64_t right_mb = memory_mb;
    for (size_t i = 0; i < function->size_count; i++)
        if (function->sizes[i].memory_mb == memory_mb)
            right_mb = usage_size_right(&function->sizes[i]);
    if (right_mb >= memory_mb)
        return true;
    mpq_t saving;
    mpq_t factor;
    mpq_inits(saving, factor, NULL);
    bool done =
        figure_read_optional(entry, "gb_seconds", saving, err) && price_of_duration(document, entry, factor, err);
    mpq_mul(saving, saving, factor);
    mpq_set_si(factor, memory_mb - right_mb, (unsigned long) memory_mb);
    mpq_canonicalize(factor);
    mpq_mul(saving, saving, factor);
    if (mpq_cmp(saving, limit) > 0)
        mpq_set(saving, limit);
    mpq_add(cost->right_size_saving, cost->right_size_saving, saving);
    mpq_clears(saving, factor, NULL);
    return done;
}

static bool
add_entry(Json *document, Json *entry, const SavingsUsage *usage, SavingsCost *costs, Err *err)
{
    const UsageFunction *function = function_of(entry, usage);
    if (function == NULL)
        return true;
    SavingsCost *cost = &costs[function - usage->functions];
    mpq_t amount;
    mpq_init(amount);
    bool done = figure_read(entry, "amount_exact", amount, err);
    mpq_add(cost->amount, cost->amount, amount);
    done = done && add_right_size(document, entry, function, amount, cost, err);
    mpq_clear(amount);
    return done;
}

MUST_CHECK SavingsCost *
savings_costs_make(Json *const *documents, size_t document_count, const SavingsUsage *usage, Err *err)
{
    SavingsCost *costs = calloc(usage->count + 1, sizeof(*costs));
    if (costs == NULL) {
        err_set(err, ERR_NOMEM, "no memory for %zu functions", usage->count);
        return NULL;
    }
    for (size_t i = 0; i < usage->count; i++)
        mpq_inits(costs[i].amount, costs[i].right_size_saving, NULL);
    bool done = true;
    for (size_t d = 0; done && d < document_count; d++) {
        Json *functions = json_member(documents[d], "functions");
        size_t count = json_object_is_type(functions, json_type_array) ? json_object_array_length(functions) : 0;
        for (size_t i = 0; done && i < count; i++)
            done = add_entry(documents[d], json_object_array_get_idx(functions, i), usage, costs, err);
    }
    if (!done)
        savings_costs_free(&costs, usage->count);
    return costs;
}

void
savings_costs_free(SavingsCost **self, size_t count)
{
    if (*self == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        mpq_clears((*self)[i].amount, (*self)[i].right_size_saving, NULL);
    free(*self);
    *self = NULL;
}
