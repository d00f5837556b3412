/**
 * support_rating - quote rows to a quote document, and a look at its lines, for the tests of the rater
 */
#ifndef TESTS_UNIT_RATER_SUPPORT_RATING_H
#define TESTS_UNIT_RATER_SUPPORT_RATING_H

#include <stdbool.h>

#include "lib/json.h"

/** What `millibill quote --json` answers for these rows (a JSON array). Fails the test on an error. Caller releases. */
Json *support_quote(const char *book_path, const char *month, bool free_tier, Json *rows);

/** Are two decimal strings (or numbers) equal by value? */
bool support_same_number(Json *a, Json *b);

/** A member's text; fails the test when it is missing. */
const char *support_text(Json *object, const char *key);

/** Read a JSON file. */
Json *support_read(const char *path);

#endif
