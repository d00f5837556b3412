#include "rater/tally.h"

#include <gmp.h>

#include "lib/decimal.h"
#include "lib/utc.h"
#include "schema/rollup_store.h"

enum { US_PER_MS = 1000, MS_PER_S = 1000 };

static UsageSum
positive(int64_t value)
{
    return value > 0 ? (uint64_t) value : 0;
}

static UsageSum
billed_ms(const PriceBook *book, const TallyPlace *place, const UsageFacts *facts, int64_t month_start_us)
{
    bool with_init = price_book_bills_init(book, place->package, place->mode, month_start_us);
    int64_t time_us = facts->duration_us + (with_init ? facts->init_us : 0);
    int64_t ms = usage_round_up_ms(time_us, book->granularity_ms);
    return (uint64_t) (ms > book->minimum_ms ? ms : book->minimum_ms);
}

int64_t
tally_billed_mb(const MemoryRule *rule, int64_t mb)
{
    int64_t up = (mb + rule->step_mb - 1) / rule->step_mb * rule->step_mb;
    up = up > rule->minimum_mb ? up : rule->minimum_mb;
    return up < rule->maximum_mb ? up : rule->maximum_mb;
}

int64_t
tally_clock_mhz(const PriceBook *book, int64_t memory_mb)
{
    size_t i = 0;
    while (i + 1 < book->clock_count && book->clock[i].up_to_mb < memory_mb)
        i++;
    return book->clock_count == 0 ? 0 : book->clock[i].mhz;
}

UsageSum
tally_memory_time(const PriceBook *book, const TallyPlace *place, const UsageFacts *facts, int64_t month_start_us)
{
    if (facts->capacity_units > 0)
        return 0;
    bool observed = book->memory.observed && facts->max_memory_used_mb != USAGE_ABSENT;
    int64_t mb = tally_billed_mb(&book->memory, observed ? facts->max_memory_used_mb : place->memory_mb);
    return billed_ms(book, place, facts, month_start_us) * (uint64_t) mb;
}

static UsageSum
capacity(const PriceBook *book, const TallyPlace *place, const UsageFacts *facts)
{
    int64_t step_us = book->capacity_granularity_s * UTC_SECOND_US;
    int64_t seconds = (facts->ready_us + step_us - 1) / step_us * book->capacity_granularity_s;
    return positive(facts->capacity_units) * (uint64_t) seconds * (uint64_t) place->memory_mb;
}

static UsageSum
response(const Meter *meter, const UsageFacts *facts)
{
    if (meter->measure == MEASURE_STREAMED_GB && !facts->streamed)
        return 0;
    return positive(facts->response_bytes - meter->included_bytes);
}

UsageSum
tally_of(const PriceBook *book, const Meter *meter, const TallyPlace *place, const UsageFacts *facts,
         int64_t month_start_us)
{
    if (meter->measure == MEASURE_CAPACITY_GB_SECONDS)
        return capacity(book, place, facts);
    if (facts->capacity_units > 0)
        return 0;
    switch (meter->measure) {
    case MEASURE_INVOCATIONS:
        return 1;
    case MEASURE_GB_SECONDS:
        return tally_memory_time(book, place, facts, month_start_us);
    case MEASURE_EPHEMERAL_GB_SECONDS:
        return billed_ms(book, place, facts, month_start_us) * positive(place->ephemeral_mb - meter->included_mb);
    case MEASURE_GHZ_SECONDS:
        return billed_ms(book, place, facts, month_start_us) * (uint64_t) tally_clock_mhz(book, place->memory_mb);
    case MEASURE_SECONDS:
        return billed_ms(book, place, facts, month_start_us);
    case MEASURE_CPU_MS:
        return positive(facts->cpu_us);
    case MEASURE_STREAMED_GB:
    case MEASURE_RESPONSE_GB:
        return response(meter, facts);
    case MEASURE_CAPACITY_GB_SECONDS:
    case MEASURE_AMOUNT:
    case MEASURE_MONTH:
    case MEASURE_COUNT:
        break;
    }
    return 0;
}

int64_t
tally_unit(const Meter *meter)
{
    switch (meter->measure) {
    case MEASURE_GB_SECONDS:
    case MEASURE_EPHEMERAL_GB_SECONDS:
        return (int64_t) PRICE_GB_MB * MS_PER_S;
    case MEASURE_GHZ_SECONDS:
        return (int64_t) MS_PER_S * 1000; /* MHz in a GHz */
    case MEASURE_SECONDS:
        return MS_PER_S;
    case MEASURE_CPU_MS:
        return US_PER_MS;
    case MEASURE_STREAMED_GB:
    case MEASURE_RESPONSE_GB:
        return meter->gb_bytes;
    case MEASURE_CAPACITY_GB_SECONDS:
        return PRICE_GB_MB;
    case MEASURE_INVOCATIONS:
    case MEASURE_AMOUNT:
    case MEASURE_MONTH:
    case MEASURE_COUNT:
        break;
    }
    return 1;
}

/* What one event of so many parts costs, before its limits. */
static void
event_cost(const Meter *meter, const Price *price, UsageSum parts, mpq_t out)
{
    decimal_set_u128(mpq_numref(out), parts);
    mpz_set_si(mpq_denref(out), tally_unit(meter));
    mpq_canonicalize(out);
    mpq_mul(out, out, price->tiers[0].unit_price);
    mpq_add(out, out, price->event_fee);
}

void
tally_events(const Meter *meter, const Price *price, UsageSum parts, UsageSum count, UsageSum *sums)
{
    mpq_t cost;
    mpq_init(cost);
    event_cost(meter, price, parts, cost);
    if (price->event_minimum.given && mpq_cmp(cost, price->event_minimum.value) < 0)
        sums[TALLY_EVENTS_LOW] += count;
    else if (price->event_maximum.given && mpq_cmp(cost, price->event_maximum.value) > 0)
        sums[TALLY_EVENTS_HIGH] += count;
    else
        sums[TALLY_EVENTS_BETWEEN] += count * parts;
    mpq_clear(cost);
}

UsageFacts
tally_facts(const UsageRecord *record)
{
    if (usage_record_is_capacity(record))
        return (UsageFacts){.max_memory_used_mb = USAGE_ABSENT,
                            .capacity_units = record->capacity_units,
                            .ready_us = record->duration_us};
    return (UsageFacts){
        .duration_us = record->duration_us,
        .init_us = record->init_duration_us == USAGE_ABSENT ? 0 : record->init_duration_us,
        .cpu_us = record->cpu_us == USAGE_ABSENT ? 0 : record->cpu_us,
        .max_memory_used_mb = record->max_memory_used_mb,
        .response_bytes = record->response_bytes == USAGE_ABSENT ? 0 : record->response_bytes,
        .streamed = record->streamed,
    };
}

void
tally_add(const PriceBook *book, const UsageRecord *record, int64_t month_start_us, UsageSum *sums)
{
    const TallyPlace place = {record->mode, record->package, record->memory_mb, record->ephemeral_mb};
    const UsageFacts facts = tally_facts(record);
    sums[TALLY_MEMORY_TIME] += tally_memory_time(book, &place, &facts, month_start_us);
    for (size_t m = 0; m < book->meter_count; m++) {
        const Meter *meter = &book->meters[m];
        UsageSum parts = tally_of(book, meter, &place, &facts, month_start_us);
        sums[TALLY_METERS + m] += parts;
        for (size_t i = 0; i < meter->price_count; i++) {
            if (meter->prices[i].event_tally != 0 && facts.capacity_units == 0)
                tally_events(meter, &meter->prices[i], parts, 1, sums + meter->prices[i].event_tally);
        }
    }
}

static const char *
meter_beyond_rollups(const PriceBook *book, const Meter *meter)
{
    if (meter->measure == MEASURE_RESPONSE_GB)
        return "the measure response_gb";
    if (meter->measure == MEASURE_CAPACITY_GB_SECONDS && book->capacity_granularity_s != 1 &&
        book->capacity_granularity_s != ROLLUP_CAPACITY_STEP_S)
        return "capacity of another granularity_s than 1 or 300";
    if (meter->measure == MEASURE_STREAMED_GB && meter->included_bytes != ROLLUP_STREAMED_FREE_BYTES)
        return "streamed bytes with another included_bytes than 6291456";
    for (size_t i = 0; i < meter->price_count; i++) {
        if (meter->prices[i].event_tally != 0)
            return "limits of what a single event costs";
    }
    return NULL;
}

static bool
counts_time(Measure measure)
{
    return measure == MEASURE_GB_SECONDS || measure == MEASURE_EPHEMERAL_GB_SECONDS || measure == MEASURE_GHZ_SECONDS ||
           measure == MEASURE_SECONDS;
}

bool
tally_needs_hours(const PriceBook *book)
{
    for (size_t i = 0; i < book->part_count; i++) {
        if (tally_needs_hours(book->parts[i].book))
            return true;
    }
    for (size_t i = 0; i < book->free_tier_count; i++) {
        if (book->free_tiers[i].allocation == ALLOCATE_USAGE_ORDER)
            return true;
    }
    return false;
}

const char *
tally_beyond_rollups(const PriceBook *book)
{
    if (tally_needs_hours(book))
        return "free tiers in the order of use";
    for (size_t i = 0; i < book->part_count; i++) {
        const char *reason = tally_beyond_rollups(book->parts[i].book);
        if (reason != NULL)
            return reason;
    }
    for (size_t m = 0; m < book->meter_count; m++) {
        const Meter *meter = &book->meters[m];
        if (counts_time(meter->measure) && book->granularity_ms != 1 && book->granularity_ms != 100)
            return "durations of another granularity_ms than 1 or 100";
        if (counts_time(meter->measure) && book->minimum_ms != 0)
            return "durations with a minimum_ms";
        if (meter->measure == MEASURE_GB_SECONDS && book->memory.observed)
            return "the memory that each invocation used";
        const char *reason = meter_beyond_rollups(book, meter);
        if (reason != NULL)
            return reason;
    }
    return NULL;
}
