/**
 * alternative - what would do the work instead of functions, read from YAML
 *
 * Instances by the hour, what stands around them (load balancer, database, storage), people's hours and a one-time cost;
 * and, under `serverless:`, what the functions need besides their own bill (a gateway, monthly items, people's hours).
 * Instead of all that a file may describe a fleet of a catalogue's type, sized by what ran (alternative_fleet.h), or the
 * same functions rated in another way (alternative_functions.h).
 * `doc/alternatives.md` describes the form. Amounts are those of one month; a one-time cost is spread over `months`.
 * Every mistake in the file is told with file, line, field and remedy.
 */
#ifndef REPORTS_ALTERNATIVE_H
#define REPORTS_ALTERNATIVE_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "reports/catalogue.h"
#include "reports/fleet.h"
#include "reports/fleet_rules.h"

/* In the order in which the readings of a comparison add them. */
typedef enum CostKind {
    COST_INSTANCES, /* the machines */
    COST_AROUND,    /* load balancer, database, storage, gateway, other monthly items */
    COST_PEOPLE     /* operations and one-time work */
} CostKind;

typedef struct CostItem {
    CostKind kind;
    char *what;
    char *unit;
    bool per_invocations; /* the quantity is the number of invocations / 1,000,000 */
    mpq_t quantity;
    mpq_t unit_price;
    /* instances only */
    mpq_t each_hours; /* hours that one of them runs in the month */
    mpq_t hours;      /* instance-hours: count x hours */
    mpq_t slots;      /* executions at a time on all of them */
    mpq_t places;     /* the same times their hours */
    mpq_t memory_gb;  /* of all of them; 0 when the file does not say */
    /* what it may cost in the month instead: the ends of a range that holds quantity x unit_price */
    bool has_range;
    mpq_t low;
    mpq_t high;
    bool rated;    /* a line of a price book: */
    mpq_t printed; /* what it is billed, rounded by the book's own rule */
} CostItem;

typedef struct CostItems {
    CostItem *items;
    size_t count;
} CostItems;

/** Servers of a catalogue's type, as many as the trace needs (`fleet:`). */
typedef struct AlternativeFleet {
    char *catalogue; /* a name or a path */
    char *type;
    FleetBurst burst; /* of a burstable type: by its baseline unless the file says otherwise */
    Purchase purchase;
    bool scaled; /* itself, by the rules; else a fixed number */
    FleetRules rules;
    int64_t short_hours; /* set when it is sized: in which its CPU credits ran out, in standard mode */
} AlternativeFleet;

/** The same functions, rated in another way (`functions:`). */
typedef struct AlternativeFunctions {
    char *price_book;   /* NULL: the one of the comparison */
    char *architecture; /* NULL: as it is */
    bool right_size;    /* each with the least memory that would have held, where that was measured */
    /* the rater's answer to that, set before the comparison is made: one document, or one for each tenant */
    Json *answer;     /* owned */
    Json **documents; /* owned array, borrowed from the answer */
    size_t document_count;
} AlternativeFunctions;

typedef struct Alternative {
    char *name;
    char *currency; /* "USD" unless the file says otherwise */
    int64_t months; /* 1 when there is no one-time cost to spread and no horizon */
    CostItems items;
    CostItems extras;                /* the serverless side */
    bool has_extras;                 /* the file has a `serverless:` section, even an empty one */
    AlternativeFleet *fleet;         /* NULL: none */
    AlternativeFunctions *functions; /* NULL: none; then there is nothing else but a name */
} Alternative;

/** One more cost, all of it 0 and `what` and `unit` copied. Borrowed until the next call. NULL: ERR_NOMEM, ERR_RANGE (too many). */
MUST_CHECK CostItem *cost_items_add(CostItems *items, CostKind kind, const char *what, const char *unit, Err *err);

/** Read and check a file (a path, or "-"). Caller frees with alternative_free(). NULL: ERR_IO, ERR_INPUT, ERR_NOMEM. */
MUST_CHECK Alternative *alternative_open(const char *path, Err *err);

/** The same from text; `name` stands for the file in messages. */
MUST_CHECK Alternative *alternative_parse(Text text, const char *name, Err *err);

void alternative_free(Alternative **self);

#endif
