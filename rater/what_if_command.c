/* rate --what-if: who would pay how much more or less */
#include <stdio.h>

#include "lib/output.h"
#include "rater/commands.h"
#include "rater/document.h"
#include "rater/rate_book.h"
#include "rater/stack.h"
#include "rater/what_if.h"

static const char PROGRAM[] = "millibill rate";

static bool
add_contract(Json *object, const Contract *contract, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    if (contract == NULL)
        return json_add(object, "contract", NULL, err);
    Json *entry = json_new_object(err);
    return entry != NULL && json_add(object, "contract", entry, err) &&
           json_add_text(entry, "name", contract->name, err) &&
           json_add_text(entry, "version", contract->version, err) &&
           json_add_text(entry, "sha256", digest_hex(&contract->digest, hex), err);
}

static bool
print_json(const WhatIf *request, const PriceBook *by, const BillChanges *changes, int64_t watermark, Err *err)
{
    char month[UTC_TEXT_BYTES];
    Json *object = json_new_object(err);
    Json *book = document_price_book(by, err);
    bool done = object != NULL && book != NULL &&
                json_add_text(object, "month", utc_month_format(request->month, month), err) &&
                json_add_int(object, "receipt_watermark", watermark, err) &&
                json_add(object, "price_book", json_object_get(book), err) &&
                add_contract(object, request->contract, err) &&
                json_add_bool(object, "free_tier", request->free_tier, err) &&
                bill_changes_json(changes, object, "billed", "what_if", err) && json_print(object, stdout, err);
    json_object_put(book);
    json_object_put(object);
    return done;
}

static bool
print_text(const WhatIf *request, const PriceBook *by, const BillChanges *changes, Err *err)
{
    char month[UTC_TEXT_BYTES];
    utc_month_format(request->month, month);
    if (changes->count == 0) {
        printf("no usage in %s: nothing to compare\n", month);
        return true;
    }
    printf("%s by %s %s%s", month, by->name, by->version, request->any_book ? "" : ", or the book of its contract");
    if (request->contract != NULL)
        printf(" under contract %s %s", request->contract->name, request->contract->version);
    printf("%s. Nothing is written.\n\n", request->free_tier ? "" : " without the free tier");
    return bill_changes_print(changes, stdout, "Billed", "What if", false, err) && output_flush(err);
}

static bool
ask(Db *db, const WhatIf *request, const PriceBook *by, bool json, Err *err)
{
    BillChanges changes = {0};
    int64_t watermark = 0;
    bool done = what_if(db, request, &changes, &watermark, err) &&
                (json ? print_json(request, by, &changes, watermark, err) : print_text(request, by, &changes, err));
    bill_changes_free(&changes);
    return done;
}

bool
what_if_run(const WhatIfOptions *options, Err *err)
{
    Config config;
    Contract *contract = options->contract_file == NULL ? NULL : contract_open(options->contract_file, err);
    const char *name = options->book_name;
    if (name == NULL)
        name = contract != NULL && contract->price_book != NULL ? contract->price_book : RATER_DEFAULT_BOOK;
    Db *db = err_is_set(err) ? NULL : rater_connect(options->data, &config, PROGRAM, err);
    BookCalendar *calendar = db == NULL ? NULL : book_calendar_new(db, err);
    const PriceBook *book = calendar == NULL ? NULL : rate_book(calendar, name, options->month, err);
    const WhatIf request = {.month = options->month,
                            .tenant = options->tenant,
                            .calendar = calendar,
                            .price_book = name,
                            .any_book = options->book_name != NULL || contract != NULL,
                            .in_force = RATER_DEFAULT_BOOK,
                            .contract = contract,
                            .free_tier = options->free_tier};
    bool done = book != NULL && (contract == NULL || contract_fits(contract, book, err)) &&
                ask(db, &request, book, options->json, err);
    book_calendar_free(&calendar);
    db_free(&db);
    contract_free(&contract);
    return done;
}
