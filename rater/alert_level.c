/* What is used of a limit, from the item that an invoice printed and the contract behind it. See alert.h. */
#include <stdio.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/alert.h"

static const ContractEntry *
entry_of(const Contract *contract, ContractList list, const char *name)
{
    const ContractEntries *entries = &contract->lists[list];
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->all[i].name, name) == 0)
            return &entries->all[i];
    return NULL;
}

/* The percentages that hold: the contract's own, else the installation's. */
static void
take_percents(AlertLevel *level, const mpq_t *own, size_t own_count, const Contract *contract,
              const AlertPercents *percents)
{
    if (own_count > 0) {
        level->percents = own;
        level->percent_count = own_count;
    } else if (contract->watch_count > 0) {
        level->percents = contract->watch;
        level->percent_count = contract->watch_count;
    } else {
        level->percents = percents->all;
        level->percent_count = percents->count;
    }
}

static void
count_reached(AlertLevel *level)
{
    mpq_t used, wanted;
    mpq_inits(used, wanted, NULL);
    mpq_set_ui(used, 100, 1);
    mpq_mul(used, used, level->value);
    for (level->reached = 0; level->reached < level->percent_count; level->reached++) {
        mpq_mul(wanted, level->limit, level->percents[level->reached]);
        if (mpq_cmp(used, wanted) < 0)
            break;
    }
    mpq_clears(used, wanted, NULL);
}

static const char *
instant_text(int64_t time_us, char out[UTC_TEXT_BYTES])
{
    if (time_us == INT64_MIN || time_us == INT64_MAX)
        return "..";
    return time_us % UTC_DAY_US == 0 ? utc_format_day(time_us, out) : utc_format(time_us, out);
}

/* What lasts longer than a period counts over the dates of its entry. */
static void
period_of_entry(AlertLevel *level, const ContractEntry *entry)
{
    char from[UTC_TEXT_BYTES];
    char until[UTC_TEXT_BYTES];
    snprintf(level->period, sizeof level->period, "%s/%s", instant_text(entry->from_us, from),
             instant_text(entry->until_us, until));
}

static bool
number(const char *text, mpq_t out, Err *err)
{
    mpq_set_ui(out, 0, 1);
    return text[0] == '\0' || decimal_parse(text_of(text), out, err);
}

/* The spend that the invoice prints. Where the contract has its own percentages the invoice says which were reached. */
static bool
level_of_spend(const AlertUse *use, const Contract *contract, AlertLevel *level, Err *err)
{
    level->kind = "spending_limit";
    level->unit = use->currency;
    if (!number(use->basis, level->value, err) || !number(use->rate, level->limit, err))
        return false;
    if (contract->alert_count == 0)
        count_reached(level);
    else
        level->reached = (size_t) use->reached < level->percent_count ? (size_t) use->reached : level->percent_count;
    return true;
}

/* Of a term: what earlier periods left of it is its rate, so the difference was spent before. */
static bool
level_of_commitment(const AlertUse *use, const ContractEntry *entry, AlertLevel *level, Err *err)
{
    level->kind = "commitment";
    level->unit = use->currency;
    if (!number(use->basis, level->value, err) || !number(use->rate, level->limit, err))
        return false;
    if (entry->whole_term) {
        mpq_add(level->value, level->value, entry->value);
        mpq_sub(level->value, level->value, level->limit);
        mpq_set(level->limit, entry->value);
        period_of_entry(level, entry);
    }
    count_reached(level);
    return true;
}

/* Units or money of which something is left: `used` of them in this period. */
static bool
level_of_balance(const AlertUse *use, const ContractEntry *entry, bool lasts, AlertLevel *level, Err *err)
{
    mpq_t left;
    mpq_init(left);
    bool done = number(use->left, left, err) && number(use->quantity, level->limit, err);
    mpq_add(level->limit, level->limit, left);
    if (lasts) {
        mpq_set(level->limit, entry->value);
        period_of_entry(level, entry);
    }
    mpq_sub(level->value, level->limit, left);
    mpq_clear(left);
    if (done)
        count_reached(level);
    return done;
}

bool
alert_level(const AlertUse *use, const Contract *contract, const AlertPercents *percents, AlertLevel *level, Err *err)
{
    const bool is_spend = strcmp(use->kind, "spending_limit") == 0;
    const bool is_minimum = strcmp(use->kind, "minimum") == 0;
    const bool is_prepaid = strcmp(use->kind, "prepaid") == 0;
    const ContractList list = is_minimum ? CONTRACT_COMMITMENTS : is_prepaid ? CONTRACT_PREPAID : CONTRACT_CREDITS;
    level->kind = NULL;
    level->item = use->name;
    level->reached = 0;
    snprintf(level->period, sizeof level->period, "%s", use->period);
    take_percents(level, contract->alerts, is_spend ? contract->alert_count : 0, contract, percents);
    const ContractEntry *entry = is_spend ? NULL : entry_of(contract, list, use->name);
    if (is_spend)
        return level_of_spend(use, contract, level, err);
    if (entry == NULL)
        return err_set(err, ERR_INPUT, "contract %.12s has no %s '%s', which an invoice under it names", use->contract,
                       use->kind, use->name);
    if (is_minimum)
        return level_of_commitment(use, entry, level, err);
    level->kind = is_prepaid ? "prepaid" : "credit";
    level->unit = is_prepaid ? use->unit : use->currency;
    return level_of_balance(use, entry, !is_prepaid || entry->whole_term, level, err);
}
