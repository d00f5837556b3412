#include "rater/quote_parts.h"

#include <string.h>

#include "lib/instant.h"
#include "lib/utc.h"

void
quote_parts_free(QuoteParts *self)
{
    for (size_t i = 0; i < self->count; i++)
        price_book_free(&self->books[i]);
    self->count = 0;
}

static bool
add(QuoteParts *self, const char *name, int64_t start_us, int64_t end_us, Err *err)
{
    PriceBook *book = price_book_find(name, err);
    if (book == NULL)
        return false;
    self->books[self->count] = book;
    self->all[self->count] = (BookPart){book, start_us, end_us};
    if (self->count++ == 0)
        return true;
    self->all[self->count - 2].end_us = start_us;
    return books_share_a_bill(self->books[0], book) ||
           err_set(err, ERR_CONFLICT, "%s has another currency or rounding than %s: one bill cannot have both", name,
                   self->books[0]->name);
}

static bool
read_change(const char *change, int64_t *from_us, const char **name, Err *err)
{
    const char *equals = strchr(change, '=');
    Err ignored = {0};
    *name = equals == NULL ? NULL : equals + 1;
    if (equals == NULL || !instant_parse((Text){change, (size_t) (equals - change)}, from_us, &ignored))
        return err_set(err, ERR_USAGE, "--change: '%s' is not a time and a book; write it as 2026-11-16=FILE", change);
    return *from_us == utc_hour_floor_us(*from_us) ||
           err_set(err, ERR_USAGE, "--change: '%s' is not on a full hour in UTC", change);
}

bool
quote_parts_open(QuoteParts *self, const char *book, const OptionList *changes, int64_t start_us, int64_t end_us,
                 Err *err)
{
    int64_t before_us = start_us;
    bool done = add(self, book, start_us, end_us, err);
    for (size_t i = 0; done && i < changes->count; i++) {
        int64_t from_us = 0;
        const char *name = NULL;
        if (!read_change(changes->items[i], &from_us, &name, err))
            return false;
        if (from_us <= before_us || from_us >= end_us)
            return err_set(err, ERR_USAGE, "--change: '%s' is not inside the period, or not after the change before",
                           changes->items[i]);
        done = add(self, name, from_us, end_us, err);
        before_us = from_us;
    }
    return done;
}

void
quote_parts_place(const QuoteParts *self, RatingRows *rows)
{
    int64_t changes_us[OPTION_LIST_MAX];
    for (size_t i = 1; i < self->count; i++)
        changes_us[i - 1] = self->all[i].start_us;
    rating_rows_place(rows, changes_us, self->count - 1);
}
