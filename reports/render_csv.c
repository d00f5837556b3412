#include <stdio.h>
#include <string.h>

#include "lib/harmless.h"
#include "reports/document.h"

static const char HEADER[] =
    "invoice_number,state,tenant,account,period_start,period_end,currency,line,region,architecture,mode,sku,tier,"
    "description,quantity,free_quantity,billed_quantity,unit,unit_price,amount,amount_exact,price_book,"
    "price_book_version,price_book_sha256,document_sha256,kind,refers_to\r\n";

static bool
append_line(Buffer *out, const Document *document, size_t number, const DocumentLine *line, Err *err)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%zu", number);
    const char *const cells[] = {document->number,
                                 document->state,
                                 document->tenant,
                                 document->account,
                                 document->period_start,
                                 document->period_end,
                                 document->currency,
                                 digits,
                                 line->region,
                                 line->architecture,
                                 line->mode,
                                 line->sku,
                                 line->tier,
                                 line->description,
                                 line->quantity,
                                 line->free_quantity,
                                 line->billed_quantity,
                                 line->unit,
                                 line->unit_price,
                                 line->amount,
                                 line->amount_exact,
                                 document->book_name,
                                 document->book_version,
                                 document->book_sha256,
                                 document->sha256,
                                 document->kind,
                                 document->refers_to};
    size_t count = sizeof(cells) / sizeof(cells[0]);
    for (size_t i = 0; i < count; i++)
        if (!csv_append_cell(out, cells[i], i + 1 == count, err))
            return false;
    return true;
}

/* What a contract adds and takes stands in the same columns. */
static bool
append_item(Buffer *out, const Document *document, size_t number, const DocumentItem *item, Err *err)
{
    const DocumentLine line = {.region = "",
                               .architecture = "",
                               .mode = "",
                               .sku = item->kind,
                               .tier = "",
                               .description = item->description,
                               .quantity = "",
                               .free_quantity = "",
                               .billed_quantity = "",
                               .unit = "",
                               .unit_price = "",
                               .amount = item->amount,
                               .amount_exact = item->amount_exact};
    return append_line(out, document, number, &line, err);
}

static bool
append_document(Buffer *out, const Document *document, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < document->line_count; i++)
        done = append_line(out, document, i + 1, &document->lines[i], err);
    for (size_t i = 0; done && i < document->item_count; i++)
        done = append_item(out, document, document->line_count + i + 1, &document->items[i], err);
    return done;
}

bool
render_csv(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err)
{
    (void) look;
    if (!buffer_append_text(out, HEADER, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!append_document(out, documents[i], err))
            return false;
    return true;
}
