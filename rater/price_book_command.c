/* price-book - list, show, validate, compare and add price books */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/share.h"
#include "rater/book_json.h"
#include "rater/commands.h"
#include "rater/document.h"
#include "rater/price_book.h"
#include "rater/price_book_stored.h"

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
        OPTION_JSON(&options->json),
        OPTION_END,
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
        (void) (book_json_print(book, &err) || err_is_set(&err));
    else if (book != NULL && !print_book_text(book))
        output_failed("to standard output", errno, &err);
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
    Json *summary = book_json_summary(book, err);
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
    bool json = false;
    const char *data = NULL;
    const Option table[] = {
        OPTION_JSON(&json),
        {"data", 'd', OPTION_TEXT, &data, "DIR", "those that this stack has stored, and when they are in force"},
        OPTION_END,
    };
    const CommandLine line = {.command = "millibill price-book list",
                              .arguments = "",
                              .summary =
                                  "List the price books that ship with millibill, or with --data the stored ones.",
                              .options = table};
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    bool done = data == NULL ? list_books(json, &err) : price_book_list_stored(data, json, &err);
    return done ? EXIT_SUCCESS : err_report(&err, "millibill price-book list");
}

int
price_book_command(int argc, char **argv)
{
    static const Command COMMANDS[] = {
        {"list", "the price books that ship with millibill, or those that are stored", list_command},
        {"add", "store a price book and put it in force", price_book_add_command},
        {"show", "print a price book", show_command},
        {"validate", "check price books", validate_command},
        {"diff", "what differs between two price books", price_book_diff_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch("millibill price-book", "Price books: meters, prices, tiers, free tiers, rounding",
                            COMMANDS, argc, argv);
}
