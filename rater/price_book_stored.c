#include "rater/price_book_stored.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/author.h"
#include "lib/config.h"
#include "lib/instant.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/utc.h"
#include "rater/book_calendar.h"
#include "rater/commands.h"
#include "rater/stack.h"
#include "schema/price_store.h"

static const char PROGRAM[] = "millibill price-book";

static Db *
connect_as(const char *role, const char *data, Err *err)
{
    Config config;
    return config_load(data, &config, err) ? rater_connect_as(role, &config, PROGRAM, err) : NULL;
}

/* ---- add ---- */

typedef struct AddOptions {
    const char *from;
    const char *data;
    bool json;
} AddOptions;

static bool
read_from(const AddOptions *options, const PriceBook *book, int64_t *from_us, Err *err)
{
    const char *text = options->from != NULL ? options->from : book->valid_from;
    Err ignored = {0};
    if (text == NULL) {
        err_set(err, ERR_USAGE, "from when on? %s has no valid_from", book->name);
        return err_hint(err, "give --from 2026-12-01, or --from 2026-12-01T06:00Z");
    }
    if (!instant_parse(text_of(text), from_us, &ignored))
        return err_set(err, ERR_USAGE, "--from: '%s' is not a date; write it as 2026-12-01 or 2026-12-01T06:00:00Z",
                       text);
    if (*from_us == utc_hour_floor_us(*from_us))
        return true;
    err_set(err, ERR_USAGE, "--from: %s is not on a full hour in UTC", text);
    return err_hint(err, "usage is rated by the book that is in force for its hour");
}

/* Inside a UTC month a change of currency or rounding could not be billed: said here, not when the month is rated. */
static bool
check_neighbours(BookCalendar *calendar, const PriceBook *book, int64_t from_us, Err *err)
{
    const UtcMonth month = utc_month_of(from_us);
    BookParts parts = {0};
    Err none_before = {0};
    bool good = true;
    if (from_us == utc_month_start_us(month))
        return true;
    bool found = book_calendar_parts(calendar, book->name, utc_month_start_us(month), from_us, &parts, &none_before);
    if (!found && none_before.code != ERR_NOT_FOUND) {
        *err = none_before;
        good = false;
    } else if (found && !books_share_a_bill(parts.all[parts.count - 1].book, book)) {
        err_set(err, ERR_CONFLICT, "%s %s has another currency or rounding than the version before, inside a month",
                book->name, book->version);
        good = err_hint(err, "such a change comes into force where a billing period begins: give --from YYYY-MM-01");
    }
    book_parts_free(&parts);
    return good;
}

static bool
add(const AddOptions *options, const PriceBook *book, int64_t from_us, int64_t *revision, Err *err)
{
    char author[AUTHOR_BYTES];
    const PriceBookGiven given = {.sha256 = book->digest,
                                  .name = book->name,
                                  .version = book->version,
                                  .source = {book->source, book->source_length},
                                  .from_us = from_us,
                                  .by = author_write(author)};
    Db *db = connect_as("millibill_owner", options->data, err);
    BookCalendar *calendar = db == NULL ? NULL : book_calendar_new(db, err);
    bool done = calendar != NULL && check_neighbours(calendar, book, from_us, err) &&
                price_store_add(db, &given, revision, err);
    book_calendar_free(&calendar);
    db_free(&db);
    return done;
}

static bool
print_added(const AddOptions *options, const PriceBook *book, int64_t from_us, int64_t revision, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    char from[UTC_TEXT_BYTES];
    utc_format(from_us, from);
    if (!options->json) {
        printf("Price book %s %s is in force from %s on (revision %" PRId64 ", SHA-256 %s).\n", book->name,
               book->version, from, revision, digest_hex(&book->digest, hex));
        return output_flush(err);
    }
    Json *object = json_new_object(err);
    bool done = object != NULL && json_add_text(object, "name", book->name, err) &&
                json_add_text(object, "version", book->version, err) &&
                json_add_text(object, "sha256", digest_hex(&book->digest, hex), err) &&
                json_add_text(object, "in_force_from", from, err) && json_add_int(object, "revision", revision, err) &&
                json_print(object, stdout, err);
    json_object_put(object);
    return done;
}

int
price_book_add_command(int argc, char **argv)
{
    AddOptions options = {0};
    const char *const *files = NULL;
    const Option table[] = {
        {"from", 'f', OPTION_TEXT, &options.from, "TIME",
         "first hour for which it holds (UTC); default the book's valid_from"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill price-book add",
        .arguments = "FILE",
        .summary = "Store a price book and put it in force under its name; what was in force before is kept.",
        .detail = "Hours that are on a final invoice keep their book. The reference: doc/price-books.md",
        .options = table,
        .arguments_min = 1,
        .arguments_max = 1};
    OptionsResult parsed = options_parse(&line, argc, argv, &files);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err = {0};
    int64_t from_us = 0;
    int64_t revision = 0;
    PriceBook *book = price_book_find(files[0], &err);
    bool done = book != NULL && read_from(&options, book, &from_us, &err) &&
                add(&options, book, from_us, &revision, &err) && print_added(&options, book, from_us, revision, &err);
    price_book_free(&book);
    return done ? EXIT_SUCCESS : err_report(&err, "millibill price-book add");
}

/* ---- list ---- */

static const char *
use_of(const PriceBookRow *row)
{
    return row->finals > 0 ? "final" : row->previews > 0 ? "preview" : "none";
}

static bool
collect(void *context, const PriceBookRow *row, Err *err)
{
    Json *object = json_new_object(err);
    const bool in_force = row->from[0] != '\0';
    return object != NULL && json_append(context, object, err) && json_add_text(object, "name", row->name, err) &&
           json_add_text(object, "version", row->version, err) && json_add_text(object, "sha256", row->sha256, err) &&
           json_add_text(object, "in_force_from", in_force && !row->replaced ? row->from : NULL, err) &&
           json_add_text(object, "in_force_until", row->until[0] != '\0' ? row->until : NULL, err) &&
           json_add_text(object, "replaced_from", row->replaced ? row->from : NULL, err) &&
           json_add_text(object, "added_at", row->added_at, err) &&
           json_add_text(object, "added_by", in_force ? row->added_by : NULL, err) &&
           json_add_text(object, "use", use_of(row), err) && json_add_int(object, "final_invoices", row->finals, err);
}

static const char *
member(Json *row, const char *key, const char *otherwise)
{
    Json *value = json_member(row, key);
    return value == NULL ? otherwise : json_object_get_string(value);
}

static void
print_rows(Json *rows)
{
    printf("%-24s %-12s %-12s %-20s %-20s %s\n", "BOOK", "VERSION", "SHA-256", "IN FORCE FROM", "UNTIL", "USED");
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        Json *row = json_object_array_get_idx(rows, i);
        const char *never = json_member(row, "replaced_from") == NULL ? "-" : "replaced";
        printf("%-24s %-12s %-12.12s %-20s %-20s %s\n", member(row, "name", ""), member(row, "version", ""),
               member(row, "sha256", ""), member(row, "in_force_from", never), member(row, "in_force_until", "-"),
               member(row, "use", ""));
    }
}

bool
price_book_list_stored(const char *data, bool json, Err *err)
{
    Db *db = connect_as("millibill_reader", data, err);
    Json *rows = db == NULL ? NULL : json_new_array(err);
    bool done = rows != NULL && price_store_list(db, collect, rows, err);
    db_free(&db);
    if (done && json)
        done = json_print(rows, stdout, err);
    else if (done)
        print_rows(rows);
    json_object_put(rows);
    return done;
}
