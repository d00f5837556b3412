/* The printed forms of bill_changes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/harmless.h"
#include "rater/bill_changes.h"

enum { CELLS = 6, WIDTH_MAX = 60 };

/** One row of the table, as texts (owned). */
typedef struct Cells {
    char *texts[CELLS];
} Cells;

typedef struct Table {
    Cells *rows;
    size_t count;
    int widths[CELLS];
} Table;

static char *
cell_of(const char *first, const char *second, Err *err)
{
    char *text = NULL;
    if (asprintf(&text, "%s%s", first, second) < 0) {
        err_set(err, ERR_NOMEM, "no memory for a table");
        return NULL;
    }
    return text;
}

/* "USD 1,234.50", or "-". */
static char *
money_cell(const BillSide *side, Err *err)
{
    if (side->total == NULL)
        return cell_of("-", "", err);
    char *grouped = decimal_group_thousands(side->total, err);
    char *spaced = grouped == NULL ? NULL : cell_of(" ", grouped, err);
    char *text = spaced == NULL ? NULL : cell_of(side->currency, spaced, err);
    free(spaced);
    free(grouped);
    return text;
}

/* With a sign: "+1.20". */
static char *
signed_cell(const char *number, const char *unit, Err *err)
{
    if (number == NULL)
        return cell_of("-", "", err);
    char *grouped = decimal_group_thousands(number, err);
    bool above = number[0] != '-' && strpbrk(number, "123456789") != NULL;
    char *with_sign = grouped == NULL ? NULL : cell_of(above ? "+" : "", grouped, err);
    char *text = with_sign == NULL ? NULL : cell_of(with_sign, unit, err);
    free(with_sign);
    free(grouped);
    return text;
}

static bool
row_make(Table *self, const BillChange *change, const char *name, Err *err)
{
    Buffer harmless = {0};
    Cells *row = &self->rows[self->count++];
    if (!text_append_harmless(&harmless, name, err))
        return false;
    row->texts[0] = harmless.data;
    row->texts[1] = cell_of(change->before.what == NULL ? "" : change->before.what, "", err);
    row->texts[2] = money_cell(&change->before, err);
    row->texts[3] = money_cell(&change->after, err);
    row->texts[4] = signed_cell(change->difference, "", err);
    row->texts[5] = signed_cell(change->percent, " %", err);
    for (int i = 0; i < CELLS; i++) {
        if (row->texts[i] == NULL)
            return false;
        int width = (int) strnlen(row->texts[i], WIDTH_MAX);
        self->widths[i] = width > self->widths[i] ? width : self->widths[i];
    }
    return true;
}

static bool
heading_make(Table *self, const char *const headings[CELLS], Err *err)
{
    Cells *row = &self->rows[self->count++];
    for (int i = 0; i < CELLS; i++) {
        row->texts[i] = cell_of(headings[i], "", err);
        if (row->texts[i] == NULL)
            return false;
        self->widths[i] = (int) strlen(headings[i]);
    }
    return true;
}

static void
table_print(const Table *self, FILE *out)
{
    for (size_t r = 0; r < self->count; r++) {
        char *const *texts = self->rows[r].texts;
        fprintf(out, "%-*s  %-*s", self->widths[0], texts[0], self->widths[1], texts[1]);
        for (int i = 2; i < CELLS; i++)
            fprintf(out, "  %*s", self->widths[i], texts[i]);
        fputc('\n', out);
    }
}

static void
table_free(Table *self)
{
    for (size_t r = 0; r < self->count; r++)
        for (int i = 0; i < CELLS; i++)
            free(self->rows[r].texts[i]);
    free(self->rows);
}

bool
bill_change_is_one(const BillChange *change)
{
    return change->difference == NULL || strpbrk(change->difference, "123456789") != NULL;
}

static void
print_reasons(const BillChanges *self, FILE *out)
{
    for (size_t i = 0; i < self->count; i++) {
        Buffer line = {0};
        const BillChange *change = &self->all[i];
        if (change->reason != NULL && line_append_harmless(&line, NULL, "%s: %s", change->tenant, change->reason))
            fputs(line.data, out);
        buffer_free(&line);
    }
}

bool
bill_changes_print(const BillChanges *self, FILE *out, const char *before, const char *after, bool changed_only,
                   Err *err)
{
    Table table = {.rows = calloc(self->count + self->total_count + 1, sizeof(Cells))};
    if (table.rows == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table");
    const char *const headings[CELLS] = {"Tenant", "", before, after, "Difference", ""};
    bool done = heading_make(&table, headings, err);
    for (size_t i = 0; done && i < self->count; i++)
        done = (changed_only && !bill_change_is_one(&self->all[i])) ||
               row_make(&table, &self->all[i], self->all[i].tenant, err);
    for (size_t i = 0; done && i < self->total_count; i++)
        done = row_make(&table, &self->totals[i], "total", err);
    if (done) {
        table_print(&table, out);
        print_reasons(self, out);
    }
    table_free(&table);
    return done;
}

/* ---- JSON ---- */

static bool
side_json(Json *object, const char *key, const BillSide *side, bool whole, Err *err)
{
    if (side->total == NULL)
        return json_add(object, key, NULL, err);
    Json *entry = json_new_object(err);
    return entry != NULL && json_add(object, key, entry, err) &&
           (!whole || (json_add_text(entry, "document", side->what, err) &&
                       json_add_text(entry, "price_book", side->price_book, err))) &&
           json_add_text(entry, "currency", side->currency, err) && json_add_text(entry, "total", side->total, err);
}

static bool
tenant_json(Json *array, const BillChange *change, const char *before, const char *after, Err *err)
{
    Json *entry = json_new_object(err);
    return entry != NULL && json_append(array, entry, err) && json_add_text(entry, "tenant", change->tenant, err) &&
           json_add_text(entry, "account", change->account, err) &&
           side_json(entry, before, &change->before, true, err) && side_json(entry, after, &change->after, true, err) &&
           json_add_text(entry, "difference", change->difference, err) &&
           json_add_text(entry, "percent", change->percent, err) &&
           (change->reason == NULL || json_add_text(entry, "reason", change->reason, err));
}

bool
bill_changes_json(const BillChanges *self, Json *object, const char *before, const char *after, Err *err)
{
    Json *tenants = json_new_array(err);
    Json *totals = json_new_array(err);
    bool done = json_add(object, "tenants", tenants, err) && json_add(object, "totals", totals, err);
    for (size_t i = 0; done && i < self->count; i++)
        done = tenant_json(tenants, &self->all[i], before, after, err);
    for (size_t i = 0; done && i < self->total_count; i++) {
        const BillChange *total = &self->totals[i];
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(totals, entry, err) &&
               json_add_text(entry, "currency", total->before.currency, err) &&
               json_add_text(entry, before, total->before.total, err) &&
               json_add_text(entry, after, total->after.total, err) &&
               json_add_text(entry, "difference", total->difference, err) &&
               json_add_text(entry, "percent", total->percent, err);
    }
    return done;
}
