#include "rater/contract.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/book_binding.h"
#include "rater/contract_reader.h"

static bool
fail_sku(const Contract *self, const ContractEntry *entry, const PriceBook *book, const char *sku, Err *err)
{
    err_set(err, ERR_INPUT, "contract '%s': entry '%s': price book %s %s has no sku '%s'", self->name, entry->name,
            book->name, book->version, sku);
    return err_hint(err, "millibill price-book show %s names the skus", book->name);
}

static bool
entry_fits(const Contract *self, const ContractEntry *entry, const PriceBook *book, Err *err)
{
    if (entry->sku != NULL && price_book_meter(book, entry->sku) == NULL)
        return fail_sku(self, entry, book, entry->sku, err);
    for (size_t i = 0; i < entry->on_count; i++) {
        if (price_book_meter(book, entry->on[i]) == NULL)
            return fail_sku(self, entry, book, entry->on[i], err);
    }
    return true;
}

bool
contract_fits(const Contract *self, const PriceBook *book, Err *err)
{
    bool same = self->currency == NULL || strcmp(self->currency, book->currency) == 0;
    if (same && self->exchange_count > 0) {
        err_set(err, ERR_INPUT, "contract '%s': exchange: the price book %s is in %s already", self->name, book->name,
                book->currency);
        return err_hint(err, "remove 'exchange', or name another currency");
    }
    if (!same && self->exchange_count == 0) {
        err_set(err, ERR_INPUT, "contract '%s': exchange: is missing; price book %s is in %s, the bill in %s",
                self->name, book->name, book->currency, self->currency);
        return err_hint(err, "add exchange: [{from: 2026-01-01, rate: …}]");
    }
    for (int list = 0; list < CONTRACT_LIST_COUNT; list++) {
        for (size_t i = 0; i < self->lists[list].count; i++) {
            if (!entry_fits(self, &self->lists[list].all[i], book, err))
                return false;
        }
    }
    return true;
}

int64_t
contract_period_start_us(const Contract *self, UtcMonth month)
{
    return self == NULL ? utc_month_start_us(month) : period_start_us(self->zone, (int) self->billing_day, month);
}

bool
contract_bills_without_usage(const Contract *self)
{
    bool fee = false;
    for (size_t i = 0; i < self->lists[CONTRACT_PREPAID].count; i++)
        fee = fee || self->lists[CONTRACT_PREPAID].all[i].has_fee;
    return fee || self->lists[CONTRACT_COMMITMENTS].count > 0;
}

static void
free_entry(ContractEntry *entry)
{
    for (size_t i = 0; i < entry->on_count; i++)
        free(entry->on[i]);
    free(entry->on);
    free(entry->name);
    free(entry->title);
    free(entry->sku);
    free(entry->jurisdiction);
    free(entry->exempt);
    mpq_clears(entry->value, entry->limit, entry->fee, entry->overage, NULL);
}

static void
free_party(ContractParty *party)
{
    for (size_t i = 0; i < party->address_count; i++)
        free(party->address[i]);
    free(party->name);
    free(party->postal_code);
    free(party->city);
    free(party->country);
    free(party->tax_id);
    free(party->registration);
    free(party->email);
    free(party->iban);
}

static void
free_texts(Contract *self)
{
    free(self->name);
    free(self->version);
    free(self->title);
    free(self->price_book);
    free(self->currency);
    free(self->purchase_order);
    free(self->payment_terms);
    free(self->language);
    free(self->source);
}

void
contract_free(Contract **self)
{
    Contract *contract = *self;
    if (contract == NULL)
        return;
    for (int list = 0; list < CONTRACT_LIST_COUNT; list++) {
        for (size_t i = 0; i < contract->lists[list].count; i++)
            free_entry(&contract->lists[list].all[i]);
        free(contract->lists[list].all);
    }
    for (size_t i = 0; i < contract->exchange_count; i++) {
        mpq_clear(contract->exchange[i].rate);
        free(contract->exchange[i].source);
    }
    for (size_t i = 0; i < CONTRACT_ALERTS_MAX; i++)
        mpq_clears(contract->alerts[i], contract->watch[i], NULL);
    mpq_clear(contract->spending_limit);
    free(contract->exchange);
    free_party(&contract->seller);
    free_party(&contract->buyer);
    free_texts(contract);
    zone_free(&contract->zone);
    free(contract);
    *self = NULL;
}

static Contract *
contract_of(Yaml *yaml, Err *err)
{
    Text source = yaml_source(yaml);
    Contract *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a contract");
        return NULL;
    }
    mpq_init(self->spending_limit);
    for (size_t i = 0; i < CONTRACT_ALERTS_MAX; i++)
        mpq_inits(self->alerts[i], self->watch[i], NULL);
    self->source = text_duplicate(source);
    self->source_length = source.length;
    self->digest = digest_of(source.data, source.length);
    bool done = self->source != NULL || err_set(err, ERR_NOMEM, "no memory for a contract");
    if (!done || !contract_read(yaml, self, err))
        contract_free(&self);
    return self;
}

Contract *
contract_open(const char *path, Err *err)
{
    Yaml *yaml = yaml_open(path, err);
    Contract *self = yaml == NULL ? NULL : contract_of(yaml, err);
    yaml_close(&yaml);
    return self;
}

Contract *
contract_parse(Text text, const char *file, Err *err)
{
    Yaml *yaml = yaml_parse(text, file, err);
    Contract *self = yaml == NULL ? NULL : contract_of(yaml, err);
    yaml_close(&yaml);
    return self;
}
