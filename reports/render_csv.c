#include <stdio.h>
#include <string.h>

#include "lib/harmless.h"
#include "reports/document.h"

static const char HEADER[] =
    "invoice_number,state,tenant,account,period_start,period_end,currency,line,region,architecture,mode,sku,tier,"
    "description,quantity,free_quantity,billed_quantity,unit,unit_price,amount,amount_exact,price_book,"
    "price_book_version,price_book_sha256,document_sha256\r\n";

static bool
append_line(Buffer *out, const Document *document, size_t index, Err *err)
{
    const DocumentLine *line = &document->lines[index];
    char number[24];
    snprintf(number, sizeof(number), "%zu", index + 1);
    const char *const cells[] = {document->number,
                                 document->state,
                                 document->tenant,
                                 document->account,
                                 document->period_start,
                                 document->period_end,
                                 document->currency,
                                 number,
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
                                 document->sha256};
    size_t count = sizeof(cells) / sizeof(cells[0]);
    for (size_t i = 0; i < count; i++)
        if (!csv_append_cell(out, cells[i], i + 1 == count, err))
            return false;
    return true;
}

bool
render_csv(const Document *const *documents, size_t count, const char *style, Buffer *out, Err *err)
{
    (void) style;
    if (!buffer_append_text(out, HEADER, err))
        return false;
    for (size_t i = 0; i < count; i++)
        for (size_t l = 0; l < documents[i]->line_count; l++)
            if (!append_line(out, documents[i], l, err))
                return false;
    return true;
}
