#include "rater/quote_contract.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"

enum { BALANCES_BYTES_MAX = 4 << 20 };

static bool
read_file(const char *path, Buffer *out, Err *err)
{
    char bytes[8192];
    size_t length = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return err_set(err, ERR_IO, "cannot open %s", path);
    bool done = true;
    while (done && (length = fread(bytes, 1, sizeof bytes, file)) > 0)
        done = buffer_append(out, bytes, length, err) &&
               (out->length <= BALANCES_BYTES_MAX || err_set(err, ERR_RANGE, "%s is larger than 4 MiB", path));
    done = done && (ferror(file) == 0 || err_set(err, ERR_IO, "cannot read %s", path));
    fclose(file);
    return done;
}

bool
quote_contract_open(QuoteContract *self, const char *contract, const char *balances, UtcMonth month, Err *err)
{
    Buffer text = {0};
    *self = (QuoteContract){.contract = contract_open(contract, err)};
    if (self->contract == NULL)
        return false;
    self->period_start_us = contract_period_start_us(self->contract, month);
    self->period_end_us = contract_period_start_us(self->contract, utc_month_next(month));
    bool done = balances == NULL ||
                (read_file(balances, &text, err) && statement_balances_read(&self->balances, buffer_text(&text), err));
    buffer_free(&text);
    return done;
}

void
quote_contract_free(QuoteContract *self)
{
    statement_balances_free(&self->balances);
    contract_free(&self->contract);
}

static bool
is_of_one_tenant(const Rated *rated)
{
    size_t tenants = 0;
    RatedSlice slice = {0};
    while (rated_next_tenant(rated, &slice))
        tenants++;
    return tenants <= 1;
}

static bool
make(const QuoteContract *self, const Rated *rated, const PriceBook *book, Statement *statement, Err *err)
{
    const StatementInput input = {
        .contract = self->contract,
        .book = book,
        .rated = rated,
        .slice = rated_whole(rated),
        .period_start_us = self->period_start_us,
        .period_end_us = self->period_end_us,
        .used = self->balances.used,
        .used_count = self->balances.used_count,
        .adjustments = self->balances.adjustments,
        .adjustment_count = self->balances.adjustment_count,
    };
    bool done = statement_make(statement, &input, err);
    return done && (is_of_one_tenant(rated) ||
                    err_set(err, ERR_INPUT, "a contract is of one tenant; this usage is of several"));
}

Json *
quote_contract_answer(const QuoteContract *self, const Rated *rated, const PriceBook *book, bool free_tier, Err *err)
{
    Statement statement;
    const DocumentTerms terms = {.contract = self->contract, .statement = &statement};
    Json *answer =
        make(self, rated, book, &statement, err) ? document_quote_terms(rated, book, free_tier, &terms, err) : NULL;
    statement_free(&statement);
    return answer;
}

static bool
print_amount(FILE *out, const char *label, const char *currency, const mpq_t amount, int scale, Err *err)
{
    char *text = decimal_format(amount, scale, ROUND_HALF_UP, err);
    if (text != NULL)
        fprintf(out, "%-78s %s %14s\n", label, currency, text);
    free(text);
    return text != NULL;
}

static bool
print_statement(FILE *out, const Statement *statement, const PriceBook *book, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < statement->count; i++)
        done = print_amount(out, statement->items[i].description, book->currency, statement->items[i].amount,
                            book->rounding_scale, err);
    done = done && print_amount(out, "Total", book->currency, statement->total, book->rounding_scale, err);
    if (done && statement->exchange != NULL)
        done = print_amount(out, "To be paid", statement->payable_currency, statement->payable_total,
                            statement->payable_scale, err);
    return done;
}

bool
quote_contract_print(const QuoteContract *self, FILE *out, const Rated *rated, const PriceBook *book, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    Statement statement;
    bool done = make(self, rated, book, &statement, err);
    if (done) {
        fprintf(out, "\n%s %s, %s to %s\n", self->contract->name, self->contract->version,
                utc_format(self->period_start_us, start), utc_format(self->period_end_us, end));
        done = print_statement(out, &statement, book, err);
    }
    statement_free(&statement);
    return done;
}
