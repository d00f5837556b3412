/* price-book - list, show and validate price books */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/options.h"
#include "lib/share.h"
#include "rater/commands.h"
#include "rater/document.h"
#include "rater/price_book.h"

static bool
add_tiers(Json *object, const Price *price, Err *err)
{
    Json *tiers = json_object_new_array();
    if (!json_add(object, "tiers", tiers, err))
        return false;
    for (size_t i = 0; i < price->tier_count; i++) {
        Json *tier = json_object_new_object();
        const PriceTier *from = &price->tiers[i];
        if (!json_append(tiers, tier, err) ||
            !(from->open ? json_add_text(tier, "up_to", NULL, err)
                         : document_add_exact(tier, "up_to", from->up_to, err)) ||
            !document_add_exact(tier, "unit_price", from->unit_price, err))
            return false;
    }
    return true;
}

static bool
add_price(Json *prices, const Price *price, Err *err)
{
    Json *object = json_object_new_object();
    Json *regions = json_object_new_array();
    Json *architectures = json_object_new_array();
    Json *modes = json_object_new_array();
    bool done = json_append(prices, object, err) && json_add(object, "regions", regions, err) &&
                json_add(object, "architectures", architectures, err) && json_add(object, "modes", modes, err);
    for (size_t i = 0; done && i < price->region_count; i++)
        done = json_append(regions, json_object_new_string(price->regions[i]), err);
    for (int i = 0; done && i < USAGE_ARCHITECTURE_COUNT; i++) {
        if ((price->architectures & 1u << i) != 0)
            done =
                json_append(architectures, json_object_new_string(usage_architecture_name((UsageArchitecture) i)), err);
    }
    for (int i = 0; done && i < USAGE_MODE_COUNT; i++) {
        if ((price->modes & 1u << i) != 0)
            done = json_append(modes, json_object_new_string(usage_mode_name((UsageMode) i)), err);
    }
    return done && json_add_text(object, "model", price_model_name(price->model), err) &&
           add_tiers(object, price, err) && json_add_text(object, "source", price->source, err);
}

static bool
add_meters(Json *object, const PriceBook *book, Err *err)
{
    Json *meters = json_object_new_array();
    bool done = json_add(object, "meters", meters, err);
    for (size_t m = 0; done && m < book->meter_count; m++) {
        const Meter *meter = &book->meters[m];
        Json *entry = json_object_new_object();
        Json *prices = json_object_new_array();
        done = json_append(meters, entry, err) && json_add_text(entry, "sku", meter->sku, err) &&
               json_add_text(entry, "description", meter->description, err) &&
               json_add_text(entry, "measure", measure_name(meter->measure), err) &&
               json_add_text(entry, "unit", meter->unit, err) && json_add(entry, "prices", prices, err);
        for (size_t i = 0; done && i < meter->price_count; i++)
            done = add_price(prices, &meter->prices[i], err);
    }
    return done;
}

static bool
add_free_tiers(Json *object, const PriceBook *book, Err *err)
{
    Json *tiers = json_object_new_array();
    bool done = json_add(object, "free_tiers", tiers, err);
    for (size_t i = 0; done && i < book->free_tier_count; i++) {
        Json *entry = json_object_new_object();
        done = json_append(tiers, entry, err) && json_add_text(entry, "name", book->free_tiers[i].name, err) &&
               document_add_exact(entry, "quantity", book->free_tiers[i].quantity, err) &&
               json_add_text(entry, "allocation", allocation_name(book->free_tiers[i].allocation), err);
    }
    return done;
}

static Json *
book_summary(const PriceBook *book, Err *err)
{
    Json *object = document_price_book(book, err);
    if (object != NULL && json_add_text(object, "title", book->title, err) &&
        json_add_text(object, "currency", book->currency, err))
        return object;
    json_object_put(object);
    return NULL;
}

static bool
print_book_json(const PriceBook *book, Err *err)
{
    Json *object = book_summary(book, err);
    char *rounding = document_rounding(book, err);
    bool done = object != NULL && rounding != NULL && json_add_text(object, "rounding", rounding, err) &&
                json_add_int(object, "granularity_ms", book->granularity_ms, err) && add_meters(object, book, err) &&
                add_free_tiers(object, book, err) && json_print(object, stdout, err);
    free(rounding);
    json_object_put(object);
    return done;
}

/* show prints the book as it is: the file explains itself, sources included. */
static bool
print_book_text(const PriceBook *book)
{
    char hex[DIGEST_HEX_BYTES];
    printf("# %s %s, SHA-256 %s\n", book->name, book->version, digest_hex(&book->digest, hex));
    return fwrite(book->source, 1, book->source_length, stdout) == book->source_length;
}

typedef struct BookOptions {
    bool json;
} BookOptions;

static OptionsResult
parse(const char *command, const char *arguments, const char *summary, size_t least, size_t most, BookOptions *options,
      int argc, char **argv, const char *const **rest)
{
    const Option table[] = {
        {"json", 0, OPTION_FLAG, &options->json, NULL, "print JSON"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {.command = command,
                              .arguments = arguments,
                              .summary = summary,
                              .options = table,
                              .arguments_min = least,
                              .arguments_max = most};
    return options_parse(&line, argc, argv, rest);
}

static int
show_command(int argc, char **argv)
{
    BookOptions options = {0};
    const char *const *names = NULL;
    OptionsResult result = parse("millibill price-book show", "NAME|FILE",
                                 "Print a price book with its digest; with --json as it was understood.", 1, 1,
                                 &options, argc, argv, &names);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    PriceBook *book = price_book_find(names[0], &err);
    if (book != NULL && options.json)
        (void) (print_book_json(book, &err) || err_is_set(&err));
    else if (book != NULL && !print_book_text(book))
        err_set(&err, ERR_IO, "cannot write to standard output");
    price_book_free(&book);
    return err_is_set(&err) ? err_report(&err, "millibill price-book show") : EXIT_SUCCESS;
}

static bool
validate_one(const char *name, Json *results, Err *err)
{
    PriceBook *book = price_book_find(name, err);
    bool valid = book != NULL;
    Json *result = json_object_new_object();
    Err ignored = {0};
    bool told = json_append(results, result, &ignored) && json_add_text(result, "file", name, &ignored) &&
                json_add_bool(result, "valid", valid, &ignored) &&
                json_add_text(result, "message", valid ? NULL : err->message, &ignored);
    if (valid && told) {
        Json *summary = document_price_book(book, err);
        valid = summary != NULL && json_add(result, "price_book", summary, err);
    }
    price_book_free(&book);
    return valid;
}

static int
validate_command(int argc, char **argv)
{
    BookOptions options = {0};
    const char *const *names = NULL;
    OptionsResult parsed = parse("millibill price-book validate", "FILE|NAME…",
                                 "Check price books; each mistake is named with its file, line and remedy.", 1,
                                 SIZE_MAX, &options, argc, argv, &names);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    int status = EXIT_SUCCESS;
    Json *results = json_object_new_array();
    for (size_t i = 0; names[i] != NULL; i++) {
        Err err = {0};
        if (!validate_one(names[i], results, &err))
            status = err_report(&err, "millibill price-book validate");
        else if (!options.json)
            printf("%s: valid\n", names[i]);
    }
    Err err = {0};
    if (options.json && !json_print(results, stdout, &err))
        status = err_report(&err, "millibill price-book validate");
    json_object_put(results);
    return status;
}

static int
is_yaml(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

static bool
list_one(const char *folder, const char *file, Json *results, bool json, Err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s", folder, file) >= (int) sizeof(path))
        return err_set(err, ERR_RANGE, "path %s/%s is too long", folder, file);
    PriceBook *book = price_book_open(path, err);
    if (book == NULL)
        return false;
    Json *summary = book_summary(book, err);
    bool done = summary != NULL && json_append(results, summary, err);
    if (done && !json)
        printf("%-24s %-12s %s  %s\n", book->name, book->version, book->currency,
               book->title == NULL ? "" : book->title);
    price_book_free(&book);
    return done;
}

static bool
list_books(bool json, Err *err)
{
    char folder[PATH_MAX];
    struct dirent **files = NULL;
    if (!share_path("rater/books", "", folder, err))
        return false;
    int count = scandir(folder, &files, is_yaml, alphasort);
    if (count < 0)
        return err_set(err, ERR_IO, "cannot read the folder %s", folder);
    Json *results = json_object_new_array();
    bool done = results != NULL;
    for (int i = 0; i < count; i++) {
        done = done && list_one(folder, files[i]->d_name, results, json, err);
        free(files[i]);
    }
    free(files);
    done = done && (!json || json_print(results, stdout, err));
    json_object_put(results);
    return done;
}

static int
list_command(int argc, char **argv)
{
    BookOptions options = {0};
    OptionsResult result = parse("millibill price-book list", "", "List the price books that ship with millibill.", 0,
                                 0, &options, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return list_books(options.json, &err) ? EXIT_SUCCESS : err_report(&err, "millibill price-book list");
}

int
price_book_command(int argc, char **argv)
{
    static const Command COMMANDS[] = {
        {"list", "the price books that ship with millibill", list_command},
        {"show", "print a price book", show_command},
        {"validate", "check price books", validate_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch("millibill price-book", "Price books: meters, prices, tiers, free tiers, rounding",
                            COMMANDS, argc, argv);
}
