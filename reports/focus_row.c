#include "reports/focus_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/harmless.h"
#include "lib/output.h"

enum { ROWS_BETWEEN_SIGNS = 1000 };

static const char *const NAMES[FOCUS_COLUMN_COUNT] = {
    [FOCUS_BILLED_COST] = "BilledCost",
    [FOCUS_BILLING_ACCOUNT_ID] = "BillingAccountId",
    [FOCUS_BILLING_ACCOUNT_NAME] = "BillingAccountName",
    [FOCUS_BILLING_CURRENCY] = "BillingCurrency",
    [FOCUS_BILLING_PERIOD_END] = "BillingPeriodEnd",
    [FOCUS_BILLING_PERIOD_START] = "BillingPeriodStart",
    [FOCUS_CHARGE_CATEGORY] = "ChargeCategory",
    [FOCUS_CHARGE_CLASS] = "ChargeClass",
    [FOCUS_CHARGE_DESCRIPTION] = "ChargeDescription",
    [FOCUS_CHARGE_PERIOD_END] = "ChargePeriodEnd",
    [FOCUS_CHARGE_PERIOD_START] = "ChargePeriodStart",
    [FOCUS_CONTRACTED_COST] = "ContractedCost",
    [FOCUS_EFFECTIVE_COST] = "EffectiveCost",
    [FOCUS_INVOICE_ISSUER_NAME] = "InvoiceIssuerName",
    [FOCUS_LIST_COST] = "ListCost",
    [FOCUS_PRICING_QUANTITY] = "PricingQuantity",
    [FOCUS_PRICING_UNIT] = "PricingUnit",
    [FOCUS_PROVIDER_NAME] = "ProviderName",
    [FOCUS_PUBLISHER_NAME] = "PublisherName",
    [FOCUS_SERVICE_CATEGORY] = "ServiceCategory",
    [FOCUS_SERVICE_NAME] = "ServiceName",
    [FOCUS_BILLING_ACCOUNT_TYPE] = "BillingAccountType",
    [FOCUS_CAPACITY_RESERVATION_ID] = "CapacityReservationId",
    [FOCUS_CAPACITY_RESERVATION_STATUS] = "CapacityReservationStatus",
    [FOCUS_COMMITMENT_DISCOUNT_CATEGORY] = "CommitmentDiscountCategory",
    [FOCUS_COMMITMENT_DISCOUNT_ID] = "CommitmentDiscountId",
    [FOCUS_COMMITMENT_DISCOUNT_NAME] = "CommitmentDiscountName",
    [FOCUS_COMMITMENT_DISCOUNT_QUANTITY] = "CommitmentDiscountQuantity",
    [FOCUS_COMMITMENT_DISCOUNT_STATUS] = "CommitmentDiscountStatus",
    [FOCUS_COMMITMENT_DISCOUNT_TYPE] = "CommitmentDiscountType",
    [FOCUS_COMMITMENT_DISCOUNT_UNIT] = "CommitmentDiscountUnit",
    [FOCUS_CONSUMED_QUANTITY] = "ConsumedQuantity",
    [FOCUS_CONSUMED_UNIT] = "ConsumedUnit",
    [FOCUS_CONTRACTED_UNIT_PRICE] = "ContractedUnitPrice",
    [FOCUS_LIST_UNIT_PRICE] = "ListUnitPrice",
    [FOCUS_PRICING_CATEGORY] = "PricingCategory",
    [FOCUS_PRICING_CURRENCY] = "PricingCurrency",
    [FOCUS_PRICING_CURRENCY_CONTRACTED_UNIT_PRICE] = "PricingCurrencyContractedUnitPrice",
    [FOCUS_PRICING_CURRENCY_EFFECTIVE_COST] = "PricingCurrencyEffectiveCost",
    [FOCUS_PRICING_CURRENCY_LIST_UNIT_PRICE] = "PricingCurrencyListUnitPrice",
    [FOCUS_REGION_ID] = "RegionId",
    [FOCUS_REGION_NAME] = "RegionName",
    [FOCUS_RESOURCE_ID] = "ResourceId",
    [FOCUS_RESOURCE_NAME] = "ResourceName",
    [FOCUS_RESOURCE_TYPE] = "ResourceType",
    [FOCUS_SKU_ID] = "SkuId",
    [FOCUS_SKU_METER] = "SkuMeter",
    [FOCUS_SKU_PRICE_DETAILS] = "SkuPriceDetails",
    [FOCUS_SKU_PRICE_ID] = "SkuPriceId",
    [FOCUS_SUB_ACCOUNT_ID] = "SubAccountId",
    [FOCUS_SUB_ACCOUNT_NAME] = "SubAccountName",
    [FOCUS_SUB_ACCOUNT_TYPE] = "SubAccountType",
    [FOCUS_TAGS] = "Tags",
    [FOCUS_AVAILABILITY_ZONE] = "AvailabilityZone",
    [FOCUS_CHARGE_FREQUENCY] = "ChargeFrequency",
    [FOCUS_INVOICE_ID] = "InvoiceId",
    [FOCUS_SERVICE_SUBCATEGORY] = "ServiceSubcategory",
    [FOCUS_X_DOCUMENT_KIND] = "x_DocumentKind",
    [FOCUS_X_DOCUMENT_SHA256] = "x_DocumentSha256",
    [FOCUS_X_REFERS_TO] = "x_RefersTo",
    [FOCUS_X_LINE] = "x_Line",
    [FOCUS_X_ARCHITECTURE] = "x_Architecture",
    [FOCUS_X_MODE] = "x_Mode",
    [FOCUS_X_MEMORY_MB] = "x_MemoryMb",
};

bool
focus_figure(FocusRow *row, FocusColumn column, const mpq_t value, Err *err)
{
    row->figures[column] = decimal_format_exact(value, err);
    row->cells[column] = row->figures[column];
    return row->figures[column] != NULL;
}

static bool
write_line(FocusFile *file, const char *const *cells, Err *err)
{
    buffer_clear(&file->line);
    for (size_t i = 0; i < FOCUS_COLUMN_COUNT; i++) {
        const char *cell = cells[i] == NULL ? "" : cells[i];
        bool last = i + 1 == FOCUS_COLUMN_COUNT;
        if (!(file->exact ? csv_append_exact_cell : csv_append_cell)(&file->line, cell, last, err))
            return false;
    }
    return fwrite(file->line.data, 1, file->line.length, file->file) == file->line.length ||
           output_failed(file->name, errno, err);
}

bool
focus_write_head(FocusFile *file, Err *err)
{
    return write_line(file, NAMES, err);
}

bool
focus_write(FocusFile *file, FocusRow *row, Err *err)
{
    bool done = write_line(file, row->cells, err);
    for (size_t i = 0; i < FOCUS_COLUMN_COUNT; i++) {
        free(row->figures[i]);
        row->figures[i] = NULL;
    }
    if (done && ++file->rows % ROWS_BETWEEN_SIGNS == 0)
        progress_show(&file->progress, file->rows, 0);
    return done;
}
