/**
 * book_reader - a place in a YAML file that knows its path, for messages such as
 * "books/mine.yaml:14: meters[1].prices[0].unit_price: '-0.2' is negative; a price is 0 or more"
 *
 * A place whose node is NULL is a member that is absent; its message stands at the line of the mapping it is missing
 * from.
 */
#ifndef RATER_BOOK_READER_H
#define RATER_BOOK_READER_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/yaml.h"

enum { BOOK_PATH_BYTES = 160 };

typedef struct Place {
    const YamlNode *node;   /* NULL: absent */
    const YamlNode *parent; /* where a missing member is reported */
    char path[BOOK_PATH_BYTES];
} Place;

Place place_root(const YamlNode *root);
Place place_member(const Place *mapping, const char *key);
Place place_item(const Place *sequence, size_t i);
bool place_exists(const Place *place);

/** Set "FILE:LINE: PATH: message". Returns false. */
bool place_fail(const Place *place, Err *err, const char *format, ...) PRINTF_LIKE(3, 4);

/** Is every key of this mapping known? */
MUST_CHECK bool place_keys(const Place *mapping, const char *const *allowed, Err *err);

/** Text that must be there and not be empty; `example` is what the message tells to write. Caller frees `*out`. */
MUST_CHECK bool place_text(const Place *place, const char *example, char **out, Err *err);
/** Text that may be absent: then `*out` is NULL. */
MUST_CHECK bool place_optional_text(const Place *place, char **out, Err *err);

/** A name of `names` (NULL-terminated); `what` says what it names. Absent: `fallback`, or an error if that is negative. */
MUST_CHECK bool
place_choice(const Place *place, const char *what, const char *const *names, int fallback, int *out, Err *err);
/** A list of names as bits; absent: all of them. */
MUST_CHECK bool place_choices(const Place *place, const char *what, const char *const *names, unsigned *out, Err *err);

/** A decimal of 0 or more that must be there. `what` ("a price") and `example` go into messages; `out` is initialised by
 *  the caller. */
MUST_CHECK bool place_amount(const Place *place, const char *what, const char *example, mpq_t out, Err *err);
/** A whole number; absent: `fallback`. */
MUST_CHECK bool
place_integer(const Place *place, int64_t minimum, int64_t maximum, int64_t fallback, int64_t *out, Err *err);

/** A sequence of 1 to `maximum` items that must be there. */
MUST_CHECK bool place_sequence(const Place *place, size_t maximum, const char *example, size_t *count, Err *err);

#endif
