#include "rater/quote_compare.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"

/* A sku with the description of the first book that has it. */
typedef struct SkuRow {
    const char *sku;
    const char *description;
} SkuRow;

typedef struct Comparison {
    FILE *out;
    const QuoteSide *sides;
    size_t count;
    SkuRow *rows;
    size_t row_count;
    size_t capacity;
    int label_width;
    int width; /* of a column of amounts */
} Comparison;

static bool
has_lines(const QuoteSide *side, const char *sku)
{
    for (size_t i = 0; i < side->rated->line_count; i++) {
        if (strcmp(side->rated->lines[i].meter->sku, sku) == 0)
            return true;
    }
    return false;
}

static bool
list_skus(Comparison *self, Err *err)
{
    for (size_t s = 0; s < self->count; s++) {
        const PriceBook *book = self->sides[s].book;
        for (size_t m = 0; m < book->meter_count; m++) {
            size_t i = 0;
            while (i < self->row_count && strcmp(self->rows[i].sku, book->meters[m].sku) != 0)
                i++;
            if (i < self->row_count || !has_lines(&self->sides[s], book->meters[m].sku))
                continue;
            if (!array_grow(&self->rows, &self->capacity, self->row_count, sizeof(*self->rows), err))
                return false;
            self->rows[self->row_count++] = (SkuRow){book->meters[m].sku, book->meters[m].description};
        }
    }
    return true;
}

/* The sum of the amounts of a sku (NULL: of all). False when there is no line of it. */
static bool
sum_lines(const QuoteSide *side, const char *sku, mpq_t out)
{
    bool any = false;
    mpq_set_ui(out, 0, 1);
    for (size_t i = 0; i < side->rated->line_count; i++) {
        const RatedLine *line = &side->rated->lines[i];
        if (sku != NULL && strcmp(line->meter->sku, sku) != 0)
            continue;
        any = true;
        mpq_add(out, out, line->amount);
    }
    return any;
}

static char *
amount_text(const mpq_t amount, const PriceBook *book, bool sign, Err *err)
{
    char *plain = decimal_format(amount, book->rounding_scale, book->rounding, err);
    char *grouped = plain == NULL ? NULL : decimal_group_thousands(plain, err);
    char *out = NULL;
    if (grouped != NULL && asprintf(&out, "%s%s", sign && mpq_sgn(amount) > 0 ? "+" : "", grouped) < 0) {
        out = NULL;
        err_set(err, ERR_NOMEM, "no memory for a table");
    }
    free(grouped);
    free(plain);
    return out;
}

static bool
print_cell(const Comparison *self, char *text)
{
    if (text == NULL)
        return false;
    fprintf(self->out, "  %*s", self->width, text);
    free(text);
    return true;
}

static bool
print_sums(const Comparison *self, const char *label, const char *sku, Err *err)
{
    bool done = true;
    mpq_t sum;
    mpq_init(sum);
    fprintf(self->out, "%-*s", self->label_width, label);
    for (size_t s = 0; done && s < self->count; s++) {
        bool any = sum_lines(&self->sides[s], sku, sum);
        if (any || sku == NULL)
            done = print_cell(self, amount_text(sum, self->sides[s].book, false, err));
        else
            fprintf(self->out, "  %*s", self->width, "-");
    }
    fputc('\n', self->out);
    mpq_clear(sum);
    return done;
}

/* What the total differs from the first book's, and in per cent of it. */
static bool
print_differences(const Comparison *self, Err *err)
{
    const PriceBook *first = self->sides[0].book;
    bool done = true;
    mpq_t base, sum;
    mpq_inits(base, sum, NULL);
    (void) sum_lines(&self->sides[0], NULL, base);
    fprintf(self->out, "%-*s  %*s", self->label_width, "difference", self->width, "");
    for (size_t s = 1; done && s < self->count; s++) {
        (void) sum_lines(&self->sides[s], NULL, sum);
        mpq_sub(sum, sum, base);
        if (strcmp(self->sides[s].book->currency, first->currency) == 0)
            done = print_cell(self, amount_text(sum, self->sides[s].book, true, err));
        else
            fprintf(self->out, "  %*s", self->width, "-");
    }
    fputc('\n', self->out);
    mpq_clears(base, sum, NULL);
    return done;
}

static void
print_head(const Comparison *self)
{
    fprintf(self->out, "%-*s", self->label_width, "side by side");
    for (size_t s = 0; s < self->count; s++)
        fprintf(self->out, "  %*s", self->width, self->sides[s].book->name);
    fprintf(self->out, "\n%-*s", self->label_width, "");
    for (size_t s = 0; s < self->count; s++) {
        const PriceBook *book = self->sides[s].book;
        fprintf(self->out, "  %*s %s", self->width - 4, book->version, book->currency);
    }
    fputc('\n', self->out);
}

static void
print_rule(const Comparison *self)
{
    size_t width = (size_t) self->label_width + self->count * (size_t) (self->width + 2);
    for (size_t i = 0; i < width; i++)
        fputs("─", self->out);
    fputc('\n', self->out);
}

static void
measure_columns(Comparison *self)
{
    self->label_width = (int) strlen("side by side");
    self->width = 18; /* an amount of 12 digits with its separators */
    for (size_t i = 0; i < self->row_count; i++) {
        int length = (int) strlen(self->rows[i].description);
        self->label_width = length > self->label_width ? length : self->label_width;
    }
    for (size_t s = 0; s < self->count; s++) {
        int name = (int) strlen(self->sides[s].book->name);
        int version = (int) strlen(self->sides[s].book->version) + 4;
        self->width = name > self->width ? name : self->width;
        self->width = version > self->width ? version : self->width;
    }
}

bool
quote_compare_print(FILE *out, const QuoteSide *sides, size_t count, Err *err)
{
    Comparison self = {.out = out, .sides = sides, .count = count};
    bool done = list_skus(&self, err);
    if (done) {
        measure_columns(&self);
        print_head(&self);
        print_rule(&self);
    }
    for (size_t i = 0; done && i < self.row_count; i++)
        done = print_sums(&self, self.rows[i].description, self.rows[i].sku, err);
    if (done)
        print_rule(&self);
    done = done && print_sums(&self, "total", NULL, err) && print_differences(&self, err);
    free(self.rows);
    if (done && ferror(out) != 0)
        return err_set(err, ERR_IO, "cannot write the table");
    return done;
}
