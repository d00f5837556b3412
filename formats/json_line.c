#include "formats/json_line.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { ESCAPE_DIGITS = 4, REPLACEMENT = 0xfffd };

/* ---- characters ---- */

static bool
fail(JsonLine *self, const char *wrong)
{
    self->wrong = self->at >= self->text.length ? "" : wrong;
    return false;
}

/** The byte here, -1 behind the end. */
static int
here(const JsonLine *self)
{
    return self->at < self->text.length ? (unsigned char) self->text.data[self->at] : -1;
}

static void
skip_blanks(JsonLine *self)
{
    for (int c = here(self); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = here(self))
        self->at++;
}

static bool
take(JsonLine *self, char wanted, const char *wrong)
{
    if (here(self) != wanted)
        return fail(self, wrong);
    self->at++;
    return true;
}

static bool
is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* ---- texts ---- */

static bool
take_hex(JsonLine *self, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < ESCAPE_DIGITS; i++) {
        int c = here(self);
        int lower = c | 0x20;
        if (!is_digit(c) && !(lower >= 'a' && lower <= 'f'))
            return fail(self, "expected four hexadecimal digits");
        *unit = *unit * 16 + (uint32_t) (is_digit(c) ? c - '0' : lower - 'a' + 10);
        self->at++;
    }
    return true;
}

static void
put_code_point(JsonLine *self, uint32_t code)
{
    char bytes[4];
    size_t length = 0;
    if (code < 0x80) {
        bytes[length++] = (char) code;
    } else if (code < 0x800) {
        bytes[length++] = (char) (0xc0 | code >> 6);
        bytes[length++] = (char) (0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        bytes[length++] = (char) (0xe0 | code >> 12);
        bytes[length++] = (char) (0x80 | (code >> 6 & 0x3f));
        bytes[length++] = (char) (0x80 | (code & 0x3f));
    } else {
        bytes[length++] = (char) (0xf0 | code >> 18);
        bytes[length++] = (char) (0x80 | (code >> 12 & 0x3f));
        bytes[length++] = (char) (0x80 | (code >> 6 & 0x3f));
        bytes[length++] = (char) (0x80 | (code & 0x3f));
    }
    assert(self->room_used + length <= self->room_bytes); /* what is written is never longer than its escapes */
    memcpy(self->room + self->room_used, bytes, length);
    self->room_used += length;
}

/** Behind "\u": one unit of UTF-16, or two that belong together. */
static bool
take_unicode(JsonLine *self)
{
    uint32_t high;
    uint32_t low;
    if (!take_hex(self, &high))
        return false;
    if (high >= 0xd800 && high < 0xdc00 && here(self) == '\\' && self->at + 1 < self->text.length &&
        self->text.data[self->at + 1] == 'u') {
        size_t before = self->at;
        self->at += 2;
        if (!take_hex(self, &low))
            return false;
        if (low >= 0xdc00 && low < 0xe000) {
            put_code_point(self, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            return true;
        }
        self->at = before;
    }
    put_code_point(self, high >= 0xd800 && high < 0xe000 ? REPLACEMENT : high);
    return true;
}

static bool
take_escape(JsonLine *self)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    int c = here(self);
    if (c == 'u') {
        self->at++;
        return take_unicode(self);
    }
    const char *found = c <= 0 ? NULL : strchr(names, c);
    if (found == NULL)
        return fail(self, "expected an escape that JSON knows");
    self->at++;
    put_code_point(self, (unsigned char) meant[found - names]);
    return true;
}

/** At the opening quote. A text without escapes is a part of the line, another one is written into the room. */
static bool
take_string(JsonLine *self, Text *out)
{
    if (!take(self, '"', "expected a text in quotes"))
        return false;
    size_t start = self->at;
    size_t written = self->room_used;
    bool escaped = false;
    for (int c = here(self); c != '"'; c = here(self)) {
        if (c < 0x20)
            return fail(self, "a control character in a text must be escaped");
        if (c == '\\' && !escaped) { /* what came before it goes along */
            escaped = true;
            memcpy(self->room + written, self->text.data + start, self->at - start);
            self->room_used = written + (self->at - start);
        }
        self->at++;
        if (c == '\\' && !take_escape(self))
            return false;
        if (c != '\\' && escaped)
            self->room[self->room_used++] = (char) c;
    }
    *out = escaped ? (Text){self->room + written, self->room_used - written}
                   : (Text){self->text.data + start, self->at - start};
    self->at++;
    if (text_is_utf8(*out))
        return true;
    self->at = start;
    return fail(self, "a text is not UTF-8");
}

/* ---- numbers and words ---- */

static bool
take_digits(JsonLine *self)
{
    if (!is_digit(here(self)))
        return fail(self, "expected a digit");
    while (is_digit(here(self)))
        self->at++;
    return true;
}

static bool
take_number(JsonLine *self)
{
    if (here(self) == '-')
        self->at++;
    if (here(self) == '0')
        self->at++;
    else if (!take_digits(self))
        return false;
    if (is_digit(here(self)))
        return fail(self, "a number begins with a zero too many");
    if (here(self) == '.') {
        self->at++;
        if (!take_digits(self))
            return false;
    }
    if ((here(self) | 0x20) != 'e')
        return true;
    self->at++;
    if (here(self) == '+' || here(self) == '-')
        self->at++;
    return take_digits(self);
}

static bool
take_word(JsonLine *self, const char *word)
{
    for (; *word != '\0'; word++)
        if (!take(self, *word, "expected a value"))
            return false;
    return true;
}

/* ---- values ---- */

/** Everything but lists and objects. */
static bool
take_plain(JsonLine *self, JsonLineKind *kind, Text *value)
{
    size_t start = self->at;
    bool good;
    switch (here(self)) {
    case '"':
        *kind = JSON_LINE_STRING;
        return take_string(self, value);
    case 't':
        *kind = JSON_LINE_BOOLEAN;
        good = take_word(self, "true");
        break;
    case 'f':
        *kind = JSON_LINE_BOOLEAN;
        good = take_word(self, "false");
        break;
    case 'n':
        *kind = JSON_LINE_NULL;
        good = take_word(self, "null");
        break;
    default:
        *kind = JSON_LINE_NUMBER;
        if (here(self) != '-' && !is_digit(here(self)))
            return fail(self, "expected a value");
        good = take_number(self);
    }
    *value = (Text){self->text.data + start, self->at - start};
    return good;
}

static bool
take_name(JsonLine *self, Text *name)
{
    skip_blanks(self);
    if (!take_string(self, name))
        return false;
    skip_blanks(self);
    if (!take(self, ':', "expected a colon"))
        return false;
    skip_blanks(self);
    return true;
}

/** What is open while a nested value is passed over: one bit for each level, set for an object. */
typedef struct Open {
    uint64_t objects;
    size_t depth;
} Open;

/** Behind a value: closing brackets, until a comma asks for more, or nothing is open. */
static bool
close_levels(JsonLine *self, Open *open)
{
    while (open->depth > 0) {
        bool object = (open->objects >> open->depth & 1) != 0;
        skip_blanks(self);
        if (here(self) == ',') {
            Text ignored;
            self->at++;
            skip_blanks(self);
            return !object || take_name(self, &ignored);
        }
        if (!take(self, object ? '}' : ']', "expected a comma or the end of a list or object"))
            return false;
        open->depth--;
    }
    return true;
}

/** At its opening bracket. `*done`: it was empty. */
static bool
open_level(JsonLine *self, Open *open, bool *done)
{
    bool object = here(self) == '{';
    Text ignored;
    if (open->depth + self->depth >= JSON_LINE_DEPTH_MAX)
        return fail(self, "lists and objects in one another too deep");
    self->at++;
    open->depth++;
    open->objects = (open->objects & ~(UINT64_C(1) << open->depth)) | (uint64_t) object << open->depth;
    skip_blanks(self);
    *done = here(self) == (object ? '}' : ']');
    return *done || !object || take_name(self, &ignored);
}

/** A value of any kind. */
static bool
take_value(JsonLine *self, JsonLineKind *kind, Text *value)
{
    Open open = {0};
    const size_t start = self->at;
    if (here(self) != '{' && here(self) != '[')
        return take_plain(self, kind, value);
    do {
        bool done = true;
        size_t used = self->room_used;
        if (here(self) == '{' || here(self) == '[') {
            if (!open_level(self, &open, &done))
                return false;
        } else if (!take_plain(self, kind, value)) {
            return false;
        }
        self->room_used = used; /* nobody looks at its texts */
        if (done && !close_levels(self, &open))
            return false;
    } while (open.depth > 0);
    *kind = JSON_LINE_NESTED;
    *value = (Text){self->text.data + start, self->at - start};
    return true;
}

/* ---- the object ---- */

/** False at its end, or with `wrong`. */
static bool
take_member(JsonLine *self, Text *name, JsonLineKind *kind, Text *value)
{
    skip_blanks(self);
    if (here(self) == '}') {
        self->at++;
        return false;
    }
    if (!self->first && !take(self, ',', "expected a comma or the end of the object"))
        return false;
    self->first = false;
    return take_name(self, name) && take_value(self, kind, value);
}

static void
restart(JsonLine *self)
{
    self->at = 0;
    self->room_used = 0;
    self->first = true;
    self->depth = 1;
    skip_blanks(self);
    self->at++; /* the opening bracket */
}

bool
json_line_start(JsonLine *self, Text text, char *room, size_t room_bytes, bool *is_object)
{
    Text name;
    Text value;
    JsonLineKind kind;
    assert(room_bytes >= text.length);
    *self = (JsonLine){.text = text, .room = room, .room_bytes = room_bytes};
    skip_blanks(self);
    *is_object = here(self) == '{';
    if (*is_object) {
        restart(self);
        while (take_member(self, &name, &kind, &value))
            self->room_used = 0;
    } else if (!take_value(self, &kind, &value)) {
        return false;
    }
    if (self->wrong != NULL)
        return false;
    skip_blanks(self);
    if (self->at < text.length)
        return fail(self, "text after the end of the value");
    restart(self);
    return true;
}

bool
json_line_next(JsonLine *self, Text *name, JsonLineKind *kind, Text *value)
{
    return take_member(self, name, kind, value);
}
