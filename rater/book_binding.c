#include "rater/book_binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/instant.h"
#include "lib/json.h"
#include "lib/utc.h"

bool
books_share_a_bill(const PriceBook *left, const PriceBook *right)
{
    return strcmp(left->currency, right->currency) == 0 && left->rounding == right->rounding &&
           left->rounding_scale == right->rounding_scale && left->rounding_place == right->rounding_place;
}

/* ---- making ---- */

static bool
describe_part(Json *list, const BookPart *part, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    char from[UTC_TEXT_BYTES];
    char until[UTC_TEXT_BYTES];
    Json *object = json_new_object(err);
    return object != NULL && json_append(list, object, err) &&
           json_add_text(object, "from", utc_format(part->start_us, from), err) &&
           json_add_text(object, "until", utc_format(part->end_us, until), err) &&
           json_add_text(object, "sha256", digest_hex(&part->book->digest, hex), err) &&
           json_add_slice(object, "source", (Text){part->book->source, part->book->source_length}, err);
}

PriceBook *
price_book_bind(const BookPart *parts, size_t count, Err *err)
{
    Json *object = json_new_object(err);
    Json *list = json_new_array(err);
    bool done = object != NULL && list != NULL && json_add_text(object, "name", parts[0].book->name, err) &&
                json_add(object, "parts", json_object_get(list), err);
    for (size_t i = 0; done && i < count; i++)
        done = describe_part(list, &parts[i], err);
    char *text = done ? json_canonical(object, err) : NULL;
    PriceBook *book = text == NULL ? NULL : price_book_parse(text_of(text), "price books of a period", err);
    free(text);
    json_object_put(list);
    json_object_put(object);
    return book;
}

/* ---- reading ---- */

static bool
read_instant(const Place *place, int64_t *time_us, Err *err)
{
    char *text = NULL;
    Err ignored = {0};
    if (!place_text(place, "from: 2026-11-16T00:00:00Z", &text, err))
        return false;
    bool good = (instant_parse(text_of(text), time_us, &ignored) && *time_us == utc_hour_floor_us(*time_us)) ||
                place_fail(place, err, "'%s' is no full hour in UTC; write it as 2026-11-16T00:00:00Z", text);
    free(text);
    return good;
}

static PriceBook *
read_bound(const Place *place, size_t number, Err *err)
{
    char *sha256 = NULL;
    char name[64];
    char hex[DIGEST_HEX_BYTES];
    Place source = place_member(place, "source");
    Place digest = place_member(place, "sha256");
    PriceBook *bound = NULL;
    if (!place_text(&digest, "sha256: the book's", &sha256, err))
        return NULL;
    snprintf(name, sizeof name, "part %zu of the bound price books", number);
    bound = price_book_parse(yaml_text(source.node), name, err);
    if (bound != NULL && (bound->part_count > 0 || strcmp(digest_hex(&bound->digest, hex), sha256) != 0)) {
        (void) place_fail(&source, err, "is no price book with SHA-256 %s", sha256);
        price_book_free(&bound);
    }
    free(sha256);
    return bound;
}

static bool
read_part(const Place *place, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"from", "until", "sha256", "source", NULL};
    Place from = place_member(place, "from");
    Place until = place_member(place, "until");
    BookPart *part = &book->parts[book->part_count];
    const BookPart *last = book->part_count == 0 ? NULL : part - 1;
    if (!place_keys(place, KEYS, err) || !read_instant(&from, &part->start_us, err) ||
        !read_instant(&until, &part->end_us, err))
        return false;
    if (part->end_us <= part->start_us || (last != NULL && last->end_us != part->start_us))
        return place_fail(&from, err, "parts of a period follow one another, each longer than nothing");
    part->book = read_bound(place, book->part_count + 1, err);
    if (part->book == NULL)
        return false;
    book->part_count++;
    return last == NULL || books_share_a_bill(last->book, part->book) ||
           place_fail(place, err, "has another currency or rounding than the part before; one bill cannot have both");
}

static bool
copy(const char *from, char **to, Err *err)
{
    *to = from == NULL ? NULL : strdup(from);
    return from == NULL || *to != NULL || err_set(err, ERR_NOMEM, "no memory for bound price books");
}

/* "2026-11-01 + 2026-11-16" */
static bool
join_versions(PriceBook *book, Err *err)
{
    Buffer version = {0};
    bool done = true;
    for (size_t i = 0; done && i < book->part_count; i++)
        done = buffer_printf(&version, err, "%s%s", i == 0 ? "" : " + ", book->parts[i].book->version);
    book->version = version.data;
    return done;
}

/* What all parts share; each counts by its own rules. */
static bool
take_shared(PriceBook *book, Err *err)
{
    const PriceBook *first = book->parts[0].book;
    book->rounding = first->rounding;
    book->rounding_scale = first->rounding_scale;
    book->rounding_place = first->rounding_place;
    book->granularity_ms = first->granularity_ms;
    book->minimum_ms = first->minimum_ms;
    book->memory = first->memory;
    return join_versions(book, err) && copy(first->currency, &book->currency, err) &&
           copy(first->default_region, &book->default_region, err);
}

bool
book_read_parts(const Place *root, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"name", "parts", NULL};
    Place name = place_member(root, "name");
    Place list = place_member(root, "parts");
    size_t count = 0;
    if (!place_keys(root, KEYS, err) || !place_text(&name, "name: my-book", &book->name, err) ||
        !place_sequence(&list, PRICE_BOOK_PARTS_MAX, "parts: [{from: …, until: …, sha256: …, source: …}]", &count, err))
        return false;
    if (count < 2)
        return place_fail(&list, err, "has one book, which needs no binding");
    book->parts = calloc(count, sizeof *book->parts);
    if (book->parts == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu price books", count);
    for (size_t i = 0; i < count; i++) {
        Place part = place_item(&list, i);
        if (!read_part(&part, book, err))
            return false;
    }
    return take_shared(book, err);
}

void
book_free_parts(PriceBook *book)
{
    for (size_t i = 0; i < book->part_count; i++) {
        PriceBook *bound = (PriceBook *) (uintptr_t) book->parts[i].book; /* our own */
        price_book_free(&bound);
    }
    free(book->parts);
    book->parts = NULL;
    book->part_count = 0;
}

/* ---- asking ---- */

size_t
price_book_part_at(const PriceBook *book, int64_t time_us)
{
    size_t part = 0;
    while (part + 1 < book->part_count && book->parts[part].end_us <= time_us)
        part++;
    return part;
}

const PriceBook *
price_book_of_part(const PriceBook *book, size_t part)
{
    return book->part_count == 0 ? book : book->parts[part].book;
}

const Meter *
price_book_meter(const PriceBook *book, const char *sku)
{
    const Meter *found = NULL;
    for (size_t i = 0; i < book->meter_count; i++) {
        if (strcmp(book->meters[i].sku, sku) == 0)
            return &book->meters[i];
    }
    for (size_t i = 0; found == NULL && i < book->part_count; i++)
        found = price_book_meter(book->parts[i].book, sku);
    return found;
}
