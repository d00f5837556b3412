#include "lib/harmless.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"

size_t
character_decode(const char *text, uint32_t *code)
{
    const unsigned char *bytes = (const unsigned char *) text;
    if (bytes[0] < 0x80) {
        *code = bytes[0];
        return 1;
    }
    size_t length = bytes[0] >= 0xf0 && bytes[0] < 0xf5 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc2 ? 2 : 0;
    if (length == 0 || bytes[0] >= 0xf5)
        return 0;
    *code = bytes[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (bytes[i] & 0x3fU);
    }
    return length;
}

static bool
character_is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff ||
           (code >= 0xd800 && code <= 0xdfff);
}

MUST_CHECK bool
text_append_harmless(Buffer *out, const char *text, Err *err)
{
    if (text == NULL)
        return true;
    while (*text != '\0') {
        uint32_t code = 0;
        size_t length = character_decode(text, &code);
        bool harmless = length > 0 && !character_is_harmful(code);
        if (!buffer_append(out, harmless ? text : "?", harmless ? length : 1, err))
            return false;
        text += length > 0 ? length : 1;
    }
    return true;
}

MUST_CHECK bool
line_append_harmless(Buffer *out, Err *err, const char *format, ...)
{
    char *line = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (length < 0)
        return err_set(err, ERR_NOMEM, "no memory for a line");
    bool done = text_append_harmless(out, line, err) && buffer_append(out, "\n", 1, err);
    free(line);
    return done;
}

/* A spreadsheet runs a cell that starts with one of these; an apostrophe makes it text. Numbers are left alone. */
static bool
is_formula(const char *cell)
{
    return cell[0] != '\0' && strchr("=+-@\t\r\n", cell[0]) != NULL && !decimal_is_plain(cell);
}

static bool
append_cell(Buffer *out, const char *cell, bool guard, bool last, Err *err)
{
    bool quote = guard || strpbrk(cell, ",\"\r\n\t' ") != NULL;
    bool done = (!quote || buffer_append(out, "\"", 1, err)) && (!guard || buffer_append(out, "'", 1, err));
    for (const char *at = cell; done && *at != '\0'; at++)
        done = (*at != '"' || buffer_append(out, "\"", 1, err)) && buffer_append(out, at, 1, err);
    done = done && (!quote || buffer_append(out, "\"", 1, err));
    return done && buffer_append_text(out, last ? "\r\n" : ",", err);
}

bool
csv_append_cell(Buffer *out, const char *cell, bool last, Err *err)
{
    return append_cell(out, cell, is_formula(cell), last, err);
}

bool
csv_append_exact_cell(Buffer *out, const char *cell, bool last, Err *err)
{
    return append_cell(out, cell, false, last, err);
}
