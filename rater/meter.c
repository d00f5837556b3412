#include "rater/meter.h"

enum { MILLISECONDS_PER_SECOND = 1000 };

static UsageSum
billed_ms(const PriceBook *book, const RatingRow *row, int64_t month_start_us)
{
    bool with_init = price_book_bills_init(book, row->package, row->mode, month_start_us);
    if (book->granularity_ms == 1)
        return with_init ? row->with_init_1ms : row->duration_1ms;
    return with_init ? row->with_init_100ms : row->duration_100ms;
}

/* milliseconds x MB / (1024 MB x 1000 ms) */
static void
gb_seconds(UsageSum milliseconds, int64_t mb, mpq_t out)
{
    decimal_set_u128(mpq_numref(out), milliseconds);
    mpz_mul_si(mpq_numref(out), mpq_numref(out), (long) mb);
    mpz_set_ui(mpq_denref(out), (unsigned long) PRICE_GB_MB * MILLISECONDS_PER_SECOND);
    mpq_canonicalize(out);
}

void
meter_gb_seconds(const PriceBook *book, const RatingRow *row, int64_t month_start_us, mpq_t out)
{
    gb_seconds(billed_ms(book, row, month_start_us), row->memory_mb, out);
}

void
meter_quantity(const PriceBook *book, const Meter *meter, const RatingRow *row, int64_t month_start_us, mpq_t out)
{
    switch (meter->measure) {
    case MEASURE_GB_SECONDS:
        meter_gb_seconds(book, row, month_start_us, out);
        break;
    case MEASURE_EPHEMERAL_GB_SECONDS: {
        int64_t above_mb = row->ephemeral_mb > meter->included_mb ? row->ephemeral_mb - meter->included_mb : 0;
        gb_seconds(billed_ms(book, row, month_start_us), above_mb, out);
        break;
    }
    case MEASURE_INVOCATIONS:
    case MEASURE_COUNT:
        decimal_set_u128(mpq_numref(out), row->invocations);
        mpz_set_ui(mpq_denref(out), 1);
        break;
    }
}

const char *
meter_rollup_column(const PriceBook *book, const Meter *meter, UsagePackage package, UsageMode mode,
                    int64_t month_start_us)
{
    if (meter->measure == MEASURE_INVOCATIONS)
        return "invocations";
    if (price_book_bills_init(book, package, mode, month_start_us))
        return book->granularity_ms == 1 ? "with_init_1ms" : "with_init_100ms";
    return book->granularity_ms == 1 ? "duration_1ms" : "duration_100ms";
}
