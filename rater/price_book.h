/**
 * price_book - meters, prices, tiers, free tiers and rounding, read from a YAML file
 *
 * A book is immutable once read and is named for ever by the SHA-256 of its bytes. Everything that a book may say is
 * checked while it is read: each mistake gives "FILE:LINE: FIELD: what is wrong; what to do". The reference of all keys
 * stands in doc/price-books.md. A further price model, measure, allocation rule or rounding place is a new value
 * of one of the enums below and a new branch in meter.c, rate_counters.c or free_tier.c: the file's shape stays.
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

enum { PRICE_BOOK_METERS_MAX = 32, PRICE_TIERS_MAX = 64, PRICE_GB_MB = 1024, PRICE_BOOK_PARTS_MAX = 1024 };

/** What of usage makes the quantity. */
typedef enum Measure {
    MEASURE_INVOCATIONS,          /* "invocations" */
    MEASURE_GB_SECONDS,           /* "gb_seconds": billed memory x billed duration */
    MEASURE_EPHEMERAL_GB_SECONDS, /* "ephemeral_gb_seconds": storage above included_mb x billed duration */
    MEASURE_GHZ_SECONDS,          /* "ghz_seconds": the clock of the configured memory x billed duration */
    MEASURE_SECONDS,              /* "seconds": billed duration */
    MEASURE_CPU_MS,               /* "cpu_ms" */
    MEASURE_STREAMED_GB,          /* "streamed_gb": bytes of streamed responses above included_bytes of each */
    MEASURE_RESPONSE_GB,          /* "response_gb": the same of all responses */
    MEASURE_CAPACITY_GB_SECONDS,  /* "capacity_gb_seconds": memory of units kept ready x time */
    MEASURE_AMOUNT,               /* "amount": what the meters `of` cost */
    MEASURE_MONTH,                /* "month": one for each counter */
    MEASURE_COUNT
} Measure;

typedef enum PriceModel {
    PRICE_PER_UNIT,   /* "per_unit": one price for every unit */
    PRICE_GRADUATED,  /* "graduated": each tier's units at its own price; a tier's limit is inclusive */
    PRICE_VOLUME,     /* "volume": the tier that holds the whole quantity prices all of it */
    PRICE_PACKAGE,    /* "package": whole packages of what is above the free units */
    PRICE_PERCENTAGE, /* "percentage": a rate on the quantity and a fee for each event */
    PRICE_FLAT,       /* "flat": a fee for each counter */
    PRICE_MODEL_COUNT
} PriceModel;

/** Whose usage climbs a price's tiers together. */
typedef enum CountedOver {
    COUNT_ACCOUNT_REGION,
    COUNT_ACCOUNT,
    COUNT_TENANT_REGION,
    COUNT_TENANT,
    COUNTED_OVER_COUNT
} CountedOver;

typedef enum Allocation {
    ALLOCATE_DEAREST_FIRST, /* "dearest_first": dearest unit price, then in proportion among tenants */
    ALLOCATE_USAGE_ORDER,   /* "usage_order": hour by hour */
    ALLOCATE_PROPORTIONAL,  /* "proportional": all at once */
    ALLOCATION_COUNT
} Allocation;

typedef enum RoundingPlace {
    ROUND_EACH_LINE,    /* "line" */
    ROUND_EACH_INVOICE, /* "invoice": the total; lines are made to add up to it */
    ROUNDING_PLACE_COUNT
} RoundingPlace;

typedef enum PartialMonth { PARTIAL_FULL, PARTIAL_BY_DAY, PARTIAL_BY_HOUR, PARTIAL_MONTH_COUNT } PartialMonth;

/** A number that may be left out. */
typedef struct Limit {
    bool given;
    mpq_t value; /* initialised in any case */
} Limit;

typedef struct PriceTier {
    bool open;        /* the last tier has no limit */
    mpq_t up_to;      /* inclusive, counted over the price's counter; 0 when open */
    mpq_t unit_price; /* for one unit of the meter */
    mpq_t fee;        /* once, when the tier is reached */
} PriceTier;

/** One entry of a meter's `prices`: whom it is for, and what it costs. It has counters of its own. */
typedef struct Price {
    char *name;     /* NULL: none */
    char **regions; /* NULL and 0: every region */
    size_t region_count;
    unsigned architectures; /* bit set by 1u << UsageArchitecture */
    unsigned modes;         /* bit set by 1u << UsageMode */
    char **functions;       /* patterns; NULL and 0: every function */
    size_t function_count;
    PriceModel model;
    CountedOver counted_over;
    bool plain;       /* amounts are billed_quantity x unit_price and nothing else */
    bool fee_at_zero; /* the first tier's fee and the minimum are due where nothing is billed */
    PriceTier
        *tiers; /* at least one; the last is open. Of a package, a percentage, a flat fee: one, what a unit costs */
    size_t tier_count;
    mpq_t package_size;  /* package: units of one; 0 for other models */
    mpq_t free_units;    /* package: on the counter */
    mpq_t event_fee;     /* percentage: for each event */
    Limit free_events;   /* percentage: so many events of the counter are free … */
    Limit free_amount;   /* … or so much quantity */
    Limit event_minimum; /* percentage: least and most that one event costs */
    Limit event_maximum;
    size_t event_tally; /* place of its three sums in a row's tallies; 0: no limits for single events */
    Limit minimum;      /* of an item */
    Limit maximum;
    PartialMonth partial_month; /* flat */
    char *source;               /* where the figure comes from */
} Price;

typedef struct Meter {
    char *sku;
    char *description;
    char *unit;
    Measure measure;
    int64_t included_mb;    /* ephemeral storage that costs nothing */
    int64_t included_bytes; /* of each response */
    int64_t gb_bytes;       /* bytes of a GB */
    uint64_t of;            /* MEASURE_AMOUNT: bit set by meter index */
    bool omit_zero;         /* no line where nothing was used */
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
    PartialMonth partial_month;
} FreeTier;

/** Initialization is billed for these packages and modes, from this instant on. */
typedef struct InitRule {
    unsigned packages; /* bit set by 1u << UsagePackage */
    unsigned modes;
    int64_t since_us; /* a month is billed by what holds at its start */
} InitRule;

/** Memory that is billed of one invocation. */
typedef struct MemoryRule {
    bool observed; /* the greatest memory used, not the configured */
    int64_t step_mb;
    int64_t minimum_mb;
    int64_t maximum_mb;
} MemoryRule;

/** The clock that comes with memory up to a size. */
typedef struct ClockStep {
    int64_t up_to_mb; /* inclusive; the last: INT64_MAX */
    int64_t mhz;
} ClockStep;

/** A book, and the part [start, end) of a period for which it is in force. */
typedef struct BookPart {
    const struct PriceBook *book;
    int64_t start_us;
    int64_t end_us;
} BookPart;

typedef struct PriceBook {
    char *name;
    char *version;
    char *title;
    char *currency;       /* ISO 4217, three capitals */
    char *default_region; /* of usage that names none; NULL: none */
    char *valid_from;     /* NULL: not said */
    RoundingMode rounding;
    int rounding_scale; /* digits after the point */
    RoundingPlace rounding_place;
    int64_t granularity_ms;
    int64_t minimum_ms; /* of each invocation */
    MemoryRule memory;
    ClockStep *clock;
    size_t clock_count;
    int64_t capacity_granularity_s;
    InitRule *init_rules;
    size_t init_rule_count;
    Meter *meters;
    size_t meter_count;
    FreeTier *free_tiers;
    size_t free_tier_count;
    size_t tally_count; /* sums that a row needs to be rated from segments: see tally.h */
    BookPart *parts; /* a binding of several books (book_binding.h): it has no meters of its own. NULL and 0: a book */
    size_t part_count;
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

/** The price without `functions` for this usage (there is at most one), or NULL. */
const Price *price_book_price(const Meter *meter, const char *region, UsageArchitecture architecture, UsageMode mode);

/** Do region, architecture and mode fit? Functions are not looked at. */
bool price_fits(const Price *price, const char *region, UsageArchitecture architecture, UsageMode mode);
/** Does one of the price's patterns fit the whole name of a function? True for a price without patterns. */
bool price_fits_function(const Price *price, const char *function);

/** Is initialization billed with the duration in the month that starts at `month_start_us`? */
bool price_book_bills_init(const PriceBook *book, UsagePackage package, UsageMode mode, int64_t month_start_us);

const char *measure_name(Measure measure);
const char *price_model_name(PriceModel model);
const char *rounding_mode_name(RoundingMode mode);
const char *allocation_name(Allocation allocation);
const char *counted_over_name(CountedOver counted_over);
const char *partial_month_name(PartialMonth partial_month);

#endif
