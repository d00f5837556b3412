/**
 * price_book - meters, prices, tiers, free tiers and rounding, read from a YAML file
 *
 * A book is immutable once read and is named for ever by the SHA-256 of its bytes. Everything that a book may say is
 * checked while it is read: each mistake gives "FILE:LINE: FIELD: what is wrong; what to do". The reference of all keys
 * stands in doc/price-books.md. A further price model, measure, allocation rule or rounding place is a new value
 * of one of the enums below and a new branch in meter.c, price.c or free_tier.c: the file's shape stays.
 */
#ifndef RATER_PRICE_BOOK_H
#define RATER_PRICE_BOOK_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/decimal.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

enum { PRICE_BOOK_METERS_MAX = 32, PRICE_TIERS_MAX = 64, PRICE_GB_MB = 1024 };

/** What of a usage row makes the quantity. */
typedef enum Measure {
    MEASURE_INVOCATIONS,          /* "invocations" */
    MEASURE_GB_SECONDS,           /* "gb_seconds": configured memory x billed duration */
    MEASURE_EPHEMERAL_GB_SECONDS, /* "ephemeral_gb_seconds": storage above included_mb x billed duration */
    MEASURE_COUNT
} Measure;

typedef enum PriceModel {
    PRICE_PER_UNIT,  /* "per_unit": one price for every unit */
    PRICE_GRADUATED, /* "graduated": each tier's units at its own price; a tier's limit is inclusive */
    PRICE_MODEL_COUNT
} PriceModel;

typedef enum Allocation {
    ALLOCATE_DEAREST_FIRST, /* "dearest_first": dearest unit price, then in proportion among tenants */
    ALLOCATION_COUNT
} Allocation;

typedef enum RoundingPlace {
    ROUND_EACH_LINE, /* "line" */
    ROUNDING_PLACE_COUNT
} RoundingPlace;

typedef struct PriceTier {
    bool open;        /* the last tier has no limit */
    mpq_t up_to;      /* inclusive, counted over account and region; 0 when open */
    mpq_t unit_price; /* for one unit of the meter */
} PriceTier;

/** One entry of a meter's `prices`: whom it is for, and what it costs. It has its own tier ladder in each region. */
typedef struct Price {
    char **regions; /* NULL and 0: every region */
    size_t region_count;
    unsigned architectures; /* bit set by 1u << UsageArchitecture */
    unsigned modes;         /* bit set by 1u << UsageMode */
    PriceModel model;
    PriceTier *tiers; /* at least one; the last is open */
    size_t tier_count;
    char *source; /* where the figure comes from */
} Price;

typedef struct Meter {
    char *sku;
    char *description;
    char *unit;
    Measure measure;
    int64_t included_mb; /* ephemeral storage that costs nothing */
    Price *prices;
    size_t price_count;
} Meter;

/** A monthly allowance that the tenants of an account share. */
typedef struct FreeTier {
    char *name;
    mpq_t quantity;   /* in units of the meters it covers */
    uint64_t meters;  /* bit set by meter index */
    unsigned modes;   /* bit set by 1u << UsageMode */
    bool whole_units; /* shares are whole numbers, by largest remainder */
    Allocation allocation;
} FreeTier;

/** Initialization is billed for these packages and modes, from this instant on. */
typedef struct InitRule {
    unsigned packages; /* bit set by 1u << UsagePackage */
    unsigned modes;
    int64_t since_us; /* a month is billed by what holds at its start */
} InitRule;

typedef struct PriceBook {
    char *name;
    char *version;
    char *title;
    char *currency;       /* ISO 4217, three capitals */
    char *default_region; /* of usage that names none; NULL: none */
    RoundingMode rounding;
    int rounding_scale; /* digits after the point */
    RoundingPlace rounding_place;
    int64_t granularity_ms; /* 1 or 100 */
    InitRule *init_rules;
    size_t init_rule_count;
    Meter *meters;
    size_t meter_count;
    FreeTier *free_tiers;
    size_t free_tier_count;
    Digest digest; /* of the file's bytes */
    char *source;  /* the file's bytes and a NUL */
    size_t source_length;
} PriceBook;

/** Read a book from a path ("-": standard input). Caller frees with price_book_free(). NULL: ERR_IO, ERR_INPUT
 *  ("FILE:LINE: …"), ERR_NOMEM. */
MUST_CHECK PriceBook *price_book_open(const char *path, Err *err);
/** The same from text; `file` stands for the file in messages. */
MUST_CHECK PriceBook *price_book_parse(Text text, const char *file, Err *err);
/** A shipped book by its name, or a file by its path. Also ERR_NOT_FOUND. */
MUST_CHECK PriceBook *price_book_find(const char *name_or_path, Err *err);
void price_book_free(PriceBook **self);

/** The first (and only: entries of a meter never overlap) price for this usage, or NULL. */
const Price *price_book_price(const Meter *meter, const char *region, UsageArchitecture architecture, UsageMode mode);

/** Is initialization billed with the duration in the month that starts at `month_start_us`? */
bool price_book_bills_init(const PriceBook *book, UsagePackage package, UsageMode mode, int64_t month_start_us);

const char *measure_name(Measure measure);
const char *price_model_name(PriceModel model);
const char *rounding_mode_name(RoundingMode mode);
const char *allocation_name(Allocation allocation);

#endif
