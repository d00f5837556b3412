#include "rater/quote_table.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 10, FIRST_NUMBER = 5 };

static const char *const HEADINGS[COLUMNS] = {"tenant", "region", "architecture", "what",  "unit",
                                              "used",   "free",   "billed",       "price", "amount"};

/* Cells are owned; rows x COLUMNS. */
typedef struct Table {
    char **cells;
    size_t rows;
    size_t widths[COLUMNS];
} Table;

/* Characters, not bytes: the continuation bytes of UTF-8 take no room. */
static size_t
display_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char) *text & 0xc0) != 0x80;
    return width;
}

static char *
grouped(char *number, Err *err)
{
    char *out = number == NULL ? NULL : decimal_group_thousands(number, err);
    free(number);
    return out;
}

/* Quantities are shown to 3 digits: the exact ones stand in --json. */
static char *
quantity_cell(const mpq_t value, Err *err)
{
    char *exact = decimal_format_exact(value, err);
    const char *point = exact == NULL ? NULL : strchr(exact, '.');
    if (point != NULL && strlen(point) > 4) {
        free(exact);
        exact = decimal_format(value, 3, ROUND_HALF_UP, err);
    }
    return grouped(exact, err);
}

static char *
what_cell(const RatedLine *line, Err *err)
{
    Buffer text = {0};
    bool done = buffer_append_text(&text, line->meter->description, err);
    if (done && line->price->name != NULL)
        done = buffer_printf(&text, err, " (%s)", line->price->name);
    if (done && line->mode != USAGE_ON_DEMAND)
        done = buffer_printf(&text, err, ", %s", usage_mode_name(line->mode));
    if (done && line->tier > 1)
        done = buffer_printf(&text, err, ", tier %d", line->tier);
    if (!done)
        buffer_free(&text);
    return text.data;
}

static char *
copy_cell(const char *text, Err *err)
{
    char *copy = strdup(text);
    if (copy == NULL)
        err_set(err, ERR_NOMEM, "no memory for a table");
    return copy;
}

static bool
row_fill(Table *table, const RatedLine *line, const PriceBook *book, Err *err)
{
    char **cells = &table->cells[table->rows++ * COLUMNS];
    cells[0] = copy_cell(line->tenant, err);
    cells[1] = copy_cell(line->region, err);
    cells[2] = copy_cell(usage_architecture_name(line->architecture), err);
    cells[3] = what_cell(line, err);
    cells[4] = copy_cell(line->meter->unit, err);
    cells[5] = quantity_cell(line->quantity, err);
    cells[6] = quantity_cell(line->free_quantity, err);
    cells[7] = quantity_cell(line->billed_quantity, err);
    cells[8] = decimal_format_exact(line->unit_price, err);
    cells[9] = grouped(decimal_format(line->amount, book->rounding_scale, book->rounding, err), err);
    for (size_t i = 0; i < COLUMNS; i++) {
        if (cells[i] == NULL)
            return false;
        size_t width = display_width(cells[i]);
        table->widths[i] = width > table->widths[i] ? width : table->widths[i];
    }
    return true;
}

static void
print_cell(FILE *out, const Table *table, size_t column, const char *text)
{
    int padding = (int) (table->widths[column] - display_width(text));
    if (column >= FIRST_NUMBER)
        fprintf(out, "  %*s%s", padding, "", text);
    else
        fprintf(out, "%s%s%*s", column == 0 ? "" : "  ", text, padding, "");
}

static size_t
table_width(const Table *table)
{
    size_t width = (size_t) 2 * (COLUMNS - 1);
    for (size_t i = 0; i < COLUMNS; i++)
        width += table->widths[i];
    return width;
}

static void
print_rule(FILE *out, size_t width)
{
    for (size_t i = 0; i < width; i++)
        fputs("─", out);
    fputc('\n', out);
}

static bool
print_total(FILE *out, const Table *table, const Rated *rated, const PriceBook *book, Err *err)
{
    mpq_t total;
    mpq_init(total);
    RatedSlice whole = rated_whole(rated);
    rated_total(rated, &whole, total);
    char *amount = grouped(decimal_format(total, book->rounding_scale, book->rounding, err), err);
    mpq_clear(total);
    if (amount == NULL)
        return false;
    int room = (int) (table_width(table) - strlen(amount));
    fprintf(out, "%-*s%s\n", room, "total", amount);
    free(amount);
    return true;
}

static void
print_title(FILE *out, const PriceBook *book, UtcMonth month, bool free_tier)
{
    char text[UTC_TEXT_BYTES];
    fprintf(out, "%s %s, %s, %s%s\n", book->name, book->version, utc_month_format(month, text), book->currency,
            free_tier ? "" : ", without free tier");
}

static void
print_rows(FILE *out, const Table *table)
{
    for (size_t i = 0; i < COLUMNS; i++)
        print_cell(out, table, i, HEADINGS[i]);
    fputc('\n', out);
    print_rule(out, table_width(table));
    for (size_t row = 0; row < table->rows; row++) {
        for (size_t i = 0; i < COLUMNS; i++)
            print_cell(out, table, i, table->cells[row * COLUMNS + i]);
        fputc('\n', out);
    }
    print_rule(out, table_width(table));
}

bool
quote_table_print(FILE *out, const Rated *rated, const PriceBook *book, UtcMonth month, bool free_tier, Err *err)
{
    Table table = {.cells = calloc(rated->line_count * COLUMNS + 1, sizeof(char *))};
    if (table.cells == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table");
    for (size_t i = 0; i < COLUMNS; i++)
        table.widths[i] = strlen(HEADINGS[i]);
    bool done = true;
    for (size_t i = 0; done && i < rated->line_count; i++)
        done = row_fill(&table, &rated->lines[i], book, err);
    if (done) {
        print_title(out, book, month, free_tier);
        print_rows(out, &table);
        done = print_total(out, &table, rated, book, err);
    }
    for (size_t i = 0; i < table.rows * COLUMNS; i++)
        free(table.cells[i]);
    free(table.cells);
    if (done && ferror(out) != 0)
        return err_set(err, ERR_IO, "cannot write the table");
    return done;
}
