#include "reports/alternative_functions.h"

#include <stdlib.h>
#include <string.h>

#include "reports/figures.h"
#include "reports/savings_terms.h"

static const char *const KEYS[] = {"price_book", "architecture", "memory", NULL};

/* ---- reading ---- */

MUST_CHECK bool
alternative_functions_read(const YamlNode *root, Alternative *self, Err *err)
{
    const YamlNode *node = yaml_get(root, "functions");
    if (node == NULL)
        return true;
    if (self->items.count > 0 || self->fleet != NULL)
        return yaml_fail(node, "functions", err, "stands alone: leave out what costs something else");
    AlternativeFunctions *functions = self->functions = calloc(1, sizeof(*functions));
    if (functions == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an alternative");
    if (!yaml_keys_check(node, "functions", KEYS, err) ||
        !yaml_optional_string(node, "price_book", &functions->price_book, err) ||
        !yaml_optional_string(node, "architecture", &functions->architecture, err))
        return false;
    const char *architecture = functions->architecture;
    if (architecture != NULL && strcmp(architecture, "x86_64") != 0 && strcmp(architecture, "arm64") != 0)
        return yaml_fail(yaml_get(node, "architecture"), "architecture", err, "expected x86_64 or arm64");
    const YamlNode *memory = yaml_get(node, "memory");
    functions->right_size = memory != NULL && text_is(yaml_text(memory), "right_size");
    if (memory != NULL && !functions->right_size && !text_is(yaml_text(memory), "as_is"))
        return yaml_fail(memory, "memory", err, "expected right_size or as_is");
    if (functions->price_book == NULL && architecture == NULL && !functions->right_size)
        return yaml_fail(node, "functions", err, "changes nothing; give price_book, architecture or memory");
    return true;
}

void
alternative_functions_free(AlternativeFunctions **self)
{
    if (*self == NULL)
        return;
    free((*self)->price_book);
    free((*self)->architecture);
    free((*self)->documents);
    json_object_put((*self)->answer);
    free(*self);
    *self = NULL;
}

/* ---- what the rater is asked ---- */

int64_t
usage_size_right(const UsageSize *size)
{
    int64_t least = size->used_mb_max > MEMORY_MB_LEAST ? size->used_mb_max : MEMORY_MB_LEAST;
    return size->measured > 0 && least < size->memory_mb ? least : size->memory_mb;
}

static bool
add_memory(const SavingsUsage *usage, Json *object, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < usage->count; i++) {
        const UsageFunction *function = &usage->functions[i];
        for (size_t s = 0; done && s < function->size_count; s++) {
            const UsageSize *size = &function->sizes[s];
            if (usage_size_right(size) == size->memory_mb)
                continue;
            Json *entry = json_new_object(err);
            bool made = entry != NULL && json_add_text(entry, "tenant", function->tenant, err) &&
                        json_add_text(entry, "function", function->name, err) &&
                        json_add_int(entry, "memory_mb", size->memory_mb, err) &&
                        json_add_int(entry, "as_mb", usage_size_right(size), err);
            done = json_adopt_item(array, entry, made, err);
        }
    }
    return json_adopt(object, "memory", array, done, err);
}

MUST_CHECK Json *
alternative_functions_supposed(const AlternativeFunctions *self, const SavingsUsage *usage, Err *err)
{
    Json *object = json_new_object(err);
    if (object != NULL && json_add_bool(object, "any_book", self->price_book != NULL, err) &&
        json_add_text(object, "architecture", self->architecture, err) &&
        (!self->right_size || add_memory(usage, object, err)))
        return object;
    json_object_put(object);
    return NULL;
}

/* The memory size that a row of this function and size should have. */
static int64_t
right_size_of(const SavingsUsage *usage, Json *row, int64_t memory_mb)
{
    Text name;
    Text tenant;
    if (!json_text(json_member(row, "function"), &name))
        return memory_mb;
    if (!json_text(json_member(row, "tenant"), &tenant))
        tenant = TEXT_LITERAL(SAVINGS_TENANT_DEFAULT);
    const UsageFunction *function = savings_usage_find(usage, tenant, name);
    for (size_t i = 0; function != NULL && i < function->size_count; i++)
        if (function->sizes[i].memory_mb == memory_mb)
            return usage_size_right(&function->sizes[i]);
    return memory_mb;
}

MUST_CHECK bool
alternative_functions_change(const AlternativeFunctions *self, const SavingsUsage *usage, Json *row, Err *err)
{
    if (self->architecture != NULL && !json_add_text(row, "architecture", self->architecture, err))
        return false;
    Json *memory = json_member(row, "memory_mb");
    if (!self->right_size || !json_object_is_type(memory, json_type_int))
        return true;
    return json_add_int(row, "memory_mb", right_size_of(usage, row, json_object_get_int64(memory)), err);
}

/* ---- what it answers ---- */

MUST_CHECK Json **
rater_documents(Json *answer, const char *account, size_t *count, Err *err)
{
    Json *documents = json_member(answer, "invoices");
    if (documents == NULL)
        documents = answer;
    bool many = json_object_is_type(documents, json_type_array);
    size_t all = many ? json_object_array_length(documents) : 1;
    *count = 0;
    Json **out = calloc(all + 1, sizeof(*out));
    if (out == NULL)
        err_set(err, ERR_NOMEM, "no memory for %zu documents", all);
    for (size_t i = 0; out != NULL && i < all; i++) {
        Text name;
        Json *document = many ? json_object_array_get_idx(documents, i) : documents;
        if (account == NULL ||
            (json_text(json_member(json_member(document, "invoice"), "account"), &name) && text_is(name, account)))
            out[(*count)++] = document;
    }
    return out;
}

static bool
add_rated(CostItems *items, const char *what, const mpq_t printed, const mpq_t exact, Err *err)
{
    CostItem *item = cost_items_add(items, COST_INSTANCES, what, "month", err);
    if (item == NULL)
        return false;
    mpq_set_ui(item->quantity, 1, 1);
    mpq_set(item->unit_price, exact);
    mpq_set(item->printed, printed);
    item->rated = true;
    return true;
}

/* Lines of one description together: what a reader compares is requests with requests. */
static bool
add_line(CostItems *items, Json *line, Err *err)
{
    Text what;
    mpq_t printed;
    mpq_t exact;
    if (!json_text(json_member(line, "description"), &what))
        return err_set(err, ERR_INPUT, "a line of the rater's answer has no description");
    mpq_inits(printed, exact, NULL);
    bool done = figure_read_optional(line, "quantity", printed, err);
    bool used = mpq_sgn(printed) != 0;
    done = done && figure_read(line, "amount", printed, err) && figure_read(line, "amount_exact", exact, err);
    used = used || mpq_sgn(exact) != 0;
    CostItem *same = NULL;
    for (size_t i = 0; i < items->count; i++)
        if (text_is(what, items->items[i].what))
            same = &items->items[i];
    if (done && same != NULL) {
        mpq_add(same->printed, same->printed, printed);
        mpq_add(same->unit_price, same->unit_price, exact);
    } else if (done && used) {
        char *name = text_duplicate(what);
        done = name != NULL ? add_rated(items, name, printed, exact, err)
                            : err_set(err, ERR_NOMEM, "no memory for an alternative");
        free(name);
    }
    mpq_clears(printed, exact, NULL);
    return done;
}

static bool
add_term(void *context, Json *item, bool compared, Err *err)
{
    mpq_t printed;
    mpq_t exact;
    const char *what = json_object_get_string(json_member(item, "description"));
    if (!compared || what == NULL)
        return true;
    mpq_inits(printed, exact, NULL);
    bool done = figure_read(item, "amount", printed, err) && figure_read(item, "amount_exact", exact, err) &&
                (mpq_sgn(printed) == 0 || add_rated(context, what, printed, exact, err));
    mpq_clears(printed, exact, NULL);
    return done;
}

/* What a contract makes of the lines, or a book that rounds their sum. */
static bool
add_rest(CostItems *items, Json *document, Err *err)
{
    mpq_t total;
    mpq_t subtotal;
    if (json_member(document, "statement") != NULL)
        return savings_terms_visit(document, add_term, items, err);
    mpq_inits(total, subtotal, NULL);
    bool done = figure_read(document, "total", total, err) && figure_read(document, "subtotal", subtotal, err);
    mpq_sub(total, total, subtotal);
    if (done && mpq_sgn(total) != 0)
        done = add_rated(items, "rounding", total, total, err);
    mpq_clears(total, subtotal, NULL);
    return done;
}

static bool
add_document(Alternative *self, Json *document, Err *err)
{
    Text currency;
    Json *lines = json_member(document, "lines");
    if (!json_text(json_member(document, "currency"), &currency) || !json_object_is_type(lines, json_type_array))
        return err_set(err, ERR_INPUT, "the rater's answer has no 'currency' or no 'lines'");
    char *copy = text_duplicate(currency);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an alternative");
    free(self->currency);
    self->currency = copy;
    for (size_t i = 0; i < json_object_array_length(lines); i++)
        if (!add_line(&self->items, json_object_array_get_idx(lines, i), err))
            return false;
    return add_rest(&self->items, document, err);
}

MUST_CHECK bool
alternative_functions_take(Alternative *self, Json *answer, const char *account, Err *err)
{
    AlternativeFunctions *functions = self->functions;
    functions->answer = answer;
    functions->documents = rater_documents(answer, account, &functions->document_count, err);
    bool done = functions->documents != NULL;
    for (size_t i = 0; done && i < functions->document_count; i++)
        done = add_document(self, functions->documents[i], err);
    return done || err_prefix(err, "alternative '%s': ", self->name);
}
