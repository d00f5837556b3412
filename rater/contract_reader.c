#include "rater/contract_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"

enum { GRACE_HOURS_MAX = 2160, LATE_MONTHS_MAX = 120, EXCHANGE_MAX = 512 };

bool
contract_read_name(const Place *place, char **out, Err *err)
{
    if (!place_text(place, "name: my-name", out, err))
        return false;
    if (strspn(*out, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(*out) && strlen(*out) <= 64)
        return true;
    return place_fail(place, err, "'%.80s' is not a name; write small letters, digits, '.', '_' and '-', at most 64",
                      *out);
}

bool
contract_read_day(const Place *place, const Contract *contract, int64_t *out_us, Err *err)
{
    Day day;
    Err reason = {0};
    if (!place_exists(place))
        return true;
    if (!yaml_is_scalar(place->node) || !day_parse(yaml_text(place->node), &day, &reason))
        return place_fail(place, err, "'%.*s' is not a day; write it as 2026-07-01", TEXT_ARG(yaml_text(place->node)));
    *out_us = zone_day_start_us(contract->zone, day);
    return true;
}

static bool
read_currency(const Place *place, char **out, Err *err)
{
    if (!place_optional_text(place, out, err))
        return false;
    if (*out == NULL || (strlen(*out) == 3 && strspn(*out, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3))
        return true;
    return place_fail(place, err, "'%.20s' is not a currency; write its ISO 4217 code of three capitals, as EUR", *out);
}

static bool
read_zone(const Place *place, Contract *self, Err *err)
{
    char *name = NULL;
    Err reason = {0};
    if (!place_optional_text(place, &name, err))
        return false;
    self->zone = zone_open(name == NULL ? "UTC" : name, &reason);
    free(name);
    if (self->zone != NULL)
        return true;
    return reason.code == ERR_NOMEM ? err_set(err, reason.code, "%s", reason.message)
                                    : place_fail(place, err, "%s", reason.message);
}

static bool
read_exchange_entry(const Place *item, Contract *self, Err *err)
{
    static const char *const KEYS[] = {"from", "rate", "source", NULL};
    ContractExchange *entry = &self->exchange[self->exchange_count++];
    Place from = place_member(item, "from");
    Place rate = place_member(item, "rate");
    Place source = place_member(item, "source");
    mpq_init(entry->rate);
    if (!place_keys(item, KEYS, err))
        return false;
    if (!place_exists(&from))
        return place_fail(&from, err, "is missing; add it, as 'from: 2026-07-01'");
    if (!contract_read_day(&from, self, &entry->from_us, err) ||
        !place_amount(&rate, "a rate", "rate: 0.9215", entry->rate, err) ||
        !place_optional_text(&source, &entry->source, err))
        return false;
    snprintf(entry->from, sizeof entry->from, "%.*s", TEXT_ARG(yaml_text(from.node)));
    if (mpq_sgn(entry->rate) == 0)
        return place_fail(&rate, err, "is 0; write what one unit of the price book's currency is worth");
    if (self->exchange_count > 1 && entry->from_us <= entry[-1].from_us)
        return place_fail(&from, err, "is not after the entry before it; order the list by day");
    return true;
}

static bool
read_exchange(const Place *list, Contract *self, Err *err)
{
    size_t count = 0;
    if (!place_exists(list))
        return true;
    if (!place_sequence(list, EXCHANGE_MAX, "exchange: [{from: 2026-07-01, rate: 0.9215}]", &count, err))
        return false;
    self->exchange = calloc(count, sizeof *self->exchange);
    if (self->exchange == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a contract");
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(list, i);
        if (!read_exchange_entry(&item, self, err))
            return false;
    }
    return true;
}

static bool
read_late(const Place *place, Contract *self, Err *err)
{
    static const char *const KEYS[] = {"months", NULL};
    self->late_months = -1;
    if (!place_exists(place))
        return true;
    Place months = place_member(place, "months");
    if (!place_keys(place, KEYS, err))
        return false;
    if (!place_exists(&months))
        return place_fail(&months, err, "is missing; add it, as 'late_usage: {months: 3}'");
    return place_integer(&months, 0, LATE_MONTHS_MAX, 0, &self->late_months, err);
}

static bool
read_alerts(const Place *list, mpq_t alerts[CONTRACT_ALERTS_MAX], size_t *alert_count, Err *err)
{
    size_t count = 0;
    if (!place_exists(list))
        return true;
    if (!place_sequence(list, CONTRACT_ALERTS_MAX, "alerts: [50, 80, 100]", &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(list, i);
        if (!place_amount(&item, "a percentage", "alerts: [50, 80, 100]", alerts[i], err))
            return false;
        if (mpq_sgn(alerts[i]) == 0 || mpq_cmp_ui(alerts[i], 1000, 1) > 0)
            return place_fail(&item, err, "is not above 0 and at most 1000; write a percentage of the limit");
        if (i > 0 && mpq_cmp(alerts[i - 1], alerts[i]) >= 0)
            return place_fail(&item, err, "is not above the one before it; write percentages in ascending order");
        ++*alert_count;
    }
    return true;
}

static bool
read_spending_limit(const Place *place, Contract *self, Err *err)
{
    static const char *const KEYS[] = {"amount", "alerts", NULL};
    if (!place_exists(place))
        return true;
    Place amount = place_member(place, "amount");
    Place alerts = place_member(place, "alerts");
    self->has_spending_limit = true;
    return place_keys(place, KEYS, err) &&
           place_amount(&amount, "a limit", "amount: 5000", self->spending_limit, err) &&
           read_alerts(&alerts, self->alerts, &self->alert_count, err);
}

static bool
read_billing(const Place *root, Contract *self, Err *err)
{
    Place day = place_member(root, "billing_day");
    Place zone = place_member(root, "time_zone");
    Place grace = place_member(root, "grace_hours");
    Place late = place_member(root, "late_usage");
    Place currency = place_member(root, "currency");
    Place exchange = place_member(root, "exchange");
    Place limit = place_member(root, "spending_limit");
    Place alerts = place_member(root, "alerts");
    return read_zone(&zone, self, err) && place_integer(&day, 1, 31, 1, &self->billing_day, err) &&
           place_integer(&grace, 0, GRACE_HOURS_MAX, 0, &self->grace_hours, err) && read_late(&late, self, err) &&
           read_currency(&currency, &self->currency, err) && read_exchange(&exchange, self, err) &&
           read_spending_limit(&limit, self, err) && read_alerts(&alerts, self->watch, &self->watch_count, err);
}

static bool
read_texts(const Place *root, Contract *self, Err *err)
{
    Place name = place_member(root, "name");
    Place version = place_member(root, "version");
    Place title = place_member(root, "title");
    Place book = place_member(root, "price_book");
    Place order = place_member(root, "purchase_order");
    return contract_read_name(&name, &self->name, err) &&
           place_text(&version, "version: \"2026-07-01\"", &self->version, err) &&
           place_optional_text(&title, &self->title, err) &&
           (!place_exists(&book) || contract_read_name(&book, &self->price_book, err)) &&
           place_optional_text(&order, &self->purchase_order, err) && contract_read_papers(root, self, err);
}

bool
contract_read(const Yaml *yaml, Contract *self, Err *err)
{
    static const char *const KEYS[] = {"name",
                                       "version",
                                       "title",
                                       "price_book",
                                       "currency",
                                       "exchange",
                                       "billing_day",
                                       "time_zone",
                                       "grace_hours",
                                       "late_usage",
                                       "purchase_order",
                                       "seller",
                                       "buyer",
                                       "payment_terms",
                                       "payment_days",
                                       "language",
                                       "markup",
                                       "discounts",
                                       "commitments",
                                       "prepaid",
                                       "credits",
                                       "credit_order",
                                       "spending_limit",
                                       "alerts",
                                       "tax",
                                       NULL};
    Place root = place_root(yaml_root(yaml));
    return place_keys(&root, KEYS, err) && read_texts(&root, self, err) && read_billing(&root, self, err) &&
           contract_read_lists(&root, self, err);
}
