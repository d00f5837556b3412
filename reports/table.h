/**
 * table - columns of text for a terminal
 *
 * Cells are made harmless on the way in: control characters (an escape sequence among them), direction overrides and
 * bytes that are not UTF-8 become '?', so that no name can paint on a reader's terminal. Widths are counted in terminal
 * columns. When a table is wider than allowed, its flexible columns give way, the widest first, and what they hold goes on
 * over further lines.
 */
#ifndef REPORTS_TABLE_H
#define REPORTS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/text.h"

enum { TABLE_COLUMNS_MAX = 20, TABLE_NARROW = 80 /* what every terminal has */, TABLE_WIDTH = 100 };

typedef enum TableAlign { TABLE_LEFT, TABLE_RIGHT, TABLE_FLEXIBLE /* left, gives way */ } TableAlign;

typedef struct TableColumn {
    const char *heading;
    TableAlign align;
} TableColumn;

typedef struct Table Table;

/** `columns` (1..TABLE_COLUMNS_MAX) is borrowed for the table's life. Caller frees with table_free(). ERR_NOMEM. */
MUST_CHECK Table *table_new(const TableColumn *columns, size_t count, Err *err);

/** Add a row of `count` cells (NULL is an empty cell, over which a left-aligned one before it may spread); texts are copied. ERR_NOMEM. */
MUST_CHECK bool table_row(Table *self, const char *const *cells, Err *err);

/** Add a horizontal rule. ERR_NOMEM. */
MUST_CHECK bool table_rule(Table *self, Err *err);

/** Append heading, a rule and the rows, each line at most `width` columns where the flexible columns allow it, indented
 *  by two blanks. ERR_NOMEM. */
MUST_CHECK bool table_print(const Table *self, size_t width, Buffer *out, Err *err);

/** How wide a table on standard output may be: as its terminal, but TABLE_NARROW to 160; TABLE_WIDTH where it is none. */
size_t table_width(void);

void table_free(Table **self);

#endif
