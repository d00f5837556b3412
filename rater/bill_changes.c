#include "rater/bill_changes.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"

enum { FRACTION_MAX = 40 };

static bool
copy(char **to, const char *from, Err *err)
{
    char *made = from == NULL ? NULL : strdup(from);
    if (from != NULL && made == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a comparison of bills");
    free(*to);
    *to = made;
    return true;
}

static void
side_free(BillSide *side)
{
    free(side->what);
    free(side->price_book);
    free(side->currency);
    free(side->total);
}

static void
change_free(BillChange *change)
{
    free(change->tenant);
    free(change->account);
    side_free(&change->before);
    side_free(&change->after);
    free(change->reason);
    free(change->difference);
    free(change->percent);
}

void
bill_changes_free(BillChanges *self)
{
    for (size_t i = 0; i < self->count; i++)
        change_free(&self->all[i]);
    for (size_t i = 0; i < self->total_count; i++)
        change_free(&self->totals[i]);
    free(self->all);
    free(self->totals);
    *self = (BillChanges){0};
}

/* ---- collecting ---- */

static int
compare_tenants(const void *left, const void *right)
{
    return strcmp(((const BillChange *) left)->tenant, ((const BillChange *) right)->tenant);
}

/* Tenants come in runs that are each in order: the last few are looked through, the others found. */
BillChange *
bill_changes_find(BillChanges *self, const char *tenant)
{
    const BillChange key = {.tenant = (char *) (uintptr_t) tenant};
    BillChange *found = self->sorted == 0 ? NULL : bsearch(&key, self->all, self->sorted, sizeof key, compare_tenants);
    for (size_t i = self->sorted; found == NULL && i < self->count; i++)
        if (strcmp(self->all[i].tenant, tenant) == 0)
            found = &self->all[i];
    return found;
}

static void
keep_sorted(BillChanges *self)
{
    enum { UNSORTED_MAX = 64 };
    bool next = self->sorted + 1 == self->count &&
                (self->sorted == 0 || compare_tenants(&self->all[self->sorted - 1], &self->all[self->sorted]) < 0);
    if (!next && self->count - self->sorted < UNSORTED_MAX + self->sorted / UNSORTED_MAX)
        return;
    if (!next)
        qsort(self->all, self->count, sizeof *self->all, compare_tenants);
    self->sorted = self->count;
}

BillChange *
bill_changes_of(BillChanges *self, const char *tenant, const char *account, Err *err)
{
    BillChange *found = bill_changes_find(self, tenant);
    if (found != NULL)
        return found;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return NULL;
    self->all[self->count] = (BillChange){0};
    found = &self->all[self->count++];
    if (!copy(&found->tenant, tenant, err) || !copy(&found->account, account, err)) {
        change_free(found);
        self->count--;
        return NULL;
    }
    keep_sorted(self);
    return bill_changes_find(self, tenant);
}

bool
bill_side_set(BillSide *side, const char *what, const char *price_book, const char *currency, const char *total,
              Err *err)
{
    return copy(&side->what, what, err) && copy(&side->price_book, price_book, err) &&
           copy(&side->currency, currency, err) && copy(&side->total, total, err);
}

bool
bill_changes_skip(BillChanges *self, const char *account, const char *reason, Err *err)
{
    bool known = false;
    for (size_t i = 0; i < self->count; i++) {
        BillChange *change = &self->all[i];
        if (strcmp(change->account, account) != 0)
            continue;
        known = true;
        if (change->after.total == NULL && !copy(&change->reason, reason, err))
            return false;
    }
    BillChange *added = known ? NULL : bill_changes_of(self, account, account, err);
    return known || (added != NULL && copy(&added->reason, reason, err));
}

/* ---- differences ---- */

static int
fraction_digits(const char *number)
{
    const char *point = strchr(number, '.');
    size_t digits = point == NULL ? 0 : strlen(point + 1);
    return digits > FRACTION_MAX ? FRACTION_MAX : (int) digits;
}

/* Both amounts as numbers, nothing counting as 0. False: they cannot be compared. */
static bool
amounts(const BillChange *change, mpq_t before, mpq_t after, Err *err)
{
    const BillSide *old = &change->before;
    const BillSide *new = &change->after;
    mpq_set_ui(before, 0, 1);
    mpq_set_ui(after, 0, 1);
    if (change->reason != NULL || (old->total == NULL && new->total == NULL) ||
        (old->total != NULL && new->total != NULL &&strcmp(old->currency, new->currency) != 0))
        return false;
    return (old->total == NULL || decimal_parse(text_of(old->total), before, err)) &&
           (new->total == NULL || decimal_parse(text_of(new->total), after, err));
}

static bool
set_difference(BillChange *change, mpq_t before, mpq_t after, Err *err)
{
    const char *old = change->before.total == NULL ? "0" : change->before.total;
    const char *new = change->after.total == NULL ? "0" : change->after.total;
    int scale = fraction_digits(old) > fraction_digits(new) ? fraction_digits(old) : fraction_digits(new);
    mpq_t difference;
    mpq_init(difference);
    mpq_sub(difference, after, before);
    change->difference = decimal_format(difference, scale, ROUND_HALF_UP, err);
    if (change->difference != NULL && mpq_sgn(before) != 0) {
        mpq_t whole;
        mpq_init(whole);
        mpq_abs(whole, before);
        mpq_div(difference, difference, whole);
        mpq_set_ui(whole, 100, 1);
        mpq_mul(difference, difference, whole);
        change->percent = decimal_format(difference, 1, ROUND_HALF_UP, err);
        mpq_clear(whole);
    }
    mpq_clear(difference);
    return !err_is_set(err);
}

static BillChange *
total_of(BillChanges *self, const char *currency, Err *err)
{
    size_t at = 0;
    while (at < self->total_count && strcmp(self->totals[at].before.currency, currency) < 0)
        at++;
    if (at < self->total_count && strcmp(self->totals[at].before.currency, currency) == 0)
        return &self->totals[at];
    if (!array_grow(&self->totals, &self->total_capacity, self->total_count, sizeof *self->totals, err))
        return NULL;
    memmove(&self->totals[at + 1], &self->totals[at], (self->total_count - at) * sizeof *self->totals);
    self->totals[at] = (BillChange){0};
    self->total_count++;
    return bill_side_set(&self->totals[at].before, NULL, NULL, currency, "0", err) &&
                   bill_side_set(&self->totals[at].after, NULL, NULL, currency, "0", err)
               ? &self->totals[at]
               : NULL;
}

static bool
add_to(BillSide *total, const BillSide *side, Err *err)
{
    if (side->total == NULL)
        return true;
    mpq_t sum, more;
    mpq_inits(sum, more, NULL);
    bool done = decimal_parse(text_of(total->total), sum, err) && decimal_parse(text_of(side->total), more, err);
    int scale = fraction_digits(total->total) > fraction_digits(side->total) ? fraction_digits(total->total)
                                                                             : fraction_digits(side->total);
    mpq_add(sum, sum, more);
    char *text = done ? decimal_format(sum, scale, ROUND_HALF_UP, err) : NULL;
    if (text != NULL) {
        free(total->total);
        total->total = text;
    }
    mpq_clears(sum, more, NULL);
    return text != NULL;
}

static bool
change_finish(BillChanges *self, BillChange *change, mpq_t before, mpq_t after, Err *err)
{
    if (!amounts(change, before, after, err))
        return !err_is_set(err);
    const BillSide *side = change->before.total != NULL ? &change->before : &change->after;
    BillChange *total = total_of(self, side->currency, err);
    return total != NULL && set_difference(change, before, after, err) &&
           add_to(&total->before, &change->before, err) && add_to(&total->after, &change->after, err);
}

static int
compare_differences(const void *left, const void *right)
{
    const BillChange *a = left;
    const BillChange *b = right;
    int order = (a->difference == NULL) - (b->difference == NULL);
    if (order == 0 && a->difference != NULL) {
        mpq_t first, second;
        Err ignored = {0};
        mpq_inits(first, second, NULL);
        if (decimal_parse(text_of(a->difference), first, &ignored) &&
            decimal_parse(text_of(b->difference), second, &ignored))
            order = mpq_cmp(second, first);
        mpq_clears(first, second, NULL);
    }
    return order != 0 ? order : compare_tenants(left, right);
}

bool
bill_changes_finish(BillChanges *self, Err *err)
{
    bool done = true;
    mpq_t before, after;
    mpq_inits(before, after, NULL);
    for (size_t i = 0; done && i < self->count; i++)
        done = change_finish(self, &self->all[i], before, after, err);
    for (size_t i = 0; done && i < self->total_count; i++)
        done = amounts(&self->totals[i], before, after, err) && set_difference(&self->totals[i], before, after, err);
    mpq_clears(before, after, NULL);
    if (done && self->count > 0)
        qsort(self->all, self->count, sizeof *self->all, compare_differences);
    self->sorted = 0;
    return done;
}
