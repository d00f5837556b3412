#include "reports/table.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/harmless.h"

enum { FLEXIBLE_LEAST = 8, WIDTH_MAX = 160, LINES_MAX = 8 /* of a cell; what is longer still ends with an ellipsis */ };

static const char ELLIPSIS[] = "\xe2\x80\xa6";
static const char RULE[] = "\xe2\x94\x80";

typedef struct TableRow {
    bool is_rule;
    char *cells[TABLE_COLUMNS_MAX];
} TableRow;

struct Table {
    const TableColumn *columns;
    size_t count;
    TableRow *rows;
    size_t row_count;
    size_t row_capacity;
};

/* Terminal columns of a character: 0 combining, 2 East Asian wide and pictures, else 1. */
static size_t
character_columns(uint32_t code)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } wide[] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},  {0xfe30, 0xfe6f},
                {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
    if ((code >= 0x0300 && code <= 0x036f) || (code >= 0x200b && code <= 0x200d) || (code >= 0xfe00 && code <= 0xfe0f))
        return 0;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (code >= wide[i].first && code <= wide[i].last)
            return 2;
    return 1;
}

/* Columns of harmless text; stops before `limit` would be passed and tells the bytes that fit. */
static size_t
text_columns(const char *text, size_t limit, size_t *bytes)
{
    size_t columns = 0;
    size_t at = 0;
    while (text[at] != '\0') {
        uint32_t code = 0;
        size_t length = character_decode(text + at, &code);
        size_t wide = character_columns(code);
        if (columns + wide > limit)
            break;
        columns += wide;
        at += length > 0 ? length : 1;
    }
    if (bytes != NULL)
        *bytes = at;
    return columns;
}

Table *
table_new(const TableColumn *columns, size_t count, Err *err)
{
    Table *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a table");
        return NULL;
    }
    self->columns = columns;
    self->count = count;
    return self;
}

static TableRow *
table_next_row(Table *self, Err *err)
{
    if (self->row_count == self->row_capacity) {
        size_t capacity = self->row_capacity == 0 ? 16 : self->row_capacity * 2;
        TableRow *rows = reallocarray(self->rows, capacity, sizeof(*rows));
        if (rows == NULL) {
            err_set(err, ERR_NOMEM, "no memory for a table of %zu rows", capacity);
            return NULL;
        }
        self->rows = rows;
        self->row_capacity = capacity;
    }
    TableRow *row = &self->rows[self->row_count];
    memset(row, 0, sizeof(*row));
    return row;
}

static void
table_row_clear(const Table *self, TableRow *row)
{
    for (size_t i = 0; i < self->count; i++)
        free(row->cells[i]);
}

bool
table_row(Table *self, const char *const *cells, Err *err)
{
    TableRow *row = table_next_row(self, err);
    if (row == NULL)
        return false;
    for (size_t i = 0; i < self->count; i++) {
        Buffer cell = {0};
        if (cells[i] == NULL)
            continue;
        if (!text_append_harmless(&cell, cells[i], err) || !buffer_append_text(&cell, "", err)) {
            buffer_free(&cell);
            table_row_clear(self, row);
            return false;
        }
        row->cells[i] = cell.data;
    }
    self->row_count++;
    return true;
}

bool
table_rule(Table *self, Err *err)
{
    TableRow *row = table_next_row(self, err);
    if (row == NULL)
        return false;
    row->is_rule = true;
    self->row_count++;
    return true;
}

static const char *
table_cell(const TableRow *row, size_t column)
{
    return row->cells[column] == NULL ? "" : row->cells[column];
}

/* The widest column that may still give way; self->count when there is none. */
static size_t
table_widest_flexible(const Table *self, const size_t widths[TABLE_COLUMNS_MAX])
{
    size_t widest = self->count;
    for (size_t i = 0; i < self->count; i++)
        if (self->columns[i].align == TABLE_FLEXIBLE && widths[i] > FLEXIBLE_LEAST &&
            (widest == self->count || widths[i] > widths[widest]))
            widest = i;
    return widest;
}

/* The last column that a cell reaches: a left-aligned one spreads over the empty ones that follow it. */
static size_t
table_reach(const Table *self, const TableRow *row, size_t column)
{
    size_t last = column;
    while (row != NULL && row->cells[column] != NULL && self->columns[column].align != TABLE_RIGHT &&
           last + 1 < self->count && row->cells[last + 1] == NULL)
        last++;
    return last;
}

static void
table_measure(const Table *self, size_t width, size_t widths[TABLE_COLUMNS_MAX])
{
    size_t total = 2 * self->count;
    for (size_t i = 0; i < self->count; i++) {
        widths[i] = text_columns(self->columns[i].heading, SIZE_MAX, NULL);
        for (size_t r = 0; r < self->row_count; r++) {
            size_t columns = text_columns(table_cell(&self->rows[r], i), SIZE_MAX, NULL);
            if (columns > widths[i] && table_reach(self, &self->rows[r], i) == i)
                widths[i] = columns;
        }
        total += widths[i];
    }
    for (size_t excess = total > width ? total - width : 0; excess > 0; excess--) {
        size_t widest = table_widest_flexible(self, widths);
        if (widest == self->count)
            return;
        widths[widest]--;
    }
}

static bool
append_blanks(Buffer *out, size_t count, Err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!buffer_append(out, " ", 1, err))
            return false;
    return true;
}

static bool
append_cell(Buffer *out, const char *cell, size_t width, bool right, Err *err)
{
    size_t bytes = 0;
    size_t columns = text_columns(cell, width, &bytes);
    bool cut = cell[bytes] != '\0';
    if (cut)
        columns = text_columns(cell, width - 1, &bytes) + 1;
    size_t padding = width - columns;
    return (!right || append_blanks(out, padding, err)) && buffer_append(out, cell, bytes, err) &&
           (!cut || buffer_append_text(out, ELLIPSIS, err)) && (right || append_blanks(out, padding, err));
}

static bool
append_rule(const Table *self, const size_t *widths, Buffer *out, Err *err)
{
    size_t total = 2 * (self->count - 1);
    for (size_t i = 0; i < self->count; i++)
        total += widths[i];
    if (!append_blanks(out, 2, err))
        return false;
    for (size_t i = 0; i < total; i++)
        if (!buffer_append_text(out, RULE, err))
            return false;
    return buffer_append(out, "\n", 1, err);
}

/* The bytes of a text that go on a line of `width` columns: to its last blank or mark, or as many as there is room for. */
static size_t
line_bytes(const char *text, size_t width)
{
    size_t bytes = 0;
    size_t indent = strspn(text, " ");
    (void) text_columns(text, width, &bytes);
    if (text[bytes] == '\0')
        return bytes;
    for (size_t at = bytes; at > indent + 1; at--)
        if (text[at] == ' ' || (at > indent + width / 3 && strchr("-_/.:", text[at - 1]) != NULL))
            return at;
    return bytes;
}

/* A cell on its way out: what is left of it, and how far its further lines are indented. */
typedef struct Rest {
    const char *text;
    size_t indent;
} Rest;

/* One line of a cell; the last that is allowed is cut. */
static bool
append_cell_line(Rest *rest, size_t width, bool right, size_t line, Buffer *out, Err *err)
{
    char piece[1024];
    size_t indent = line > 0 && rest->indent < width ? rest->indent : 0;
    size_t bytes = line + 1 < LINES_MAX ? line_bytes(rest->text, width - indent) : strlen(rest->text);
    int length = bytes < sizeof(piece) ? (int) bytes : (int) sizeof(piece) - 1;
    snprintf(piece, sizeof(piece), "%.*s", length, rest->text);
    rest->text += bytes;
    rest->text += strspn(rest->text, " ");
    return append_blanks(out, 2 + indent, err) && append_cell(out, piece, width - indent, right, err);
}

/* A row, in as many lines as its longest cell takes; NULL: the headings. */
static bool
append_row(const Table *self, const TableRow *row, const size_t *widths, Buffer *out, Err *err)
{
    Rest rests[TABLE_COLUMNS_MAX];
    bool is_more = true;
    for (size_t i = 0; i < self->count; i++) {
        rests[i].text = row == NULL ? self->columns[i].heading : table_cell(row, i);
        rests[i].indent = strspn(rests[i].text, " ");
    }
    for (size_t line = 0; is_more; line++) {
        is_more = false;
        for (size_t i = 0; i < self->count; i++) {
            size_t last = table_reach(self, row, i);
            size_t width = widths[i];
            for (size_t j = i + 1; j <= last; j++)
                width += 2 + widths[j];
            if (!append_cell_line(&rests[i], width, self->columns[i].align == TABLE_RIGHT, line, out, err))
                return false;
            is_more = is_more || rests[i].text[0] != '\0';
            i = last;
        }
        while (out->length > 0 && out->data[out->length - 1] == ' ')
            out->data[--out->length] = '\0';
        if (!buffer_append(out, "\n", 1, err))
            return false;
    }
    return true;
}

bool
table_print(const Table *self, size_t width, Buffer *out, Err *err)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    table_measure(self, width, widths);
    if (!append_row(self, NULL, widths, out, err) || !append_rule(self, widths, out, err))
        return false;
    for (size_t r = 0; r < self->row_count; r++) {
        const TableRow *row = &self->rows[r];
        bool done = row->is_rule ? append_rule(self, widths, out, err) : append_row(self, row, widths, out, err);
        if (!done)
            return false;
    }
    return true;
}

size_t
table_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return TABLE_WIDTH;
    return size.ws_col < TABLE_NARROW ? TABLE_NARROW : size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
}

void
table_free(Table **self)
{
    if (*self == NULL)
        return;
    for (size_t r = 0; r < (*self)->row_count; r++)
        table_row_clear(*self, &(*self)->rows[r]);
    free((*self)->rows);
    free(*self);
    *self = NULL;
}
