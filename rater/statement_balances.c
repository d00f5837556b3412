#include "rater/statement_balances.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"

static bool
fail(const char *list, size_t i, const char *key, const char *expected, Err *err)
{
    return err_set(err, ERR_INPUT, "balances: %s[%zu].%s: expected %s", list, i, key, expected);
}

static bool
read_number(Json *object, const char *list, size_t i, const char *key, mpq_t out, Err *err)
{
    Text digits;
    Err ignored = {0};
    Json *member = json_member(object, key);
    if (member == NULL)
        return true; /* 0 */
    return (json_number_text(member, &digits) && decimal_parse(digits, out, &ignored)) ||
           fail(list, i, key, "a decimal", err);
}

static const char *
text_member(Json *object, const char *key)
{
    Json *member = json_member(object, key);
    return member != NULL && json_object_is_type(member, json_type_string) ? json_object_get_string(member) : NULL;
}

static bool
read_kind(const char *name, StatementKind *kind)
{
    for (int i = 0; name != NULL && i < STATEMENT_KIND_COUNT; i++) {
        *kind = (StatementKind) i;
        if (strcmp(statement_kind_name(*kind), name) == 0)
            return true;
    }
    return false;
}

static bool
read_used(StatementBalances *self, Json *object, Err *err)
{
    size_t i = self->used_count;
    StatementUsed *used = &self->used[self->used_count++];
    mpq_t items;
    mpq_inits(used->amount, used->quantity, used->basis, items, NULL);
    used->name = text_member(object, "name");
    bool done = (used->name != NULL || fail("used", i, "name", "the name of an entry of the contract", err)) &&
                (read_kind(text_member(object, "kind"), &used->kind) ||
                 fail("used", i, "kind", "a kind of item, as \"credit\"", err)) &&
                read_number(object, "used", i, "amount", used->amount, err) &&
                read_number(object, "used", i, "quantity", used->quantity, err) &&
                read_number(object, "used", i, "basis", used->basis, err) &&
                read_number(object, "used", i, "items", items, err);
    used->items = mpq_sgn(items) > 0 ? 1 : 0;
    mpq_clear(items);
    return done;
}

static bool
read_adjustment(StatementBalances *self, Json *object, Err *err)
{
    size_t i = self->adjustment_count;
    StatementAdjustment *adjustment = &self->adjustments[self->adjustment_count++];
    mpq_init(adjustment->amount);
    adjustment->name = text_member(object, "name");
    adjustment->description = text_member(object, "description");
    return (adjustment->name != NULL || fail("adjustments", i, "name", "text", err)) &&
           (adjustment->description != NULL || fail("adjustments", i, "description", "text", err)) &&
           read_number(object, "adjustments", i, "amount", adjustment->amount, err);
}

static bool
read_list(Json *root, const char *key, Json **list, size_t *count, Err *err)
{
    *list = json_member(root, key);
    *count = 0;
    if (*list == NULL)
        return true;
    if (!json_object_is_type(*list, json_type_array))
        return err_set(err, ERR_INPUT, "balances: %s: expected a list", key);
    *count = json_object_array_length(*list);
    return true;
}

bool
statement_balances_read(StatementBalances *self, Text text, Err *err)
{
    Json *used = NULL;
    Json *adjustments = NULL;
    size_t used_count = 0;
    size_t adjustment_count = 0;
    *self = (StatementBalances){.json = json_parse(text, err)};
    if (self->json == NULL)
        return err_prefix(err, "balances: ");
    if (!read_list(self->json, "used", &used, &used_count, err) ||
        !read_list(self->json, "adjustments", &adjustments, &adjustment_count, err))
        return false;
    self->used = calloc(used_count + 1, sizeof *self->used);
    self->adjustments = calloc(adjustment_count + 1, sizeof *self->adjustments);
    if (self->used == NULL || self->adjustments == NULL)
        return err_set(err, ERR_NOMEM, "no memory for balances");
    bool done = true;
    for (size_t i = 0; done && i < used_count; i++)
        done = read_used(self, json_object_array_get_idx(used, i), err);
    for (size_t i = 0; done && i < adjustment_count; i++)
        done = read_adjustment(self, json_object_array_get_idx(adjustments, i), err);
    return done;
}

static StatementUsed *
used_of(StatementBalances *self, const StatementUsed *used)
{
    for (size_t i = 0; i < self->used_count; i++)
        if (self->used[i].kind == used->kind && strcmp(self->used[i].name, used->name) == 0)
            return &self->used[i];
    StatementUsed *grown = reallocarray(self->used, self->used_count + 1, sizeof *grown);
    if (grown == NULL)
        return NULL;
    self->used = grown;
    StatementUsed *added = &grown[self->used_count++];
    *added = (StatementUsed){.kind = used->kind, .name = used->name};
    mpq_inits(added->amount, added->quantity, added->basis, NULL);
    return added;
}

bool
statement_balances_add(StatementBalances *self, const StatementUsed *used, size_t count, Err *err)
{
    for (size_t i = 0; i < count; i++) {
        StatementUsed *to = used_of(self, &used[i]);
        if (to == NULL)
            return err_set(err, ERR_NOMEM, "no memory for balances");
        mpq_add(to->amount, to->amount, used[i].amount);
        mpq_add(to->quantity, to->quantity, used[i].quantity);
        mpq_add(to->basis, to->basis, used[i].basis);
        to->items = to->items > 0 || used[i].items > 0;
    }
    return true;
}

void
statement_balances_free(StatementBalances *self)
{
    for (size_t i = 0; i < self->used_count; i++)
        mpq_clears(self->used[i].amount, self->used[i].quantity, self->used[i].basis, NULL);
    for (size_t i = 0; i < self->adjustment_count; i++)
        mpq_clear(self->adjustments[i].amount);
    free(self->used);
    free(self->adjustments);
    json_object_put(self->json);
    *self = (StatementBalances){0};
}
