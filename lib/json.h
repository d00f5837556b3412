/**
 * json - json-c with the conventions of this project
 *
 * Reading is strict (UTF-8 checked, depth bounded); a number keeps its digits, so that 469.4 never passes
 * through a double: read quantities with json_number_text. Writing keeps the order of insertion.
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/text.h"

typedef struct json_object Json;

enum { JSON_DEPTH_MAX = 32 };

/** Parse one document that fills the whole text. Caller releases with json_object_put(). ERR_INPUT with the
 *  position. */
MUST_CHECK Json *json_parse(Text text, Err *err);

/** The member `key` of an object, NULL when absent or null. Borrowed. */
Json *json_member(Json *object, const char *key);

/** The text of a string value (borrowed); false for any other type. */
MUST_CHECK bool json_text(Json *value, Text *out);

/** The digits of a number, or the characters of a string that holds one, as they were written (borrowed until the
 *  value is released or asked again). False for any other type. */
MUST_CHECK bool json_number_text(Json *value, Text *out);

/** An empty object / array. Caller releases with json_object_put(). NULL: ERR_NOMEM. */
MUST_CHECK Json *json_new_object(Err *err);
MUST_CHECK Json *json_new_array(Err *err);

/** Add a string member (NULL adds null) / an integer / a boolean / any value (ownership taken). Returns false and
 *  sets ERR_NOMEM when memory is refused. */
bool json_add_text(Json *object, const char *key, const char *value, Err *err);
bool json_add_slice(Json *object, const char *key, Text value, Err *err);
bool json_add_int(Json *object, const char *key, int64_t value, Err *err);
bool json_add_bool(Json *object, const char *key, bool value, Err *err);
bool json_add(Json *object, const char *key, Json *value, Err *err);
bool json_append(Json *array, Json *value, Err *err);
/** The same for a value that was made by several steps: `made` tells whether all of them went well, else it is released. */
bool json_adopt(Json *object, const char *key, Json *value, bool made, Err *err);
bool json_adopt_item(Json *array, Json *value, bool made, Err *err);

/** One line, no blanks, insertion order: the canonical form when the members were added in canonical order. Caller
 *  frees with free(). */
MUST_CHECK char *json_canonical(Json *value, Err *err);

/** Pretty-print with a final newline. ERR_IO. */
MUST_CHECK bool json_print(Json *value, FILE *out, Err *err);

#endif
