#include "formats/decode_csv.h"

#include <stdlib.h>
#include <string.h>

#include "formats/decode_field.h"

typedef struct Cell {
    size_t start; /* in CsvRow.bytes: cells are unquoted there in place */
    size_t length;
} Cell;

struct CsvRow {
    size_t raw_length;
    size_t cell_count;
    bool open;
    Cell cells[CSV_CELLS_MAX];
    char raw[CSV_ROW_BYTES_MAX];
    char bytes[CSV_ROW_BYTES_MAX];
};

MUST_CHECK CsvRow *
csv_row_new(Err *err)
{
    CsvRow *self = calloc(1, sizeof *self);
    if (self == NULL)
        err_set(err, ERR_NOMEM, "no memory for a CSV row");
    return self;
}

void
csv_row_free(CsvRow **self)
{
    free(*self);
    *self = NULL;
}

static CsvResult
row_broken(CsvRow *self, Err *err, const char *why)
{
    self->open = false;
    self->cell_count = 0;
    err_set(err, ERR_INPUT, "%s", why);
    return CSV_BROKEN;
}

/* Does a quoted cell that starts at `at` (behind its quote) end in the row? Writes it unquoted; `*at` moves behind the
 * closing quote. */
static bool
take_quoted(CsvRow *self, size_t *at, size_t *written)
{
    for (size_t i = *at; i < self->raw_length; i++) {
        if (self->raw[i] != '"') {
            self->bytes[(*written)++] = self->raw[i];
        } else if (i + 1 < self->raw_length && self->raw[i + 1] == '"') {
            self->bytes[(*written)++] = '"';
            i++;
        } else {
            *at = i + 1;
            return true;
        }
    }
    return false;
}

static bool
take_plain(CsvRow *self, size_t *at, size_t *written)
{
    size_t i = *at;
    for (; i < self->raw_length && self->raw[i] != ','; i++) {
        if (self->raw[i] == '"')
            return false;
        self->bytes[(*written)++] = self->raw[i];
    }
    *at = i;
    return true;
}

static CsvResult
row_split(CsvRow *self, Err *err)
{
    size_t at = 0, written = 0;
    self->cell_count = 0;
    for (;;) {
        if (self->cell_count == CSV_CELLS_MAX)
            return row_broken(self, err, "a row has more than 256 cells");
        size_t start = written;
        if (at < self->raw_length && self->raw[at] == '"') {
            at++;
            if (!take_quoted(self, &at, &written)) {
                self->open = true;
                return CSV_MORE;
            }
            if (at < self->raw_length && self->raw[at] != ',')
                return row_broken(self, err,
                                  "text stands behind a closing quote: a quote inside a cell is written twice (\"\")");
        } else if (!take_plain(self, &at, &written)) {
            return row_broken(self, err,
                              "a quote stands inside a cell that does not begin with one: quote the whole cell");
        }
        self->cells[self->cell_count++] = (Cell){start, written - start};
        if (at == self->raw_length)
            break;
        at++; /* the comma */
    }
    self->open = false;
    return CSV_ROW;
}

MUST_CHECK CsvResult
csv_row_feed(CsvRow *self, Text line, Err *err)
{
    if (!self->open)
        self->raw_length = 0;
    if (self->raw_length + line.length + 1 > CSV_ROW_BYTES_MAX)
        return row_broken(self, err,
                          self->open ? "a quote is not closed within 64 KiB" : "a row is longer than 64 KiB");
    if (self->open)
        self->raw[self->raw_length++] = '\n';
    if (line.length > 0)
        memcpy(self->raw + self->raw_length, line.data, line.length);
    self->raw_length += line.length;
    /* While a cell is open only a quote can close it: do not split again for every line. */
    if (self->open && memchr(line.data == NULL ? "" : line.data, '"', line.length) == NULL)
        return CSV_MORE;
    return row_split(self, err);
}

size_t
csv_row_cells(const CsvRow *self)
{
    return self->cell_count;
}

Text
csv_row_cell(const CsvRow *self, size_t i)
{
    return (Text){self->bytes + self->cells[i].start, self->cells[i].length};
}

bool
csv_row_is_open(const CsvRow *self)
{
    return self->open;
}

void
csv_row_drop(CsvRow *self)
{
    self->open = false;
}

Text
csv_row_raw(const CsvRow *self)
{
    return (Text){self->raw, self->raw_length};
}

enum { COLUMN_IGNORED = -1 };

struct CsvDecoder {
    size_t columns;
    int fields[CSV_CELLS_MAX]; /* index of the field, or COLUMN_IGNORED */
};

static bool
is_ignored(Text name, const char *const *ignored, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_is(name, ignored[i]))
            return true;
    return false;
}

static bool
map_column(CsvDecoder *self, size_t column, Text name, Err *err)
{
    int field = field_find(name);
    if (field < 0) {
        err_set(err, ERR_INPUT, "column %zu: '%.*s' is no field of a usage record", column + 1, TEXT_ARG(name));
        return err_hint(err, "pass it over with --ignore-column '%.*s', or name one of: %s", TEXT_ARG(name),
                        field_names());
    }
    for (size_t i = 0; i < column; i++)
        if (self->fields[i] == field)
            return err_set(err, ERR_INPUT, "column %zu: '%.*s' stands twice, first in column %zu", column + 1,
                           TEXT_ARG(name), i + 1);
    self->fields[column] = field;
    return true;
}

MUST_CHECK CsvDecoder *
csv_decoder_new(const CsvRow *header, const char *const *ignored, size_t ignored_count, Err *err)
{
    CsvDecoder *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a CSV header");
        return NULL;
    }
    self->columns = csv_row_cells(header);
    for (size_t i = 0; i < self->columns; i++) {
        Text name = text_trim(csv_row_cell(header, i));
        if (is_ignored(name, ignored, ignored_count))
            self->fields[i] = COLUMN_IGNORED;
        else if (!map_column(self, i, name, err)) {
            csv_decoder_free(&self);
            return NULL;
        }
    }
    return self;
}

void
csv_decoder_free(CsvDecoder **self)
{
    free(*self);
    *self = NULL;
}

MUST_CHECK bool
decode_csv(const CsvDecoder *self, const CsvRow *row, const DecodeDefaults *defaults, UsageRecord *out,
           UsageFault *fault)
{
    if (row->cell_count != self->columns)
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, "", "the row has %zu cells, the header %zu",
                               row->cell_count, self->columns);
    FieldTarget target;
    field_target_start(&target);
    for (size_t i = 0; i < self->columns; i++) {
        Text cell = text_trim(csv_row_cell(row, i));
        if (self->fields[i] == COLUMN_IGNORED || cell.length == 0)
            continue;
        if (!field_set(&target, self->fields[i], cell, FIELD_CELL, fault)) {
            *out = target.record;
            return false;
        }
    }
    return field_target_finish(&target, defaults, out, fault);
}
