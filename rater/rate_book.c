#include "rater/rate_book.h"

const PriceBook *
rate_book(BookCalendar *calendar, const char *name_or_path, UtcMonth month, Err *err)
{
    return book_calendar_book(calendar, name_or_path, utc_month_start_us(month), utc_month_end_us(month), err);
}

const PriceBook *
rate_book_of(BookCalendar *calendar, const char *name_or_path, const BillingPeriod *period, Err *err)
{
    return book_calendar_book(calendar, name_or_path, utc_hour_floor_us(period->start_us),
                              utc_hour_floor_us(period->end_us + UTC_HOUR_US - 1), err);
}
