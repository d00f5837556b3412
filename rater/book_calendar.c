#include "rater/book_calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/share.h"
#include "lib/utc.h"
#include "schema/price_store.h"

typedef struct Version {
    int64_t from_us; /* INT64_MIN: since ever */
    PriceBook *book;
} Version;

/* All that is known of one name. */
typedef struct Entry {
    char *name;
    Version *versions; /* by from_us */
    size_t count;
    size_t capacity;
} Entry;

struct BookCalendar {
    Db *db;
    Entry *entries;
    size_t count;
    size_t capacity;
    PriceBook **bound; /* bindings that were asked for */
    size_t bound_count;
    size_t bound_capacity;
};

BookCalendar *
book_calendar_new(Db *db, Err *err)
{
    BookCalendar *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for price books");
        return NULL;
    }
    self->db = db;
    return self;
}

static void
entry_free(Entry *self)
{
    for (size_t i = 0; i < self->count; i++)
        price_book_free(&self->versions[i].book);
    free(self->versions);
    free(self->name);
    *self = (Entry){0};
}

void
book_calendar_free(BookCalendar **self)
{
    if (*self == NULL)
        return;
    for (size_t i = 0; i < (*self)->count; i++)
        entry_free(&(*self)->entries[i]);
    for (size_t i = 0; i < (*self)->bound_count; i++)
        price_book_free(&(*self)->bound[i]);
    free((*self)->bound);
    free((*self)->entries);
    free(*self);
    *self = NULL;
}

void
book_parts_free(BookParts *self)
{
    free(self->all);
    *self = (BookParts){0};
}

/* ---- reading ---- */

static bool
add_version(Entry *self, int64_t from_us, PriceBook *book, Err *err)
{
    if (book == NULL || !array_grow(&self->versions, &self->capacity, self->count, sizeof *self->versions, err)) {
        price_book_free(&book);
        return false;
    }
    self->versions[self->count++] = (Version){from_us, book};
    return true;
}

static bool
take_stored(void *context, const PriceBookVersion *row, Err *err)
{
    Entry *self = context;
    char place[PATH_MAX];
    char hex[DIGEST_HEX_BYTES];
    snprintf(place, sizeof place, "stored price book %s", self->name);
    PriceBook *book = price_book_parse(row->source, place, err);
    if (book != NULL && strcmp(digest_hex(&book->digest, hex), row->sha256) != 0) {
        err_set(err, ERR_CORRUPT, "%s has SHA-256 %s, expected %s", place, hex, row->sha256);
        err_hint(err, "restore the row of price_books from a backup");
        price_book_free(&book);
    }
    return add_version(self, row->from_us, book, err);
}

/* The shipped book is the one before any stored. A name need not have one. */
static bool
read_entry(Entry *self, Db *db, Err *err)
{
    Err missing = {0};
    PriceBook *shipped = price_book_find(self->name, &missing);
    if (shipped == NULL && missing.code != ERR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    if (shipped != NULL && !add_version(self, INT64_MIN, shipped, err))
        return false;
    if (!share_is_path(self->name) && !price_store_versions(db, self->name, take_stored, self, err))
        return false;
    if (self->count == 0)
        *err = missing;
    return self->count > 0;
}

static const Entry *
find_entry(BookCalendar *self, const char *name, Err *err)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->entries[i].name, name) == 0)
            return &self->entries[i];
    }
    if (!array_grow(&self->entries, &self->capacity, self->count, sizeof *self->entries, err))
        return NULL;
    Entry *entry = &self->entries[self->count];
    *entry = (Entry){.name = strdup(name)};
    bool done = entry->name != NULL || err_set(err, ERR_NOMEM, "no memory for price books");
    if (!done || !read_entry(entry, self->db, err)) {
        entry_free(entry);
        return NULL;
    }
    self->count++;
    return entry;
}

/* ---- parts ---- */

/* A book that is put in force again where it is in force goes on. */
static bool
add_part(BookParts *self, const PriceBook *book, int64_t start_us, int64_t end_us, Err *err)
{
    BookPart *last = self->count == 0 ? NULL : &self->all[self->count - 1];
    if (last != NULL && memcmp(&last->book->digest, &book->digest, sizeof book->digest) == 0) {
        last->end_us = end_us;
        return true;
    }
    if (last != NULL && !books_share_a_bill(last->book, book)) {
        err_set(err, ERR_CONFLICT,
                "price book %s changes its currency or its rounding with version %s, inside a billing period",
                book->name, book->version);
        return err_hint(err, "such a change comes into force where a billing period begins");
    }
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    self->all[self->count++] = (BookPart){book, start_us, end_us};
    return true;
}

bool
book_calendar_parts(BookCalendar *self, const char *name_or_path, int64_t start_us, int64_t end_us, BookParts *out,
                    Err *err)
{
    char from[UTC_TEXT_BYTES];
    const Entry *entry = find_entry(self, name_or_path, err);
    if (entry == NULL)
        return false;
    if (entry->versions[0].from_us > start_us) {
        err_set(err, ERR_NOT_FOUND, "price book %s is in force from %s on, and the period begins earlier", entry->name,
                utc_format(entry->versions[0].from_us, from));
        return err_hint(err, "put a version in force earlier: millibill price-book add FILE --from TIME");
    }
    for (size_t i = 0; i < entry->count; i++) {
        const Version *version = &entry->versions[i];
        int64_t until_us = i + 1 < entry->count ? entry->versions[i + 1].from_us : INT64_MAX;
        int64_t part_start_us = version->from_us > start_us ? version->from_us : start_us;
        int64_t part_end_us = until_us < end_us ? until_us : end_us;
        if (part_start_us < part_end_us && !add_part(out, version->book, part_start_us, part_end_us, err))
            return false;
    }
    return true;
}

/* A binding of exactly these parts that was made before. */
static const PriceBook *
find_bound(const BookCalendar *self, const BookParts *parts)
{
    for (size_t i = 0; i < self->bound_count; i++) {
        const PriceBook *bound = self->bound[i];
        bool same = bound->part_count == parts->count;
        for (size_t p = 0; same && p < parts->count; p++) {
            const BookPart *ours = &bound->parts[p];
            const BookPart *theirs = &parts->all[p];
            same = ours->start_us == theirs->start_us && ours->end_us == theirs->end_us &&
                   memcmp(&ours->book->digest, &theirs->book->digest, sizeof(Digest)) == 0;
        }
        if (same)
            return bound;
    }
    return NULL;
}

static const PriceBook *
keep_bound(BookCalendar *self, PriceBook *book, Err *err)
{
    if (book == NULL || !array_grow(&self->bound, &self->bound_capacity, self->bound_count, sizeof(PriceBook *), err)) {
        price_book_free(&book);
        return NULL;
    }
    self->bound[self->bound_count++] = book;
    return book;
}

const PriceBook *
book_calendar_book(BookCalendar *self, const char *name_or_path, int64_t start_us, int64_t end_us, Err *err)
{
    BookParts parts = {0};
    const PriceBook *book = NULL;
    if (book_calendar_parts(self, name_or_path, start_us, end_us, &parts, err))
        book = parts.count == 1 ? parts.all[0].book : find_bound(self, &parts);
    if (book == NULL && !err_is_set(err))
        book = keep_bound(self, price_book_bind(parts.all, parts.count, err), err);
    book_parts_free(&parts);
    return book;
}
