#include "rater/rate_contracts.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "schema/contract_store.h"

typedef struct Taking {
    RateContracts *into;
    const RateContracts *others; /* these are left out */
} Taking;

static int
compare_tenant(const void *left, const void *right)
{
    int64_t a = ((const RateContract *) left)->tenant_id;
    int64_t b = ((const RateContract *) right)->tenant_id;
    return (a > b) - (a < b);
}

static int
compare_digest(const void *left, const void *right)
{
    return memcmp(((const Contract *) left)->digest.bytes, ((const Contract *) right)->digest.bytes, DIGEST_BYTES);
}

static bool
is_revision(const RateContracts *self, int64_t tenant_id, int64_t revision)
{
    const RateContract *found = self == NULL ? NULL : rate_contracts_find(self, tenant_id);
    return found != NULL && found->revision == revision;
}

/* By what the text is, which must be what the row says. */
static const Contract *
find_parsed(const RateContracts *self, const ContractRow *row)
{
    char hex[DIGEST_HEX_BYTES];
    const Contract key = {.digest = digest_of(row->source.data, row->source.length)};
    void *const *found = tfind(&key, &self->parsed, compare_digest);
    return found == NULL || strcmp(digest_hex(&key.digest, hex), row->sha256) != 0 ? NULL : *found;
}

/* What is wrong with it is told in the name of the tenant. */
static bool
parse(RateContracts *self, RateContract *taken, const ContractRow *row, Err *err)
{
    char file[96];
    char hex[DIGEST_HEX_BYTES];
    Err reason = {0};
    snprintf(file, sizeof file, "contract of '%.40s', revision %lld", row->tenant, (long long) row->revision);
    Contract *parsed = contract_parse(row->source, file, &reason);
    if (parsed != NULL && strcmp(digest_hex(&parsed->digest, hex), row->sha256) != 0) {
        contract_free(&parsed);
        err_set(&reason, ERR_CORRUPT, "%s: has SHA-256 %s, expected %s", file, hex, row->sha256);
    }
    if (parsed == NULL)
        taken->reason = reason.code == ERR_NOMEM ? NULL : strdup(reason.message);
    else if (tsearch(parsed, &self->parsed, compare_digest) == NULL)
        contract_free(&parsed);
    taken->contract = parsed;
    return parsed != NULL || taken->reason != NULL || err_set(err, ERR_NOMEM, "no memory for contracts");
}

static bool
take(void *context, const ContractRow *row, Err *err)
{
    const Taking *taking = context;
    RateContracts *self = taking->into;
    if (is_revision(taking->others, row->tenant_id, row->revision))
        return true;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    RateContract *taken = &self->all[self->count++];
    *taken = (RateContract){.tenant_id = row->tenant_id, .revision = row->revision};
    snprintf(taken->from, sizeof taken->from, "%s", row->from);
    taken->contract = find_parsed(self, row);
    return taken->contract != NULL || parse(self, taken, row, err);
}

static void
forget_tenants(RateContracts *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->all[i].reason);
    self->count = 0;
}

bool
rate_contracts_read(RateContracts *self, Db *db, UtcMonth month, Err *err)
{
    Taking taking = {.into = self};
    forget_tenants(self);
    return contract_store_in_force(db, NULL, month, take, &taking, err);
}

bool
rate_contracts_read_other(RateContracts *self, const RateContracts *others, Db *db, UtcMonth month, Err *err)
{
    Taking taking = {.into = self, .others = others};
    *self = (RateContracts){0};
    return contract_store_in_force(db, NULL, month, take, &taking, err);
}

bool
rate_contracts_of_tenant(RateContracts *self, Db *db, const char *tenant, UtcMonth month, Err *err)
{
    *self = (RateContracts){0};
    Taking taking = {.into = self};
    return contract_store_in_force(db, tenant, month, take, &taking, err);
}

bool
rate_contracts_of_invoice(RateContracts *self, Db *db, int64_t tenant_id, int64_t invoice_id, Err *err)
{
    *self = (RateContracts){0};
    Taking taking = {.into = self};
    return contract_store_of_invoice(db, tenant_id, invoice_id, take, &taking, err);
}

bool
rate_contracts_of_revision(RateContracts *self, Db *db, int64_t tenant_id, int64_t revision, Err *err)
{
    *self = (RateContracts){0};
    Taking taking = {.into = self};
    return contract_store_of_revision(db, tenant_id, revision, take, &taking, err);
}

static void
free_parsed(void *contract)
{
    Contract *parsed = contract;
    contract_free(&parsed);
}

void
rate_contracts_free(RateContracts *self)
{
    forget_tenants(self);
    tdestroy(self->parsed, free_parsed);
    free(self->all);
    *self = (RateContracts){0};
}

const RateContract *
rate_contracts_find(const RateContracts *self, int64_t tenant_id)
{
    const RateContract key = {.tenant_id = tenant_id};
    return self->count == 0 ? NULL : bsearch(&key, self->all, self->count, sizeof key, compare_tenant);
}

static bool
assume_for(RateContracts *self, size_t known, int64_t tenant_id, const Contract *contract, Err *err)
{
    const RateContract key = {.tenant_id = tenant_id};
    RateContract *found = known == 0 ? NULL : bsearch(&key, self->all, known, sizeof key, compare_tenant);
    if (found == NULL) {
        if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
            return false;
        found = &self->all[self->count++];
        *found = key;
    }
    free(found->reason);
    found->reason = NULL;
    found->contract = contract;
    return true;
}

bool
rate_contracts_assume(RateContracts *self, const RateTenants *tenants, const char *tenant, const Contract *contract,
                      Err *err)
{
    const size_t known = self->count;
    for (size_t i = 0; i < tenants->count; i++) {
        if ((tenant == NULL || strcmp(tenant, tenants->all[i].name) == 0) &&
            !assume_for(self, known, tenants->all[i].tenant_id, contract, err))
            return false;
    }
    qsort(self->all, self->count, sizeof *self->all, compare_tenant);
    return true;
}

bool
rate_contract_allows(const RateContract *self, int64_t end_us, bool final, int64_t now_us, Err *reason)
{
    char until[UTC_TEXT_BYTES];
    const Contract *contract = self->contract;
    if (contract == NULL)
        return err_set(reason, ERR_INPUT, "%s", self->reason == NULL ? "" : self->reason);
    const int64_t until_us = end_us + contract->grace_hours * UTC_HOUR_US;
    if (!final || until_us <= now_us)
        return true;
    err_set(reason, ERR_CONFLICT, "contract '%s' leaves time for late usage until %s", contract->name,
            utc_format(until_us, until));
    return err_hint(reason, "--preview shows what there is so far");
}

bool
rate_terms_make_after(RateTerms *self, const RateContract *contract, Text used, StatementInput *input, Err *err)
{
    *self = (RateTerms){
        .document = {.contract = contract->contract, .revision = contract->revision, .from = contract->from}};
    if (!statement_balances_read(&self->balances, used, err) ||
        !statement_balances_add(&self->balances, input->used, input->used_count, err)) {
        statement_balances_free(&self->balances);
        return false;
    }
    input->contract = contract->contract;
    input->used = self->balances.used;
    input->used_count = self->balances.used_count;
    self->document.statement = &self->statement;
    if (statement_make(&self->statement, input, err))
        return true;
    rate_terms_free(self);
    return false;
}

bool
rate_terms_make(RateTerms *self, Db *db, const RateContract *contract, int64_t invoice_id, StatementInput *input,
                Err *err)
{
    Buffer used = {0};
    bool done = contract_store_used(db, contract->tenant_id, invoice_id, &used, err) &&
                rate_terms_make_after(self, contract, buffer_text(&used), input, err);
    buffer_free(&used);
    return done;
}

void
rate_terms_free(RateTerms *self)
{
    statement_free(&self->statement);
    statement_balances_free(&self->balances);
}
