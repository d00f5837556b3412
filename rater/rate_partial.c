#include "rater/rate_partial.h"

#include "lib/utc.h"

/* How many pieces of `step_us` (the last may be shorter) lie between two instants, or are touched by them. */
static int64_t
pieces(int64_t start_us, int64_t end_us, int64_t step_us)
{
    return (end_us - start_us + step_us - 1) / step_us;
}

int64_t
rate_period_end_us(const RateOptions *self)
{
    return self->period_end_us != 0 ? self->period_end_us : utc_month_end_us(utc_month_of(self->month_start_us));
}

void
rate_period_part(const RateOptions *self, PartialMonth rule, mpq_t out)
{
    int64_t start = self->month_start_us;
    int64_t end = rate_period_end_us(self);
    int64_t from = self->service_start_us > start ? self->service_start_us : start;
    int64_t until = self->service_end_us != 0 && self->service_end_us < end ? self->service_end_us : end;
    mpq_set_ui(out, 1, 1);
    if (rule == PARTIAL_FULL || (from == start && until == end))
        return;
    int64_t step = rule == PARTIAL_BY_DAY ? UTC_DAY_US : UTC_HOUR_US;
    int64_t touched = from < until ? pieces(start, until, step) - (from - start) / step : 0;
    mpz_set_si(mpq_numref(out), touched);
    mpz_set_si(mpq_denref(out), pieces(start, end, step));
    mpq_canonicalize(out);
}

void
rate_book_part(const RateOptions *self, mpq_t out)
{
    mpq_set_ui(out, 1, 1);
    if (self->part_end_us == 0)
        return;
    mpz_set_si(mpq_numref(out), self->part_end_us - self->part_start_us);
    mpz_set_si(mpq_denref(out), rate_period_end_us(self) - self->month_start_us);
    mpq_canonicalize(out);
}

/* Blocks of days or hours that the service touches, each as far as the book is in force in it, over all blocks. */
void
rate_fee_part(const RateOptions *self, PartialMonth rule, mpq_t out)
{
    const int64_t start = self->month_start_us;
    const int64_t end = rate_period_end_us(self);
    const int64_t step = rule == PARTIAL_BY_DAY ? UTC_DAY_US : UTC_HOUR_US;
    const int64_t until = self->service_end_us != 0 && self->service_end_us < end ? self->service_end_us : end;
    if (self->part_end_us == 0 || rule == PARTIAL_FULL) {
        rate_period_part(self, rule, out);
        mpq_t book_part;
        mpq_init(book_part);
        rate_book_part(self, book_part);
        mpq_mul(out, out, book_part);
        mpq_clear(book_part);
        return;
    }
    mpq_t block_part;
    mpq_init(block_part);
    mpq_set_ui(out, 0, 1);
    for (int64_t block = start; block < until; block += step) {
        int64_t block_end = block + step < end ? block + step : end;
        int64_t from = block > self->part_start_us ? block : self->part_start_us;
        int64_t to = block_end < self->part_end_us ? block_end : self->part_end_us;
        if (block_end <= self->service_start_us || from >= to)
            continue;
        mpz_set_si(mpq_numref(block_part), to - from);
        mpz_set_si(mpq_denref(block_part), block_end - block);
        mpq_canonicalize(block_part);
        mpq_add(out, out, block_part);
    }
    mpq_set_si(block_part, pieces(start, end, step), 1);
    mpq_div(out, out, block_part);
    mpq_clear(block_part);
}
