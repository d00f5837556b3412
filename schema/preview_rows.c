#include "schema/preview_rows.h"

#include <stdlib.h>

#include "lib/decimal.h"

/* Columns of the types in migration 0025, in their order, after the tenant; the first of a line and of a head are filled otherwise. */
typedef enum ColumnType { COLUMN_TEXT, COLUMN_NUMBER, COLUMN_INTEGER } ColumnType;

typedef struct Column {
    const char *member;
    ColumnType type;
    bool needed;
} Column;

static const Column LINE[] = {
    {"region", COLUMN_TEXT, true},
    {"architecture", COLUMN_TEXT, true},
    {"mode", COLUMN_TEXT, true},
    {"sku", COLUMN_TEXT, true},
    {"tier", COLUMN_INTEGER, true},
    {"description", COLUMN_TEXT, true},
    {"quantity", COLUMN_NUMBER, true},
    {"free_quantity", COLUMN_NUMBER, true},
    {"billed_quantity", COLUMN_NUMBER, true},
    {"unit", COLUMN_TEXT, true},
    {"unit_price", COLUMN_NUMBER, true},
    {"amount", COLUMN_NUMBER, true},
    {"amount_exact", COLUMN_NUMBER, true},
};
static const Column FREE_TIER[] = {
    {"name", COLUMN_TEXT, true},   {"unit", COLUMN_TEXT, true},           {"allowance", COLUMN_NUMBER, true},
    {"used", COLUMN_NUMBER, true}, {"account_used", COLUMN_NUMBER, true},
};
static const Column ITEM[] = {
    {"item", COLUMN_INTEGER, true},     {"kind", COLUMN_TEXT, true},        {"name", COLUMN_TEXT, false},
    {"description", COLUMN_TEXT, true}, {"basis", COLUMN_NUMBER, false},    {"rate", COLUMN_NUMBER, false},
    {"share", COLUMN_NUMBER, false},    {"quantity", COLUMN_NUMBER, false}, {"unit", COLUMN_TEXT, false},
    {"left", COLUMN_NUMBER, false},     {"amount", COLUMN_NUMBER, true},    {"amount_exact", COLUMN_NUMBER, true},
};
enum {
    LINE_COLUMNS = sizeof LINE / sizeof *LINE,
    FREE_TIER_COLUMNS = sizeof FREE_TIER / sizeof *FREE_TIER,
    ITEM_COLUMNS = sizeof ITEM / sizeof *ITEM,
    HEAD_COLUMNS = 10,
};

void
preview_rows_free(PreviewRows *self)
{
    for (size_t i = 0; i < PREVIEW_ROWS; i++)
        db_rows_free(&self->of[i]);
}

void
preview_rows_clear(PreviewRows *self)
{
    for (size_t i = 0; i < PREVIEW_ROWS; i++)
        db_rows_clear(&self->of[i]);
}

bool
preview_rows_append(PreviewRows *self, const PreviewRows *more, Err *err)
{
    for (size_t i = 0; i < PREVIEW_ROWS; i++)
        if (!db_rows_append(&self->of[i], &more->of[i], err))
            return false;
    return true;
}

static bool
add_member(DbRows *rows, Json *object, const Column *column, Err *err)
{
    Text text = {0};
    Json *value = json_member(object, column->member);
    if (value == NULL && !column->needed)
        return db_rows_add_text(rows, (Text){0}, err);
    if (column->type == COLUMN_INTEGER && json_object_is_type(value, json_type_int))
        return db_rows_add_integer(rows, json_object_get_int64(value), err);
    bool found =
        value != NULL && (column->type == COLUMN_TEXT ? json_text(value, &text) : json_number_text(value, &text));
    return found && column->type != COLUMN_INTEGER
               ? db_rows_add_text(rows, text, err)
               : err_set(err, ERR_CORRUPT, "a document without '%s' was made", column->member);
}

static bool
add_members(DbRows *rows, Json *object, const Column *columns, size_t count, Err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!add_member(rows, object, &columns[i], err))
            return false;
    return true;
}

/* A row for each object of an array; `with_place`: numbered from 1, and with the price book at the end. */
static bool
take_array(DbRows *rows, int64_t tenant_id, Json *array, const Column *columns, size_t count, bool is_line, Err *err)
{
    const size_t length = array == NULL ? 0 : json_object_array_length(array);
    for (size_t i = 0; i < length; i++) {
        Json *object = json_object_array_get_idx(array, i);
        Json *book = is_line ? json_member(object, "book") : NULL;
        if (!db_rows_begin(rows, (uint32_t) (1 + count + (is_line ? 2 : 0)), err) ||
            !db_rows_add_bigint(rows, tenant_id, err) ||
            (is_line && !db_rows_add_integer(rows, (int64_t) i + 1, err)) ||
            !add_members(rows, object, columns, count, err) ||
            (is_line && !db_rows_add_integer(rows, book == NULL ? 1 : json_object_get_int64(book), err)))
            return false;
    }
    return true;
}

/* Counts are integers, beyond 64 bits decimal texts. */
static bool
add_count(mpz_t sum, Json *count, Err *err)
{
    if (json_object_is_type(count, json_type_int)) {
        mpz_add_ui(sum, sum, json_object_get_uint64(count));
        return true;
    }
    Text text;
    mpq_t value;
    mpq_init(value);
    bool done =
        (json_number_text(count, &text) || err_set(err, ERR_CORRUPT, "a document without 'invocations' was made")) &&
        decimal_parse(text, value, err);
    mpz_add(sum, sum, mpq_numref(value));
    mpq_clear(value);
    return done;
}

static bool
add_invocations(DbRows *rows, Json *functions, Err *err)
{
    const size_t count = functions == NULL ? 0 : json_object_array_length(functions);
    mpz_t sum;
    mpz_init(sum);
    bool done = true;
    for (size_t i = 0; done && i < count; i++)
        done = add_count(sum, json_member(json_object_array_get_idx(functions, i), "invocations"), err);
    char *text = done ? mpz_get_str(NULL, 10, sum) : NULL;
    done = text != NULL && db_rows_add_text(rows, text_of(text), err);
    free(text);
    mpz_clear(sum);
    return done;
}

static bool
add_contract(DbRows *rows, Json *contract, Err *err)
{
    static const Column sha256 = {"sha256", COLUMN_TEXT, true};
    static const Column revision = {"revision", COLUMN_INTEGER, true};
    return contract == NULL ? db_rows_add_text(rows, (Text){0}, err) && db_rows_add_null_integer(rows, err)
                            : add_member(rows, contract, &sha256, err) && add_member(rows, contract, &revision, err);
}

static bool
take_head(DbRows *rows, int64_t tenant_id, Json *document, Text canonical, Err *err)
{
    static const Column account = {"account", COLUMN_TEXT, true};
    static const Column money[] = {
        {"currency", COLUMN_TEXT, true}, {"subtotal", COLUMN_NUMBER, true}, {"total", COLUMN_NUMBER, true}};
    static const Column payable[] = {{"currency", COLUMN_TEXT, false}, {"total", COLUMN_NUMBER, false}};
    return db_rows_begin(rows, 1 + HEAD_COLUMNS, err) && db_rows_add_bigint(rows, tenant_id, err) &&
           db_rows_add_text(rows, canonical, err) &&
           add_member(rows, json_member(document, "invoice"), &account, err) &&
           add_members(rows, document, money, 3, err) &&
           add_invocations(rows, json_member(document, "functions"), err) &&
           add_contract(rows, json_member(document, "contract"), err) &&
           add_members(rows, json_member(document, "payable"), payable, 2, err);
}

bool
preview_rows_take(PreviewRows *self, int64_t tenant_id, Json *document, Text canonical, Err *err)
{
    return take_head(&self->of[PREVIEW_HEADS], tenant_id, document, canonical, err) &&
           take_array(&self->of[PREVIEW_LINES], tenant_id, json_member(document, "lines"), LINE, LINE_COLUMNS, true,
                      err) &&
           take_array(&self->of[PREVIEW_FREE_TIERS], tenant_id, json_member(document, "free_tiers"), FREE_TIER,
                      FREE_TIER_COLUMNS, false, err) &&
           take_array(&self->of[PREVIEW_ITEMS], tenant_id, json_member(document, "statement"), ITEM, ITEM_COLUMNS,
                      false, err);
}
