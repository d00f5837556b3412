/* Verdicts and free tiers of a savings report, for a person. */
#include <stdlib.h>

#include "lib/harmless.h"
#include "reports/figures.h"
#include "reports/savings_parts.h"
#include "reports/sentence.h"

enum { VERDICTS_MAX = 20, FREE_TIERS_MAX = 12 };

static bool
print_verdict(const SavingsReport *self, const SavingsVerdict *verdict, Buffer *out, Err *err)
{
    if (!buffer_append_text(out, "  ", err) ||
        (self->several_tenants &&
         (!text_append_harmless(out, verdict->tenant, err) || !buffer_append_text(out, ": ", err))) ||
        !text_append_harmless(out, verdict->function, err) ||
        !buffer_printf(out, err, ": %s\n",
                       verdict->side == SIDE_SERVERLESS ? "keep it serverless" : "move it to the alternative"))
        return false;
    Buffer reason = {0};
    bool done = true;
    for (size_t r = 0; done && r < verdict->reason_count; r++) {
        buffer_clear(&reason);
        done = said_append(&verdict->reasons[r], NULL, &reason, err) && buffer_append_text(out, "    - ", err) &&
               text_append_harmless(out, reason.data, err) && buffer_append(out, "\n", 1, err);
    }
    buffer_free(&reason);
    return done;
}

static int
by_cost(const void *a, const void *b)
{
    const SavingsVerdict *left = *(const SavingsVerdict *const *) a;
    const SavingsVerdict *right = *(const SavingsVerdict *const *) b;
    int order = mpq_cmp(right->cost, left->cost);
    return order != 0 ? order : (left > right) - (left < right);
}

/* The dearest first: nobody reads ten thousand. */
MUST_CHECK bool
savings_verdicts_text(const SavingsReport *self, Buffer *out, Err *err)
{
    const SavingsVerdict **order = calloc(self->verdict_count + 1, sizeof(SavingsVerdict *));
    if (order == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savings report");
    for (size_t i = 0; i < self->verdict_count; i++)
        order[i] = &self->verdicts[i];
    qsort(order, self->verdict_count, sizeof(SavingsVerdict *), by_cost);
    bool done = true;
    for (size_t i = 0; done && i < self->verdict_count && i < VERDICTS_MAX; i++)
        done = print_verdict(self, order[i], out, err);
    free(order);
    if (done && self->verdict_count > VERDICTS_MAX)
        done = buffer_printf(out, err, "  and %zu functions that cost less (--json lists them)\n",
                             self->verdict_count - VERDICTS_MAX);
    return done;
}

MUST_CHECK bool
savings_term_label(const SavingsReport *self, Json *term, Buffer *out, Err *err)
{
    const char *tenant = json_object_get_string(json_member(term, "tenant"));
    const char *what = json_object_get_string(json_member(term, "description"));
    return (tenant == NULL || !self->several_tenants ||
            (text_append_harmless(out, tenant, err) && buffer_append_text(out, ": ", err))) &&
           text_append_harmless(out, what == NULL ? "" : what, err);
}

static bool
print_left_out(const SavingsReport *self, Json *term, bool first, Buffer *out, Err *err)
{
    mpq_t amount;
    mpq_init(amount);
    bool done = figure_read(term, "amount", amount, err) &&
                buffer_printf(out, err, "  %-20s", first ? "Not compared" : "") &&
                savings_term_label(self, term, out, err) &&
                sentence(out, err, ": %s ", FIGURES(figure_people(amount, self->currency_scale, err))) &&
                buffer_printf(out, err, "%s\n", self->currency);
    mpq_clear(amount);
    return done;
}

MUST_CHECK bool
savings_terms_text(const SavingsReport *self, Buffer *out, Err *err)
{
    bool first = true;
    for (size_t i = 0; i < json_object_array_length(self->terms); i++) {
        Json *term = json_object_array_get_idx(self->terms, i);
        if (json_object_get_boolean(json_member(term, "compared")))
            continue;
        if (!print_left_out(self, term, first, out, err))
            return false;
        first = false;
    }
    return first ||
           buffer_append_text(out,
                              "                      credits would pay for servers too, tax is due on them too, "
                              "and other months are theirs\n\n",
                              err);
}

/* What of an account's free tier counts here, and who else has it. */
static bool
print_free_tier(Json *tier, Buffer *out, Err *err)
{
    Text account;
    Text tenant;
    Text unit;
    mpq_t used;
    mpq_t all;
    mpq_t allowance;
    mpq_inits(used, all, allowance, NULL);
    bool done = figure_read_optional(tier, "used", used, err) && figure_read_optional(tier, "account_used", all, err) &&
                figure_read_optional(tier, "allowance", allowance, err);
    bool named = json_text(json_member(tier, "account"), &account) && json_text(json_member(tier, "tenant"), &tenant) &&
                 json_text(json_member(tier, "unit"), &unit);
    if (done && named && mpq_sgn(used) > 0) {
        mpq_sub(all, all, used);
        Buffer who = {0};
        done = buffer_append(&who, tenant.data, tenant.length, err) &&
               buffer_append_text(out, "  Free tier           ", err) && text_append_harmless(out, who.data, err) &&
               sentence(out, err, " took %s of %s ",
                        FIGURES(figure_people(used, 0, err), figure_people(allowance, 0, err))) &&
               buffer_printf(out, err, "%.*s%s", TEXT_ARG(unit), text_is(unit, "GB") ? "" : "s") &&
               (mpq_sgn(all) == 0 ||
                sentence(out, err, ", others of its account %s", FIGURES(figure_people(all, 0, err)))) &&
               buffer_append(out, "\n", 1, err);
        buffer_free(&who);
    }
    mpq_clears(used, all, allowance, NULL);
    return done;
}

MUST_CHECK bool
savings_free_tiers_text(const SavingsReport *self, Buffer *out, Err *err)
{
    if (!self->has_free_tier || mpq_sgn(self->free_value.exact) == 0)
        return true;
    size_t count = json_object_array_length(self->free_tiers);
    for (size_t i = 0; i < count && i < FREE_TIERS_MAX; i++)
        if (!print_free_tier(json_object_array_get_idx(self->free_tiers, i), out, err))
            return false;
    return (count <= FREE_TIERS_MAX ||
            buffer_printf(out, err, "                      and %zu more (--json lists them)\n",
                          count - FREE_TIERS_MAX)) &&
           sentence(out, err, "                      all of it is worth %s ",
                    FIGURES(figure_people(self->free_value.printed, self->currency_scale, err))) &&
           buffer_printf(out, err, "%s here; without it the functions would cost that much more\n\n", self->currency);
}
