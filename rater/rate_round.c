#include "rater/rate_round.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"

/* What was cut off a line, for the largest remainder. */
typedef struct Rest {
    mpq_t cut;
    size_t line;
} Rest;

static int
compare_rests(const void *left, const void *right)
{
    const Rest *a = left;
    const Rest *b = right;
    int order = mpq_cmp(b->cut, a->cut);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

/* 1 in the last digit that is printed. */
static void
last_digit(int scale, mpq_t out)
{
    mpq_set_ui(out, 1, 1);
    mpz_ui_pow_ui(mpq_denref(out), 10, (unsigned long) scale);
}

/* Toward minus infinity: a negative line is cut away from zero. */
static void
cut_down(mpq_t value, int scale)
{
    decimal_round(value, scale, mpq_sgn(value) < 0 ? ROUND_UP : ROUND_DOWN);
}

static bool
round_invoice(RatedLine *lines, size_t count, const PriceBook *book, Err *err)
{
    Rest *rests = calloc(count + 1, sizeof(*rests));
    if (rests == NULL)
        return err_set(err, ERR_NOMEM, "no memory to round %zu lines", count);
    mpq_t missing, digit;
    mpq_inits(missing, digit, NULL);
    last_digit(book->rounding_scale, digit);
    for (size_t i = 0; i < count; i++)
        mpq_add(missing, missing, lines[i].amount_exact);
    decimal_round(missing, book->rounding_scale, book->rounding);
    for (size_t i = 0; i < count; i++) {
        mpq_init(rests[i].cut);
        rests[i].line = i;
        mpq_set(lines[i].amount, lines[i].amount_exact);
        cut_down(lines[i].amount, book->rounding_scale);
        mpq_sub(rests[i].cut, lines[i].amount_exact, lines[i].amount);
        mpq_sub(missing, missing, lines[i].amount);
    }
    qsort(rests, count, sizeof(*rests), compare_rests);
    for (size_t i = 0; i < count; i++) {
        if (mpq_sgn(missing) > 0) {
            mpq_add(lines[rests[i].line].amount, lines[rests[i].line].amount, digit);
            mpq_sub(missing, missing, digit);
        }
        mpq_clear(rests[i].cut);
    }
    mpq_clears(missing, digit, NULL);
    free(rests);
    return true;
}

static bool
same_invoice(const RatedLine *a, const RatedLine *b)
{
    return strcmp(a->account, b->account) == 0 && strcmp(a->tenant, b->tenant) == 0;
}

bool
rate_round(Rated *rated, const PriceBook *book, Err *err)
{
    if (book->rounding_place == ROUND_EACH_LINE) {
        for (size_t i = 0; i < rated->line_count; i++) {
            mpq_set(rated->lines[i].amount, rated->lines[i].amount_exact);
            decimal_round(rated->lines[i].amount, book->rounding_scale, book->rounding);
        }
        return true;
    }
    for (size_t start = 0, end = 0; start < rated->line_count; start = end) {
        while (end < rated->line_count && same_invoice(&rated->lines[start], &rated->lines[end]))
            end++;
        if (!round_invoice(rated->lines + start, end - start, book, err))
            return false;
    }
    return true;
}
