/**
 * rate_contracts - the contracts that a rating run or a verification goes by, and their statements with balances
 */
#ifndef RATER_RATE_CONTRACTS_H
#define RATER_RATE_CONTRACTS_H

#include "rater/document.h"
#include "rater/rate_tenants.h"
#include "rater/statement_balances.h"
#include "schema/db.h"

/** A tenant's contract. */
typedef struct RateContract {
    int64_t tenant_id;
    int64_t revision;
    char from[8];
    const Contract *contract; /* of all with the same text; NULL: cannot be read, `reason` says why */
    char *reason;
} RateContract;

typedef struct RateContracts {
    RateContract *all; /* by tenant_id */
    size_t count, capacity;
    void *parsed; /* each text that was read, once: a tree (search.h) by digest */
} RateContracts;

/** Those that hold for a month, in place of what is there: `*self` is all zero, or was read before, and then what is known is not
 *  parsed again. Each text is parsed once, however many tenants have it. Freed with rate_contracts_free() in any case. */
MUST_CHECK bool rate_contracts_read(RateContracts *self, Db *db, UtcMonth month, Err *err);
/** Of those that hold for a month, the ones that are not among `others`. */
MUST_CHECK bool
rate_contracts_read_other(RateContracts *self, const RateContracts *others, Db *db, UtcMonth month, Err *err);
/** The one that a tenant has in a month; none: count stays 0. */
MUST_CHECK bool rate_contracts_of_tenant(RateContracts *self, Db *db, const char *tenant, UtcMonth month, Err *err);
/** The one that an invoice was made under; none: count stays 0. */
MUST_CHECK bool rate_contracts_of_invoice(RateContracts *self, Db *db, int64_t tenant_id, int64_t invoice_id, Err *err);
/** A revision of a tenant's contract. */
MUST_CHECK bool rate_contracts_of_revision(RateContracts *self, Db *db, int64_t tenant_id, int64_t revision, Err *err);
/** Go by this contract (borrowed) instead of what `tenant` has, or, when NULL, each of `tenants`. ERR_NOMEM. */
MUST_CHECK bool rate_contracts_assume(RateContracts *self, const RateTenants *tenants, const char *tenant,
                                      const Contract *contract, Err *err);
void rate_contracts_free(RateContracts *self);
/** NULL: the tenant has none. */
const RateContract *rate_contracts_find(const RateContracts *self, int64_t tenant_id);

/** May a period that ends at `end_us` be billed under it now? False with `reason` for people: a final invoice is within the grace period. */
MUST_CHECK bool rate_contract_allows(const RateContract *self, int64_t end_us, bool final, int64_t now_us, Err *reason);

/** A statement with what it borrows from. */
typedef struct RateTerms {
    StatementBalances balances;
    Statement statement;
    DocumentTerms document;
} RateTerms;

/** Make a tenant's statement after its final invoices before `invoice_id` (INT64_MAX: all), and after what input->used says beside them. Freed with rate_terms_free() when
 *  true; false: nothing is left. Errors as of statement_make(). */
MUST_CHECK bool rate_terms_make(RateTerms *self, Db *db, const RateContract *contract, int64_t invoice_id,
                                StatementInput *input, Err *err);
/** The same, after what contract_store_used() or contract_used_find() gave for it. */
MUST_CHECK bool
rate_terms_make_after(RateTerms *self, const RateContract *contract, Text used, StatementInput *input, Err *err);
void rate_terms_free(RateTerms *self);

#endif
