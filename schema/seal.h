/**
 * seal - the canonical form of what is sealed, and its digests (SHA-256); pure
 *
 * doc/seals.md describes the same for a stranger. Every text is ASCII lines that end in \n (a tenant's name is UTF-8 with its
 * length in front); numbers are decimal, digests lower-case hex, times RFC 3339 in UTC.
 *
 *   segment   "segment ID RECEIPT RECORDS SHA256(payload) SHA256(sources)\n"; its digest is the SHA-256 of this line
 *   content   SHA-256 of the segments' digests (32 bytes each, in the order of ID) and SHA-256(all exclusion lines)
 *   seal      "millibill seal 1\n" and the lines that seal_digest() writes; it names the seal before it
 *   head      "millibill head 1\n" and the lines that head_digest() writes; it names the head before it
 *   invoice   "invoice TENANT_ID INVOICE_ID SHA256(document) BYTES NUMBER\n": a head's final invoices
 *   root      "millibill root 1\n", then one line for each seal of the month in the order of the chain
 *
 * The lines of exclusions and of books (ledger, losses, quarantine) are made by PostgreSQL: schema/seal_store.c.
 */
#ifndef SCHEMA_SEAL_H
#define SCHEMA_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/seal_key.h"
#include "lib/text.h"
#include "lib/utc.h"

enum { SEAL_INCARNATION_BYTES = 16, SEAL_HEAD_VERSION = 2 };

/** One segment as it is sealed. */
typedef struct SealSegment {
    int64_t segment_id;
    int64_t receipt; /* of its commit */
    int64_t records;
    Digest payload;
    Digest sources;
} SealSegment;
Digest seal_segment_digest(const SealSegment *segment);

/** Over `count` segment digests of 32 bytes each and the digest over all exclusion lines. */
Digest seal_content_digest(const uint8_t *segment_digests, size_t count, const Digest *exclusions);

typedef struct Seal {
    int64_t tenant_id;
    Text tenant;    /* name, borrowed */
    int64_t number; /* in the tenant's chain, from 1 */
    int64_t head_number;
    int64_t hour_us;
    int64_t revision;
    int64_t receipt_from; /* covers receipts from … to, both included */
    int64_t receipt_to;
    int64_t segments;
    int64_t records;
    int64_t exclusions;
    Digest exclusions_digest;
    Digest content;
    int64_t sealed_at_us; /* whole seconds */
    Digest previous;      /* zero for the first */
    Digest digest;
} Seal;
/** Of all members but tenant_id, head_number, exclusions_digest and digest. */
Digest seal_digest(const Seal *seal);

typedef struct SealHead {
    int64_t number;  /* from 1 */
    int64_t version; /* of its form: 1 has no invoices; SEAL_HEAD_VERSION */
    uint8_t incarnation[SEAL_INCARNATION_BYTES];
    int64_t receipt_from;
    int64_t receipt_to;
    int64_t books; /* lines */
    Digest books_digest;
    int64_t seals;
    Digest seals_digest;
    int64_t roots;
    Digest roots_digest;
    int64_t invoices; /* final ones that no head before covers */
    Digest invoices_digest;
    int64_t signed_at_us; /* whole seconds */
    Digest previous;      /* zero for the first */
    Digest digest;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    uint8_t signature[SEAL_SIGNATURE_BYTES]; /* of digest */
} SealHead;
/** Of all members but digest, public_key and signature. */
Digest seal_head_digest(const SealHead *head);

/** A final invoice as a head covers it. Texts are borrowed. */
typedef struct SealInvoice {
    int64_t tenant_id;
    Text tenant; /* name: for readers, not in the digest */
    int64_t invoice_id;
    int64_t head_number;
    Text number;
    Digest document;
} SealInvoice;

/** A head's seals, roots and invoices: one line each, in the order of tenant_id and number (month, invoice_id). */
void seal_head_add_seal(DigestState *state, int64_t tenant_id, int64_t number, const Digest *digest);
void seal_head_add_root(DigestState *state, int64_t tenant_id, UtcMonth month, int64_t revision, const Digest *digest);

void seal_head_add_invoice(DigestState *state, const SealInvoice *invoice);

typedef struct SealRoot {
    int64_t tenant_id;
    Text tenant; /* name, borrowed */
    UtcMonth month;
    int64_t revision; /* from 1 */
    int64_t head_number;
    int64_t receipt_to; /* of that head: what came up to here is sealed */
    int64_t seals;
    int64_t last_seal; /* number of the last seal it covers */
    Digest digest;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    uint8_t signature[SEAL_SIGNATURE_BYTES]; /* of digest */
} SealRoot;
/** Start with tenant, month, revision and number of seals of `root`, add each seal, then digest_end(). */
void seal_root_start(DigestState *state, const SealRoot *root);
void seal_root_add(DigestState *state, int64_t number, const Digest *digest);

#endif
