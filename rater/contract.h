/**
 * contract - the terms of one tenant, read from a YAML file
 *
 * Immutable once read and named for ever by the SHA-256 of its bytes, as a price book is. Each mistake gives
 * "FILE:LINE: FIELD: what is wrong; what to do". The reference of all keys and of what they mean stands in doc/contracts.md.
 */
#ifndef RATER_CONTRACT_H
#define RATER_CONTRACT_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"
#include "rater/period.h"
#include "rater/price_book.h"

typedef enum ContractList {
    CONTRACT_MARKUP,
    CONTRACT_DISCOUNTS,
    CONTRACT_COMMITMENTS,
    CONTRACT_PREPAID,
    CONTRACT_CREDITS,
    CONTRACT_TAXES,
    CONTRACT_LIST_COUNT
} ContractList;

enum { CONTRACT_ENTRIES_MAX = 64, CONTRACT_ALERTS_MAX = 16, CONTRACT_ADDRESS_MAX = 8 };

/** One entry of any list; members that its list does not know are zero. */
typedef struct ContractEntry {
    char *name;
    char *title; /* NULL: none */
    char **on;   /* skus; NULL and 0: all lines */
    size_t on_count;
    int64_t from_us;  /* INT64_MIN: always */
    int64_t until_us; /* first instant at which it no longer holds; INT64_MAX: never */
    bool shared;      /* partial: share */
    bool by_percent;  /* `value` is a percentage */
    mpq_t value;      /* percent, amount, minimum or units */
    bool whole_term;  /* every (or limit_every): term */
    bool has_limit, has_fee, has_overage;
    mpq_t limit, fee, overage;
    char *sku;
    char *jurisdiction;
    char *exempt; /* the reason; NULL: not exempt */
} ContractEntry;

typedef struct ContractEntries {
    ContractEntry *all;
    size_t count;
} ContractEntries;

typedef struct ContractExchange {
    char from[11]; /* as written */
    int64_t from_us;
    mpq_t rate; /* units of the contract's currency for one of the book's */
    char *source;
} ContractExchange;

typedef struct ContractParty {
    char *name; /* NULL: not said */
    char *address[CONTRACT_ADDRESS_MAX];
    size_t address_count;
    char *postal_code;
    char *city;
    char *country; /* ISO 3166-1 alpha-2 */
    char *tax_id;
    char *registration; /* in the register of companies */
    char *email;
    char *iban; /* of a seller */
} ContractParty;

typedef struct Contract {
    char *name;
    char *version;
    char *title;
    char *price_book; /* NULL: not said */
    char *currency;   /* NULL: the book's */
    ContractExchange *exchange;
    size_t exchange_count;
    int64_t billing_day;
    Zone *zone;
    int64_t grace_hours;
    int64_t late_months; /* -1: whatever its age */
    char *purchase_order;
    char *payment_terms;
    int64_t payment_days; /* after the day of issue; -1: not said */
    char *language;       /* of the documents; NULL: that of the settings */
    ContractParty seller, buyer;
    ContractEntries lists[CONTRACT_LIST_COUNT];
    bool credits_as_listed;
    bool has_spending_limit;
    mpq_t spending_limit;
    mpq_t alerts[CONTRACT_ALERTS_MAX]; /* of the spending limit: percent, ascending */
    size_t alert_count;
    mpq_t watch[CONTRACT_ALERTS_MAX]; /* of everything else that the contract limits: percent, ascending */
    size_t watch_count;
    bool tax_included;
    Digest digest; /* of the file's bytes */
    char *source;  /* the file's bytes and a NUL */
    size_t source_length;
} Contract;

/** Read a contract from a path ("-": standard input) or from text. Caller frees with contract_free(). NULL: ERR_IO,
 *  ERR_INPUT ("FILE:LINE: …"), ERR_NOMEM. */
MUST_CHECK Contract *contract_open(const char *path, Err *err);
MUST_CHECK Contract *contract_parse(Text text, const char *file, Err *err);
void contract_free(Contract **self);

/** Do contract and price book fit: currencies and exchange, and the book meters every sku that is named? ERR_INPUT. */
MUST_CHECK bool contract_fits(const Contract *self, const PriceBook *book, Err *err);

/** The start of a month's period under this contract (NULL: the UTC month). */
int64_t contract_period_start_us(const Contract *self, UtcMonth month);

/** Does it bill something without any usage (a minimum, a prepaid fee)? */
bool contract_bills_without_usage(const Contract *self);

#endif
