/* The lists of a contract's entries. See contract_reader.h. */
#include <stdlib.h>
#include <string.h>

#include "rater/contract_reader.h"

/** What is particular to a list. */
typedef struct ListRule {
    const char *key;
    const char *example;
    const char *value;  /* key of the value; NULL: percent or amount */
    unsigned long most; /* of the value; 0: any */
    const char *const *keys;
} ListRule;

static const char *const MARKUP_KEYS[] = {"name", "title", "on", "from", "until", "partial", "percent", NULL};
static const char *const DISCOUNT_KEYS[] = {"name",    "title",  "on",    "from",        "until", "partial",
                                            "percent", "amount", "limit", "limit_every", NULL};
static const char *const COMMITMENT_KEYS[] = {"name",    "title",   "on",    "from", "until",
                                              "partial", "minimum", "every", NULL};
static const char *const PREPAID_KEYS[] = {
    "name", "title", "from", "until", "partial", "sku", "units", "every", "fee", "overage_unit_price", NULL};
static const char *const CREDIT_KEYS[] = {"name", "title", "on", "from", "until", "amount", NULL};
static const char *const TAX_KEYS[] = {"name", "title", "from", "until", "percent", "jurisdiction", "exempt", NULL};

static const ListRule RULES[CONTRACT_LIST_COUNT] = {
    [CONTRACT_MARKUP] = {"markup", "markup: [{name: support, percent: 3}]", "percent", 1000, MARKUP_KEYS},
    [CONTRACT_DISCOUNTS] = {"discounts", "discounts: [{name: partner, percent: 10}]", NULL, 100, DISCOUNT_KEYS},
    [CONTRACT_COMMITMENTS] = {"commitments", "commitments: [{name: base, minimum: 500}]", "minimum", 0,
                              COMMITMENT_KEYS},
    [CONTRACT_PREPAID] = {"prepaid", "prepaid: [{name: pack, sku: requests, units: 1000000}]", "units", 0,
                          PREPAID_KEYS},
    [CONTRACT_CREDITS] = {"credits", "credits: [{name: welcome, amount: 100}]", "amount", 0, CREDIT_KEYS},
    [CONTRACT_TAXES] = {"rates", "rates: [{name: vat, percent: 19, jurisdiction: Germany}]", "percent", 100, TAX_KEYS},
};

static bool
read_on(const Place *list, ContractEntry *entry, Err *err)
{
    size_t count = 0;
    if (!place_exists(list))
        return true;
    if (!place_sequence(list, PRICE_BOOK_METERS_MAX, "on: [requests]", &count, err))
        return false;
    entry->on = calloc(count, sizeof *entry->on);
    if (entry->on == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a contract");
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(list, i);
        if (!place_text(&item, "on: [requests]", &entry->on[i], err))
            return false;
        entry->on_count++;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(entry->on[i], entry->on[j]) == 0)
                return place_fail(&item, err, "'%s' stands twice; remove one", entry->on[i]);
        }
    }
    return true;
}

static bool
read_dates(const Place *item, const Contract *contract, ContractEntry *entry, Err *err)
{
    static const char *const PARTIALS[] = {"start", "share", NULL};
    Place from = place_member(item, "from");
    Place until = place_member(item, "until");
    Place partial = place_member(item, "partial");
    int choice = 0;
    if (!contract_read_day(&from, contract, &entry->from_us, err) ||
        !contract_read_day(&until, contract, &entry->until_us, err) ||
        !place_choice(&partial, "rule for partial periods", PARTIALS, 0, &choice, err))
        return false;
    entry->shared = choice == 1;
    if (entry->from_us >= entry->until_us)
        return place_fail(&until, err, "is not after 'from'; it is the first day on which the entry no longer holds");
    return true;
}

/* every (or limit_every): a term has a beginning and an end, and is never cut. */
static bool
read_every(const Place *item, const char *key, ContractEntry *entry, Err *err)
{
    static const char *const EVERY[] = {"period", "term", NULL};
    Place every = place_member(item, key);
    int choice = 0;
    if (!place_choice(&every, "span", EVERY, 0, &choice, err))
        return false;
    entry->whole_term = choice == 1;
    if (entry->whole_term && (entry->from_us == INT64_MIN || entry->until_us == INT64_MAX))
        return place_fail(&every, err, "a term has a first and a last day; add 'from' and 'until'");
    if (entry->whole_term && entry->shared)
        return place_fail(&every, err, "a term is not shared out; remove 'partial: share', or write 'period'");
    return true;
}

static bool
at_most(const Place *place, const mpq_t value, unsigned long most, Err *err)
{
    return most == 0 || mpq_cmp_ui(value, most, 1) <= 0 ||
           place_fail(place, err, "is above %lu; write a percentage from 0 to %lu", most, most);
}

static bool
read_value(const Place *item, const ListRule *rule, ContractEntry *entry, Err *err)
{
    Place percent = place_member(item, "percent");
    Place amount = place_member(item, "amount");
    if (rule->value != NULL) {
        Place value = place_member(item, rule->value);
        entry->by_percent = strcmp(rule->value, "percent") == 0;
        return place_amount(&value, "it", rule->example, entry->value, err) &&
               at_most(&value, entry->value, rule->most, err);
    }
    if (place_exists(&percent) == place_exists(&amount))
        return place_fail(item, err, "has %s; write one of 'percent' and 'amount'",
                          place_exists(&percent) ? "both percent and amount" : "neither percent nor amount");
    entry->by_percent = place_exists(&percent);
    if (entry->by_percent)
        return place_amount(&percent, "a percentage", "percent: 10", entry->value, err) &&
               at_most(&percent, entry->value, rule->most, err);
    return place_amount(&amount, "an amount", "amount: 50", entry->value, err);
}

static bool
read_optional_amount(const Place *item, const char *key, bool *has, mpq_t out, Err *err)
{
    Place place = place_member(item, key);
    *has = place_exists(&place);
    return !*has || place_amount(&place, "it", key, out, err);
}

static bool
read_extras(const Place *item, ContractList list, ContractEntry *entry, Err *err)
{
    Place sku = place_member(item, "sku");
    Place jurisdiction = place_member(item, "jurisdiction");
    Place exempt = place_member(item, "exempt");
    switch (list) {
    case CONTRACT_DISCOUNTS:
        if (!read_optional_amount(item, "limit", &entry->has_limit, entry->limit, err) ||
            !read_every(item, "limit_every", entry, err))
            return false;
        return entry->has_limit || !entry->whole_term ||
               place_fail(item, err, "has limit_every but no limit; add 'limit', or remove it");
    case CONTRACT_COMMITMENTS:
        return read_every(item, "every", entry, err);
    case CONTRACT_PREPAID:
        return place_text(&sku, "sku: requests", &entry->sku, err) && read_every(item, "every", entry, err) &&
               read_optional_amount(item, "fee", &entry->has_fee, entry->fee, err) &&
               read_optional_amount(item, "overage_unit_price", &entry->has_overage, entry->overage, err);
    case CONTRACT_TAXES:
        return place_optional_text(&jurisdiction, &entry->jurisdiction, err) &&
               place_optional_text(&exempt, &entry->exempt, err);
    default:
        return true;
    }
}

static bool
read_entry(const Place *item, Contract *self, ContractList list, Err *err)
{
    const ListRule *rule = &RULES[list];
    ContractEntries *entries = &self->lists[list];
    ContractEntry *entry = &entries->all[entries->count++];
    entry->from_us = INT64_MIN;
    entry->until_us = INT64_MAX;
    mpq_inits(entry->value, entry->limit, entry->fee, entry->overage, NULL);
    Place name = place_member(item, "name");
    Place title = place_member(item, "title");
    Place on = place_member(item, "on");
    if (!place_keys(item, rule->keys, err) || !contract_read_name(&name, &entry->name, err) ||
        !place_optional_text(&title, &entry->title, err) || !read_on(&on, entry, err) ||
        !read_dates(item, self, entry, err) || !read_value(item, rule, entry, err) ||
        !read_extras(item, list, entry, err))
        return false;
    for (size_t i = 0; i + 1 < entries->count; i++) {
        if (strcmp(entries->all[i].name, entry->name) == 0)
            return place_fail(&name, err, "'%s' stands twice in this list; balances are kept by name, choose another",
                              entry->name);
    }
    return true;
}

static bool
read_list(const Place *list, Contract *self, ContractList which, Err *err)
{
    size_t count = 0;
    if (!place_exists(list))
        return true;
    if (!place_sequence(list, CONTRACT_ENTRIES_MAX, RULES[which].example, &count, err))
        return false;
    self->lists[which].all = calloc(count, sizeof(ContractEntry));
    if (self->lists[which].all == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a contract");
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(list, i);
        if (!read_entry(&item, self, which, err))
            return false;
    }
    return true;
}

static bool
read_tax(const Place *tax, Contract *self, Err *err)
{
    static const char *const KEYS[] = {"included", "rates", NULL};
    static const char *const NAMES[] = {"false", "true", NULL};
    int included = 0;
    if (!place_exists(tax))
        return true;
    Place place = place_member(tax, "included");
    Place rates = place_member(tax, "rates");
    if (!place_keys(tax, KEYS, err) || !place_choice(&place, "value", NAMES, 0, &included, err))
        return false;
    self->tax_included = included == 1;
    if (!place_exists(&rates))
        return place_fail(&rates, err, "is missing; add it, as '%s'", RULES[CONTRACT_TAXES].example);
    return read_list(&rates, self, CONTRACT_TAXES, err);
}

bool
contract_read_lists(const Place *root, Contract *self, Err *err)
{
    static const char *const ORDERS[] = {"soonest_expiry", "listed", NULL};
    Place order = place_member(root, "credit_order");
    Place tax = place_member(root, "tax");
    int choice = 0;
    for (int list = 0; list < CONTRACT_TAXES; list++) {
        Place place = place_member(root, RULES[list].key);
        if (!read_list(&place, self, (ContractList) list, err))
            return false;
    }
    if (!place_choice(&order, "order of credits", ORDERS, 0, &choice, err))
        return false;
    self->credits_as_listed = choice == 1;
    return read_tax(&tax, self, err);
}
