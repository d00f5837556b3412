#include "rater/rate_book.h"

const PriceBook *
rate_book(BookCalendar *calendar, const char *name_or_path, UtcMonth month, Err *err)
{
    char from[UTC_TEXT_BYTES];
    char text[UTC_TEXT_BYTES];
    BookParts parts = {0};
    const PriceBook *book = NULL;
    if (!book_calendar_parts(calendar, name_or_path, utc_month_start_us(month), utc_month_end_us(month), &parts, err)) {
        book_parts_free(&parts);
        return NULL;
    }
    if (parts.count == 1) {
        book = parts.all[0].book;
    } else {
        err_set(err, ERR_CONFLICT, "price book %s changes inside %s: version %s is in force from %s on", name_or_path,
                utc_month_format(month, text), parts.all[1].book->version, utc_format(parts.all[1].start_us, from));
        err_hint(err, "a month that spans two books cannot be rated yet; put the new version in force with a month");
    }
    book_parts_free(&parts);
    return book;
}
