/**
 * json_line - one JSON object on one line, member by member, without an allocation
 *
 * What json-c does to a line when memory is refused is not said: it crashes, or loses a member and says nothing, and a record without
 * one of its optional facts is billed wrongly. This reader needs no memory but the room that it is given. Strict (RFC 8259):
 * numbers keep their digits, texts are checked UTF-8, a lone surrogate becomes U+FFFD. The whole line is checked before its first member
 * is handed out. Values that are lists or objects are checked, passed over, and said to be such.
 */
#ifndef FORMATS_JSON_LINE_H
#define FORMATS_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/text.h"

enum { JSON_LINE_DEPTH_MAX = 32 };

typedef enum JsonLineKind {
    JSON_LINE_STRING,
    JSON_LINE_NUMBER, /* `value` is its digits as they were written */
    JSON_LINE_BOOLEAN,
    JSON_LINE_NULL,
    JSON_LINE_NESTED /* a list or an object; `value` is its text, and can be read as a line of its own */
} JsonLineKind;

typedef struct JsonLine {
    Text text;
    size_t at;
    size_t depth;
    char *room; /* where texts with escapes are written */
    size_t room_bytes, room_used;
    const char *wrong; /* static; what was expected at `at` */
    bool first;
} JsonLine;

/** Check a line. `room` (borrowed, as `text`) has at least as many bytes as the text. False: `wrong` says what is wrong at byte `at`
 *  (0 is the first), "" when the text ends too early. `*is_object`: is it an object, whose members can be read? */
bool json_line_start(JsonLine *self, Text text, char *room, size_t room_bytes, bool *is_object);

/** The next member; false when there is none. `name` and `value` stay until the next json_line_start. */
bool json_line_next(JsonLine *self, Text *name, JsonLineKind *kind, Text *value);

#endif
