/**
 * verify_seal_store - seals as verification reads them; a part of verify_store.h
 */
#ifndef SCHEMA_VERIFY_SEAL_STORE_H
#define SCHEMA_VERIFY_SEAL_STORE_H

#include "schema/seal.h"
#include "schema/verify_store.h"

/** Texts are borrowed until the next row is asked for. */
typedef struct VerifySeal {
    Seal seal;            /* tenant is not filled in; segments counts the ids */
    Text segment_ids;     /* big-endian int8 each, in the order of the seal */
    Text segment_digests; /* 32 bytes each */
} VerifySeal;
/** A tenant's seals in the order of hour and revision. */
MUST_CHECK VerifyCursor *verify_seals_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, Err *err);
/** A tenant's seals in the order of the chain, whatever the period. */
MUST_CHECK VerifyCursor *verify_chain_open(Db *db, int64_t tenant_id, Err *err);
/** Next row of either. */
MUST_CHECK bool verify_seals_next(VerifyCursor *self, VerifySeal *row, bool *more, Err *err);

typedef struct VerifySealExclusion {
    int64_t hour_us;
    int64_t receipt; /* 0: its commit has none */
    Text line;       /* canonical */
} VerifySealExclusion;
/** A tenant's exclusions in the order of hour, segment and ordinal. */
MUST_CHECK VerifyCursor *verify_seal_exclusions_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, Err *err);
MUST_CHECK bool verify_seal_exclusions_next(VerifyCursor *self, VerifySealExclusion *row, bool *more, Err *err);

/** Each seal of all tenants in the order of head, tenant and number. */
typedef bool (*VerifyHeadSeal)(void *context, int64_t head_number, int64_t tenant_id, int64_t number,
                               const Digest *digest, Err *err);
MUST_CHECK bool verify_head_seals(Db *db, VerifyHeadSeal visit, void *context, Err *err);

/** A final invoice as a head was signed over it, beside what the table of invoices has under its id now. Texts are borrowed for
 *  the time of the call. */
typedef struct VerifySealedInvoice {
    SealInvoice sealed;
    bool is_there;
    bool is_final;
    Text number;
    Digest document; /* as stored: the check of invoices compares it with the document */
} VerifySealedInvoice;
typedef bool (*VerifySealedVisit)(void *context, const VerifySealedInvoice *row, Err *err);
/** Each one of all tenants in the order of head, tenant and id. */
MUST_CHECK bool verify_sealed_invoices(Db *db, VerifySealedVisit visit, void *context, Err *err);
/** The one that `sealed` names. */
MUST_CHECK bool
verify_listed_invoice(Db *db, const SealInvoice *sealed, VerifySealedVisit visit, void *context, Err *err);
/** How many final invoices are under no head? */
MUST_CHECK bool verify_unsealed_invoices(Db *db, int64_t *count, Err *err);

#endif
