/**
 * sheet_blocks - what sheet.c and sheet_html.c share: the blocks of a sheet
 */
#ifndef REPORTS_SHEET_BLOCKS_H
#define REPORTS_SHEET_BLOCKS_H

#include <glib.h>

#include "reports/sheet.h"

typedef enum BlockKind { BLOCK_HEADING, BLOCK_TEXT, BLOCK_TABLE, BLOCK_PLOT } BlockKind;

typedef struct Row {
    char *cells[SHEET_COLUMNS_MAX];
    bool strong;
} Row;

typedef struct Block {
    BlockKind kind;
    SheetStyle style;
    char *text;
    Plot *plot;
    char *headings[SHEET_COLUMNS_MAX];
    PaperColumn columns[SHEET_COLUMNS_MAX];
    size_t column_count;
    GPtrArray *rows; /* of Row */
} Block;

struct Sheet {
    char *title;
    char *subtitle;
    char language[3];
    GPtrArray *blocks; /* of Block */
};

#endif
