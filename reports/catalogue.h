/**
 * catalogue - types of servers that can be rented, with what they hold and cost; read from YAML
 *
 * `doc/fleets.md` describes the form. A price that a type does not name is the catalogue's part of its price on demand: it is
 * marked as estimated. A task size becomes a type of its own. Every mistake is told with file, line, field and remedy.
 */
#ifndef REPORTS_CATALOGUE_H
#define REPORTS_CATALOGUE_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/yaml.h"

typedef enum Purchase { ON_DEMAND, RESERVED_1Y, RESERVED_3Y, SPOT_LOW, SPOT_HIGH } Purchase;
enum { PURCHASES = 5, CATALOGUE_TYPES_MAX = 512, CATALOGUE_MEMORY_GB_MAX = 1 << 16 };
extern const char *const PURCHASE_NAMES[PURCHASES]; /* as keys: "reserved_1y" */

typedef struct CataloguePrice {
    mpq_t hourly;
    bool known;
    bool estimated; /* a part of the price on demand */
} CataloguePrice;

typedef struct CatalogueType {
    char *name;
    char *architecture;
    mpq_t vcpu;
    mpq_t memory_gb;
    CataloguePrice prices[PURCHASES];
    bool burstable;
    mpq_t baseline;  /* part of each vCPU that is there all the time, above 0 and at most 1 */
    mpq_t unlimited; /* a vCPU-hour above the baseline; 0 where there is no such mode */
} CatalogueType;

typedef struct Catalogue {
    char *name;
    char *title;
    char *note; /* what a reader of its prices should know; NULL: nothing */
    char *date;
    char *currency;
    char **sources;
    size_t source_count;
    mpq_t hours; /* of a month that is priced */
    int64_t minimum_s;
    CatalogueType *types; /* in the file's order */
    size_t type_count;
    size_t type_capacity;
    char sha256[DIGEST_HEX_BYTES]; /* of the file */
} Catalogue;

/** Read and check a file. Caller frees. NULL: ERR_IO, ERR_INPUT "FILE:LINE: …", ERR_NOMEM. */
MUST_CHECK Catalogue *catalogue_open(const char *path, Err *err);
/** The same from text; `name` stands for the file in messages. */
MUST_CHECK Catalogue *catalogue_parse(Text text, const char *name, Err *err);
void catalogue_free(Catalogue **self);

/** A type by its name; NULL. */
const CatalogueType *catalogue_find(const Catalogue *self, const char *name);

#endif
