/**
 * focus_row - one charge in the columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification), and the file of them
 *
 * The order of columns is that of the specification's list: mandatory, conditional, recommended, then our own (`x_`). A cell that is
 * not set is null: an empty field. Rows go straight to the file, so that an export of any size needs the memory of one row.
 */
#ifndef REPORTS_FOCUS_ROW_H
#define REPORTS_FOCUS_ROW_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/progress.h"
#include "lib/text.h"

typedef enum FocusColumn {
    FOCUS_BILLED_COST,
    FOCUS_BILLING_ACCOUNT_ID,
    FOCUS_BILLING_ACCOUNT_NAME,
    FOCUS_BILLING_CURRENCY,
    FOCUS_BILLING_PERIOD_END,
    FOCUS_BILLING_PERIOD_START,
    FOCUS_CHARGE_CATEGORY,
    FOCUS_CHARGE_CLASS,
    FOCUS_CHARGE_DESCRIPTION,
    FOCUS_CHARGE_PERIOD_END,
    FOCUS_CHARGE_PERIOD_START,
    FOCUS_CONTRACTED_COST,
    FOCUS_EFFECTIVE_COST,
    FOCUS_INVOICE_ISSUER_NAME,
    FOCUS_LIST_COST,
    FOCUS_PRICING_QUANTITY,
    FOCUS_PRICING_UNIT,
    FOCUS_PROVIDER_NAME,
    FOCUS_PUBLISHER_NAME,
    FOCUS_SERVICE_CATEGORY,
    FOCUS_SERVICE_NAME,
    FOCUS_BILLING_ACCOUNT_TYPE,
    FOCUS_CAPACITY_RESERVATION_ID,
    FOCUS_CAPACITY_RESERVATION_STATUS,
    FOCUS_COMMITMENT_DISCOUNT_CATEGORY,
    FOCUS_COMMITMENT_DISCOUNT_ID,
    FOCUS_COMMITMENT_DISCOUNT_NAME,
    FOCUS_COMMITMENT_DISCOUNT_QUANTITY,
    FOCUS_COMMITMENT_DISCOUNT_STATUS,
    FOCUS_COMMITMENT_DISCOUNT_TYPE,
    FOCUS_COMMITMENT_DISCOUNT_UNIT,
    FOCUS_CONSUMED_QUANTITY,
    FOCUS_CONSUMED_UNIT,
    FOCUS_CONTRACTED_UNIT_PRICE,
    FOCUS_LIST_UNIT_PRICE,
    FOCUS_PRICING_CATEGORY,
    FOCUS_PRICING_CURRENCY,
    FOCUS_PRICING_CURRENCY_CONTRACTED_UNIT_PRICE,
    FOCUS_PRICING_CURRENCY_EFFECTIVE_COST,
    FOCUS_PRICING_CURRENCY_LIST_UNIT_PRICE,
    FOCUS_REGION_ID,
    FOCUS_REGION_NAME,
    FOCUS_RESOURCE_ID,
    FOCUS_RESOURCE_NAME,
    FOCUS_RESOURCE_TYPE,
    FOCUS_SKU_ID,
    FOCUS_SKU_METER,
    FOCUS_SKU_PRICE_DETAILS,
    FOCUS_SKU_PRICE_ID,
    FOCUS_SUB_ACCOUNT_ID,
    FOCUS_SUB_ACCOUNT_NAME,
    FOCUS_SUB_ACCOUNT_TYPE,
    FOCUS_TAGS,
    FOCUS_AVAILABILITY_ZONE,
    FOCUS_CHARGE_FREQUENCY,
    FOCUS_INVOICE_ID,
    FOCUS_SERVICE_SUBCATEGORY,
    FOCUS_X_DOCUMENT_KIND,
    FOCUS_X_DOCUMENT_SHA256,
    FOCUS_X_REFERS_TO,
    FOCUS_X_LINE,
    FOCUS_X_ARCHITECTURE,
    FOCUS_X_MODE,
    FOCUS_X_MEMORY_MB,
    FOCUS_COLUMN_COUNT
} FocusColumn;

/** Texts are borrowed, figures owned; make one with `= {0}` or as a copy of one that owns nothing. */
typedef struct FocusRow {
    const char *cells[FOCUS_COLUMN_COUNT]; /* NULL: null */
    char *figures[FOCUS_COLUMN_COUNT];
} FocusRow;

typedef struct FocusFile {
    FILE *file;
    const char *name; /* in messages: "cannot write NAME" */
    bool exact;       /* names as they are, also those that a spreadsheet would run */
    int64_t rows;
    Buffer line;
    Progress progress;
} FocusFile;

/** Set a cell to a decimal with all its digits. Once for each cell and row. ERR_NOMEM. */
MUST_CHECK bool focus_figure(FocusRow *row, FocusColumn column, const mpq_t value, Err *err);

/** Write the column ids / a row; the row's figures are released in any case. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool focus_write_head(FocusFile *file, Err *err);
MUST_CHECK bool focus_write(FocusFile *file, FocusRow *row, Err *err);

#endif
