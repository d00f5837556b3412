#include "rater/meter.h"

#include <string.h>

static UsageSum
rollup_ms(const PriceBook *book, const RatingRow *row, int64_t month_start_us)
{
    bool with_init = price_book_bills_init(book, row->package, row->mode, month_start_us);
    if (book->granularity_ms == 1)
        return with_init ? row->with_init_1ms : row->duration_1ms;
    return with_init ? row->with_init_100ms : row->duration_100ms;
}

static UsageSum
rollup_memory_time(const PriceBook *book, const RatingRow *row, int64_t month_start_us)
{
    return rollup_ms(book, row, month_start_us) * (uint64_t) tally_billed_mb(&book->memory, row->memory_mb);
}

/* The same as tally_of, from the sums of many. */
static UsageSum
rollup_parts(const PriceBook *book, const Meter *meter, const RatingRow *row, int64_t month_start_us)
{
    switch (meter->measure) {
    case MEASURE_INVOCATIONS:
        return row->invocations;
    case MEASURE_GB_SECONDS:
        return rollup_memory_time(book, row, month_start_us);
    case MEASURE_EPHEMERAL_GB_SECONDS: {
        int64_t above_mb = row->ephemeral_mb > meter->included_mb ? row->ephemeral_mb - meter->included_mb : 0;
        return rollup_ms(book, row, month_start_us) * (uint64_t) above_mb;
    }
    case MEASURE_GHZ_SECONDS:
        return rollup_ms(book, row, month_start_us) * (uint64_t) tally_clock_mhz(book, row->memory_mb);
    case MEASURE_SECONDS:
        return rollup_ms(book, row, month_start_us);
    case MEASURE_CPU_MS:
        return row->cpu_us;
    case MEASURE_STREAMED_GB:
        return row->streamed_bytes;
    case MEASURE_CAPACITY_GB_SECONDS:
        return (book->capacity_granularity_s == 1 ? row->capacity_1s : row->capacity_300s) * (uint64_t) row->memory_mb;
    case MEASURE_RESPONSE_GB:
    case MEASURE_AMOUNT:
    case MEASURE_MONTH:
    case MEASURE_COUNT:
        break;
    }
    return 0;
}

static TallyPlace
place_of(const RatingRow *row)
{
    return (TallyPlace){row->mode, row->package, row->memory_mb, row->ephemeral_mb};
}

/* How many times a row's facts count: a capacity row is one, whatever it says of invocations. */
static UsageSum
times(const RatingRow *row)
{
    return row->each->capacity_units > 0 ? 1 : row->invocations;
}

static void
quotient(UsageSum parts, int64_t unit, mpq_t out)
{
    decimal_set_u128(mpq_numref(out), parts);
    mpz_set_si(mpq_denref(out), unit);
    mpq_canonicalize(out);
}

void
meter_gb_seconds(const PriceBook *book, const RatingRow *row, int64_t month_start_us, mpq_t out)
{
    const TallyPlace place = place_of(row);
    UsageSum parts = row->tallies != NULL ? row->tallies[TALLY_MEMORY_TIME]
                     : row->each != NULL  ? times(row) * tally_memory_time(book, &place, row->each, month_start_us)
                                          : rollup_memory_time(book, row, month_start_us);
    quotient(parts, (int64_t) PRICE_GB_MB * 1000, out);
}

void
meter_quantity(const PriceBook *book, const Meter *meter, const RatingRow *row, int64_t month_start_us, mpq_t out)
{
    const TallyPlace place = place_of(row);
    UsageSum parts = row->tallies != NULL ? row->tallies[TALLY_METERS + (meter - book->meters)]
                     : row->each != NULL  ? times(row) * tally_of(book, meter, &place, row->each, month_start_us)
                                          : rollup_parts(book, meter, row, month_start_us);
    quotient(parts, tally_unit(meter), out);
}

void
meter_capacity_gb_seconds(const PriceBook *book, const RatingRow *row, mpq_t out)
{
    mpq_set_ui(out, 0, 1);
    for (size_t m = 0; m < book->meter_count; m++) {
        if (book->meters[m].measure == MEASURE_CAPACITY_GB_SECONDS) {
            meter_quantity(book, &book->meters[m], row, 0, out); /* no initialization in it: any month does */
            return;
        }
    }
}

void
meter_event_sums(const PriceBook *book, const Meter *meter, const Price *price, const RatingRow *row,
                 int64_t month_start_us, UsageSum sums[TALLY_EVENT_SUMS])
{
    memset(sums, 0, TALLY_EVENT_SUMS * sizeof(*sums));
    if (row->tallies != NULL) {
        memcpy(sums, row->tallies + price->event_tally, TALLY_EVENT_SUMS * sizeof(*sums));
    } else if (row->each != NULL && row->each->capacity_units == 0) {
        const TallyPlace place = place_of(row);
        tally_events(meter, price, tally_of(book, meter, &place, row->each, month_start_us), row->invocations, sums);
    }
}

void
meter_event_costs(const PriceBook *book, const Meter *meter, const Price *price, const RatingRow *row,
                  int64_t month_start_us, mpq_t out)
{
    UsageSum sums[TALLY_EVENT_SUMS];
    meter_event_sums(book, meter, price, row, month_start_us, sums);
    UsageSum at_limits = sums[TALLY_EVENTS_LOW] + sums[TALLY_EVENTS_HIGH];
    mpq_t part;
    mpq_init(part);
    quotient(sums[TALLY_EVENTS_BETWEEN], tally_unit(meter), out);
    mpq_mul(out, out, price->tiers[0].unit_price);
    quotient(row->invocations > at_limits ? row->invocations - at_limits : 0, 1, part);
    mpq_mul(part, part, price->event_fee);
    mpq_add(out, out, part);
    quotient(sums[TALLY_EVENTS_LOW], 1, part);
    mpq_mul(part, part, price->event_minimum.value);
    mpq_add(out, out, part);
    quotient(sums[TALLY_EVENTS_HIGH], 1, part);
    mpq_mul(part, part, price->event_maximum.value);
    mpq_add(out, out, part);
    mpq_clear(part);
}

const char *
meter_rollup_column(const PriceBook *book, const Meter *meter, UsagePackage package, UsageMode mode,
                    int64_t month_start_us)
{
    switch (meter->measure) {
    case MEASURE_INVOCATIONS:
        return "invocations";
    case MEASURE_CPU_MS:
        return "cpu_us";
    case MEASURE_STREAMED_GB:
        return "streamed_bytes";
    case MEASURE_GB_SECONDS:
    case MEASURE_EPHEMERAL_GB_SECONDS:
    case MEASURE_GHZ_SECONDS:
    case MEASURE_SECONDS:
        if (price_book_bills_init(book, package, mode, month_start_us))
            return book->granularity_ms == 1 ? "with_init_1ms" : "with_init_100ms";
        return book->granularity_ms == 1 ? "duration_1ms" : "duration_100ms";
    case MEASURE_CAPACITY_GB_SECONDS:
        return book->capacity_granularity_s == 1 ? "capacity_1s" : "capacity_300s";
    case MEASURE_RESPONSE_GB:
    case MEASURE_AMOUNT:
    case MEASURE_MONTH:
    case MEASURE_COUNT:
        break;
    }
    return NULL;
}
