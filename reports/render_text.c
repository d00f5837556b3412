#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harmless.h"
#include "reports/document.h"
#include "reports/figures.h"
#include "reports/table.h"

enum { QUANTITY_SCALE = 3, SHARE_SCALE = 6, WHERE_BYTES = 512, CELLS_MAX = 8 };

/* Cells of a row that have to be freed; an absent one is NULL. */
static bool
add_row(Table *table, char *owned[CELLS_MAX], const char *const *cells, size_t figures, Err *err)
{
    bool done = true;
    for (size_t i = 0; i < figures; i++)
        done = done && owned[i] != NULL;
    done = done && table_row(table, cells, err);
    for (size_t i = 0; i < figures; i++)
        free(owned[i]);
    return done;
}

/* Where lines are alike: "us-east-1, x86_64, on demand". */
static void
where_of(const DocumentLine *line, char where[WHERE_BYTES])
{
    const char *mode = strcmp(line->mode, "on_demand") == 0 ? "on demand" : line->mode;
    snprintf(where, WHERE_BYTES, "%s%s%s%s%s%s%s", line->region, line->region[0] != '\0' ? ", " : "",
             line->architecture, line->architecture[0] != '\0' && mode[0] != '\0' ? ", " : "", mode,
             line->hours[0] != '\0' ? ", " : "", line->hours);
}

static bool
add_line(Table *table, const DocumentLine *line, Err *err)
{
    char description[WHERE_BYTES];
    snprintf(description, sizeof(description), "  %s", line->description);
    char *owned[CELLS_MAX] = {figure_brief(line->quantity, QUANTITY_SCALE, err),
                              figure_brief(line->free_quantity, QUANTITY_SCALE, err),
                              figure_grouped(line->unit_price, err), figure_grouped(line->amount, err)};
    const char *const cells[] = {description, owned[0], owned[1], line->unit, owned[2], owned[3]};
    return add_row(table, owned, cells, 4, err);
}

static bool
add_sum(Table *table, const char *what, const char *amount, Err *err)
{
    char *owned[CELLS_MAX] = {figure_grouped(amount, err)};
    const char *const cells[] = {what, NULL, NULL, NULL, NULL, owned[0]};
    return add_row(table, owned, cells, 1, err);
}

static bool
add_lines(Table *table, const Document *document, Err *err)
{
    char before[WHERE_BYTES] = "";
    for (size_t i = 0; i < document->line_count; i++) {
        char where[WHERE_BYTES];
        where_of(&document->lines[i], where);
        const char *const heading[] = {where, NULL, NULL, NULL, NULL, NULL};
        if (strcmp(where, before) != 0 && !table_row(table, heading, err))
            return false;
        snprintf(before, sizeof(before), "%s", where);
        if (!add_line(table, &document->lines[i], err))
            return false;
    }
    return true;
}

/* From the subtotal to the total, and what is to be paid where that is in another currency. */
static bool
add_statement(Table *table, const Document *document, Err *err)
{
    char payable[WHERE_BYTES];
    bool done = add_sum(table, "Subtotal", document->subtotal, err);
    for (size_t i = 0; done && i < document->item_count; i++)
        done = add_sum(table, document->items[i].description, document->items[i].amount, err);
    done = done && add_sum(table, "Total", document->total, err);
    if (!done || document->payable_currency[0] == '\0')
        return done;
    snprintf(payable, sizeof(payable), "To be paid in %s, at %s", document->payable_currency, document->payable_rate);
    return add_sum(table, payable, document->payable_total, err);
}

static bool
print_lines(const Document *document, Buffer *out, Err *err)
{
    const TableColumn columns[] = {{"What", TABLE_FLEXIBLE},    {"Quantity", TABLE_RIGHT},
                                   {"Free", TABLE_RIGHT},       {"Unit", TABLE_LEFT},
                                   {"Unit price", TABLE_RIGHT}, {document->currency, TABLE_RIGHT}};
    Table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]), err);
    bool done = table != NULL && add_lines(table, document, err) && table_rule(table, err) &&
                add_statement(table, document, err) && table_print(table, TABLE_NARROW, out, err) &&
                buffer_append(out, "\n", 1, err);
    table_free(&table);
    return done;
}

static void
place_of(const DocumentFunction *function, char where[WHERE_BYTES])
{
    snprintf(where, WHERE_BYTES, "%s%s%s", function->region,
             function->region[0] != '\0' && function->architecture[0] != '\0' ? ", " : "", function->architecture);
}

/* Functions stand below their place, as the lines do. */
static bool
add_place(Table *table, const char *where, Err *err)
{
    const char *const heading[] = {where, NULL, NULL, NULL, NULL, NULL};
    return where[0] == '\0' || table_row(table, heading, err);
}

static bool
add_function(Table *table, const DocumentFunction *function, Err *err)
{
    char name[WHERE_BYTES];
    snprintf(name, sizeof(name), "  %s", function->name);
    char *owned[CELLS_MAX] = {figure_grouped(function->memory_mb, err), figure_grouped(function->invocations, err),
                              figure_grouped(function->errors, err),
                              figure_brief(function->gb_seconds, QUANTITY_SCALE, err),
                              figure_brief(function->amount_exact, SHARE_SCALE, err)};
    const char *const cells[] = {name, owned[0], owned[1], owned[2], owned[3], owned[4]};
    return add_row(table, owned, cells, 5, err);
}

static int
compare_places(const void *left, const void *right)
{
    const DocumentFunction *a = *(const DocumentFunction *const *) left;
    const DocumentFunction *b = *(const DocumentFunction *const *) right;
    int by_region = strcmp(a->region, b->region);
    int by_place = by_region != 0 ? by_region : strcmp(a->architecture, b->architecture);
    return by_place != 0 ? by_place : (a > b) - (a < b);
}

static bool
add_functions(Table *table, const Document *document, Err *err)
{
    char before[WHERE_BYTES] = "";
    const DocumentFunction **sorted = calloc(document->function_count, sizeof *sorted);
    if (sorted == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu functions", document->function_count);
    for (size_t i = 0; i < document->function_count; i++)
        sorted[i] = &document->functions[i];
    qsort(sorted, document->function_count, sizeof *sorted, compare_places);
    bool done = true;
    for (size_t i = 0; done && i < document->function_count; i++) {
        char where[WHERE_BYTES];
        place_of(sorted[i], where);
        done = (strcmp(where, before) == 0 || add_place(table, where, err)) && add_function(table, sorted[i], err);
        memcpy(before, where, sizeof(before));
    }
    free(sorted);
    return done;
}

static bool
print_functions(const Document *document, Buffer *out, Err *err)
{
    const TableColumn columns[] = {{"Function", TABLE_FLEXIBLE}, {"MB", TABLE_RIGHT},
                                   {"Invocations", TABLE_RIGHT}, {"Errors", TABLE_RIGHT},
                                   {"GB-seconds", TABLE_RIGHT},  {document->currency, TABLE_RIGHT}};
    if (document->function_count == 0)
        return true;
    Table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]), err);
    bool done = table != NULL && add_functions(table, document, err) && table_print(table, TABLE_NARROW, out, err) &&
                buffer_append(out, "\n", 1, err);
    table_free(&table);
    return done;
}

static bool
print_field(Buffer *out, const char *label, const char *first, const char *second, Err *err)
{
    return buffer_printf(out, err, "  %-12s ", label) && text_append_harmless(out, first, err) &&
           text_append_harmless(out, second, err) && buffer_append(out, "\n", 1, err);
}

static bool
print_given(Buffer *out, const char *label, const char *value, Err *err)
{
    return value[0] == '\0' || print_field(out, label, value, NULL, err);
}

/* A buyer or seller, a line each as on an envelope. */
static bool
print_party(Buffer *out, const char *label, const char *lines, Err *err)
{
    for (const char *line = lines; line[0] != '\0'; label = "") {
        char text[WHERE_BYTES];
        size_t length = strcspn(line, "\n");
        snprintf(text, sizeof(text), "%.*s", (int) length, line);
        if (!print_field(out, label, text, NULL, err))
            return false;
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    return true;
}

static bool
print_title(const Document *document, Buffer *out, Err *err)
{
    return (document->is_final ? buffer_printf(out, err, "%s ", document->kind_title)
                               : buffer_append_text(out, "Preview of an invoice", err)) &&
           text_append_harmless(out, document->number, err) && buffer_append_text(out, "\n\n", err);
}

static bool
print_head(const Document *document, Buffer *out, Err *err)
{
    char account[WHERE_BYTES];
    char period[WHERE_BYTES];
    snprintf(account, sizeof(account), " (account %s)", document->account);
    snprintf(period, sizeof(period), " to %s, end excluded", document->period_end);
    return print_title(document, out, err) && print_given(out, "Refers to", document->refers_to, err) &&
           print_given(out, "Reason", document->reason, err) &&
           print_field(out, "Tenant", document->tenant, document->account[0] != '\0' ? account : NULL, err) &&
           print_field(out, "Period", document->period_start, period, err) &&
           print_party(out, "Seller", document->seller_lines, err) &&
           print_party(out, "Buyer", document->buyer_lines, err) &&
           print_given(out, "Your order", document->purchase_order, err) && buffer_append(out, "\n", 1, err);
}

static bool
print_evidence(const Document *document, Buffer *out, Err *err)
{
    char sealed[WHERE_BYTES];
    if (document->evidence_root[0] == '\0')
        return true;
    snprintf(sealed, sizeof(sealed), "%s %s, head %s, root", document->evidence_seals, document_seals_word(document),
             document->evidence_head);
    return print_field(out, "Evidence", sealed, NULL, err) &&
           print_field(out, "", document->evidence_root, NULL, err) &&
           print_field(out, "Signed by", document->evidence_public_key, NULL, err);
}

static bool
print_contract(const Document *document, Buffer *out, Err *err)
{
    char version[WHERE_BYTES];
    if (document->contract_name[0] == '\0')
        return true;
    snprintf(version, sizeof(version), " %s, SHA-256", document->contract_version);
    return print_field(out, "Contract", document->contract_name, version, err) &&
           print_field(out, "", document->contract_sha256, NULL, err);
}

static bool
print_foot(const Document *document, Buffer *out, Err *err)
{
    char version[WHERE_BYTES];
    char watermark[WHERE_BYTES];
    snprintf(version, sizeof(version), " %s, SHA-256", document->book_version);
    snprintf(watermark, sizeof(watermark), "usage received up to receipt %s",
             document->receipt_watermark[0] != '\0' ? document->receipt_watermark : "unknown");
    return print_field(out, "Price book", document->book_name, version, err) &&
           print_field(out, "", document->book_sha256, NULL, err) && print_contract(document, out, err) &&
           print_field(out, "Rounding", document->rounding, NULL, err) &&
           print_field(out, "Free tier", document->free_tier, NULL, err) &&
           print_field(out, "Watermark", watermark, NULL, err) && print_evidence(document, out, err) &&
           print_field(out, "Document", "SHA-256 of its JSON form", NULL, err) &&
           print_field(out, "", document->sha256, NULL, err) &&
           buffer_append_text(out, "\n  Quantities are shown to 3 decimals, functions' shares to 6.\n", err);
}

bool
render_text(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err)
{
    (void) look;
    for (size_t i = 0; i < count; i++)
        if ((i > 0 && !buffer_append_text(out, "\n\n", err)) || !print_head(documents[i], out, err) ||
            !print_lines(documents[i], out, err) || !print_functions(documents[i], out, err) ||
            !print_foot(documents[i], out, err))
            return false;
    return true;
}
