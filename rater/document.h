/**
 * document - a rated result as JSON: the answer of quote and the canonical document of an invoice
 *
 * One function writes both, so that what is quoted, previewed and finalized has one form. Members come in a fixed order
 * and numbers in one form: with json_canonical() the same result gives the same bytes. Amounts and quantities are decimal
 * strings.
 */
#ifndef RATER_DOCUMENT_H
#define RATER_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "rater/period.h"
#include "rater/rate.h"
#include "rater/statement.h"
#include "schema/seal.h"

/** What stands at the head of an invoice (all borrowed). */
typedef struct InvoiceHead {
    const char *number; /* NULL for a preview */
    const char *tenant;
    const char *account;
    BillingPeriod period;
    int64_t receipt_watermark; /* usage was looked at up to this receipt */
    const SealRoot *roots;     /* seals of the UTC months that the period touches, those that there are, in order … */
    size_t root_count;         /* … 0: the document says nothing of them */
    int64_t service_start_us;  /* of the account, where it begins inside the period; else anything that is not inside */
    int64_t service_end_us;    /* where it ends inside */
} InvoiceHead;

/** The contract of a document and what it made of the lines (all borrowed). */
typedef struct DocumentTerms {
    const Contract *contract;
    const Statement *statement;
    int64_t revision; /* 0: of a quote */
    const char *from; /* "2026-07", its first month; NULL: of a quote */
    bool unnamed;     /* there is no contract to be named: the statement brings adjustments forward */
} DocumentTerms;

/** The answer of quote: currency, price_book, free_tier, rounding, lines, functions, free_tiers, subtotal, total.
 *  Caller releases with json_object_put(). NULL: ERR_NOMEM. */
MUST_CHECK Json *document_quote(const Rated *rated, const PriceBook *book, bool free_tier, Err *err);
/** The same under a contract: contract, statement, spending_limit, net, tax and payable too (doc/contracts.md). */
MUST_CHECK Json *
document_quote_terms(const Rated *rated, const PriceBook *book, bool free_tier, const DocumentTerms *terms, Err *err);

/** The same for one tenant, with `invoice` first: number, state, tenant, account, period_start, period_end,
 *  receipt_watermark, service_from and service_until of a partial one, and `month` where the period is no UTC month; and `evidence` last, when there is a root: root, revision, seals, head, receipt, public_key, signature.
 *  Of a period that is no UTC month it names the root's `month`, and in `earlier` the same of the months before.
 *  `terms` NULL: there is no contract, and the document looks as it did before there were any. */
MUST_CHECK Json *document_invoice(const InvoiceHead *head, const Rated *rated, const RatedSlice *slice,
                                  const PriceBook *book, bool free_tier, const DocumentTerms *terms, Err *err);

/** The same in two steps, as canonical JSON: what stands between `invoice` and `evidence`, and the whole around it. Caller frees with free(). NULL: ERR_NOMEM. */
MUST_CHECK char *document_invoice_body(const Rated *rated, const RatedSlice *slice, const PriceBook *book,
                                       bool free_tier, const DocumentTerms *terms, Err *err);
MUST_CHECK char *document_invoice_around(const InvoiceHead *head, Text body, Err *err);

/** Add period_start, period_end and, where the period is no UTC month, `month`. ERR_NOMEM. */
MUST_CHECK bool document_add_period(Json *object, const BillingPeriod *period, Err *err);

/** Name, version and digest of a book as an object. */
MUST_CHECK Json *document_price_book(const PriceBook *book, Err *err);

/** "half up, 2 digits, each line" (or "the total"). Caller frees with free(). */
MUST_CHECK char *document_rounding(const PriceBook *book, Err *err);

/** Add an exact number, or one rounded to the book's digits, as a decimal string. */
bool document_add_exact(Json *object, const char *key, const mpq_t value, Err *err);
bool document_add_money(Json *object, const char *key, const mpq_t value, const PriceBook *book, Err *err);

#endif
