/* The lines of a document as charges: what was free and what was billed of each, a row for each function where the document says
 * how much of it each function used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/focus.h"

enum { ID_BYTES = 768, DIGITS_BYTES = 24 };

typedef struct Function {
    Json *json;
    const char *region, *architecture, *mode;
    mpq_t invocations, gb_seconds, capacity_gb_seconds;
} Function;

typedef struct Functions {
    Function *all;
    size_t count;
} Functions;

/* ---- functions of the document ---- */

static void
functions_free(Functions *self)
{
    for (size_t i = 0; i < self->count; i++)
        mpq_clears(self->all[i].invocations, self->all[i].gb_seconds, self->all[i].capacity_gb_seconds, NULL);
    free(self->all);
}

static bool
functions_read(Functions *self, Json *document, Err *err)
{
    Json *array = json_member(document, "functions");
    size_t length = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
    self->all = calloc(length + 1, sizeof(*self->all));
    if (self->all == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu functions", length);
    for (; self->count < length; self->count++) {
        Function *function = &self->all[self->count];
        Json *json = json_object_array_get_idx(array, self->count);
        *function = (Function){.json = json,
                               .region = document_member(json, "region"),
                               .architecture = document_member(json, "architecture"),
                               .mode = document_member(json, "mode")};
        mpq_inits(function->invocations, function->gb_seconds, function->capacity_gb_seconds, NULL);
        if (!figure_read(json, "invocations", function->invocations, err) ||
            !figure_read_optional(json, "gb_seconds", function->gb_seconds, err) ||
            !figure_read_optional(json, "capacity_gb_seconds", function->capacity_gb_seconds, err)) {
            mpq_clears(function->invocations, function->gb_seconds, function->capacity_gb_seconds, NULL);
            return err_prefix(err, "function %zu: ", self->count + 1);
        }
    }
    return true;
}

static bool
is_of_line(const Function *function, Json *line)
{
    return strcmp(function->region, document_member(line, "region")) == 0 &&
           strcmp(function->architecture, document_member(line, "architecture")) == 0 &&
           strcmp(function->mode, document_member(line, "mode")) == 0;
}

/* ---- who used a line ---- */

typedef enum Measure { MEASURE_NONE, MEASURE_INVOCATIONS, MEASURE_GB_SECONDS, MEASURE_CAPACITY_GB_SECONDS } Measure;

static mpq_srcptr
measured(const Function *function, Measure measure)
{
    return measure == MEASURE_INVOCATIONS  ? function->invocations
           : measure == MEASURE_GB_SECONDS ? function->gb_seconds
                                           : function->capacity_gb_seconds;
}

static void
functions_sum(const Functions *functions, Json *line, Measure measure, mpq_t out)
{
    mpq_set_ui(out, 0, 1);
    for (size_t i = 0; i < functions->count; i++)
        if (is_of_line(&functions->all[i], line))
            mpq_add(out, out, measured(&functions->all[i], measure));
}

/* What was used of this line's sku in all its tiers. */
static bool
sku_quantity(Json *lines, Json *line, mpq_t out, Err *err)
{
    static const char *const keys[] = {"region", "architecture", "mode", "sku"};
    mpq_t quantity;
    mpq_init(quantity);
    bool done = true;
    for (size_t i = 0; done && i < json_object_array_length(lines); i++) {
        Json *other = json_object_array_get_idx(lines, i);
        bool same = true;
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
            same = same && strcmp(document_member(other, keys[k]), document_member(line, keys[k])) == 0;
        done = !same || figure_read(other, "quantity", quantity, err);
        if (same)
            mpq_add(out, out, quantity);
    }
    mpq_clear(quantity);
    return done;
}

/* Which figure of the functions adds up to what was used, and that sum. Where price books changed inside the period, or a price
 * holds for some functions only, a function's figures do not say which line they fall into. */
static bool
find_measure(Json *document, const Functions *functions, Json *line, Measure *measure, mpq_t sum, Err *err)
{
    mpq_t used;
    *measure = MEASURE_NONE;
    if (json_member(line, "book") != NULL || json_member(line, "price") != NULL)
        return true;
    mpq_init(used);
    bool done = sku_quantity(json_member(document, "lines"), line, used, err);
    for (int each = MEASURE_INVOCATIONS; done && mpq_sgn(used) != 0 && each <= MEASURE_CAPACITY_GB_SECONDS; each++) {
        functions_sum(functions, line, (Measure) each, sum);
        if (*measure == MEASURE_NONE && mpq_equal(used, sum)) {
            *measure = (Measure) each;
            break;
        }
    }
    mpq_clear(used);
    return done;
}

/* ---- a line ---- */

typedef struct Line {
    FocusBill *bill;
    const Functions *functions;
    Json *json;
    FocusRow row; /* what its rows have in common */
    Measure measure;
    mpq_t measured; /* sum over the functions */
    char unit[FOCUS_UNIT_BYTES];
    char id[ID_BYTES];
    char *details;
} Line;

void
focus_unit_name(const char *unit, char out[FOCUS_UNIT_BYTES])
{
    size_t length = (size_t) snprintf(out, FOCUS_UNIT_BYTES - 1, "%s", unit[0] == '\0' ? "unit" : unit);
    bool begins = true;
    if (length > FOCUS_UNIT_BYTES - 2)
        length = FOCUS_UNIT_BYTES - 2;
    for (size_t i = 0; i < length; i++) {
        if (begins && out[i] >= 'a' && out[i] <= 'z' && strcmp(out + i, "ms") != 0)
            out[i] = (char) (out[i] - 'a' + 'A');
        begins = out[i] == '-' || out[i] == ' ';
    }
    bool is_word = length > 2 && out[length - 1] >= 'a' && out[length - 1] <= 'z' && out[length - 1] != 's';
    snprintf(out + length, FOCUS_UNIT_BYTES - length, "%s", is_word ? "s" : "");
}

static bool
describe_price(Line *self, Err *err)
{
    Json *book = json_member(self->bill->json, "price_book");
    Json *details = json_new_object(err);
    const char *model = document_member(self->json, "model");
    bool done = details != NULL && json_add(details, "x_Tier", json_object_get(json_member(self->json, "tier")), err) &&
                (model[0] == '\0' || json_add_text(details, "x_Model", model, err)) &&
                json_add_text(details, "x_PriceBook", document_member(book, "name"), err) &&
                json_add_text(details, "x_PriceBookVersion", document_member(book, "version"), err) &&
                json_add_text(details, "x_PriceBookSha256", document_member(book, "sha256"), err);
    self->details = done ? json_canonical(details, err) : NULL;
    json_object_put(details);
    return self->details != NULL;
}

static bool
line_common(Line *self, size_t number, char digits[DIGITS_BYTES], Err *err)
{
    Json *json = self->json;
    const char **cells = self->row.cells;
    const char *region = document_member(json, "region");
    focus_unit_name(document_member(json, "unit"), self->unit);
    snprintf(digits, DIGITS_BYTES, "%zu", number);
    snprintf(self->id, sizeof(self->id), "%s/%s/%s/%s/%s/%s",
             document_member(json_member(self->bill->json, "price_book"), "name"), region,
             document_member(json, "architecture"), document_member(json, "mode"), document_member(json, "sku"),
             document_member(json, "tier"));
    cells[FOCUS_CHARGE_CATEGORY] = "Usage";
    cells[FOCUS_CHARGE_FREQUENCY] = "Usage-Based";
    cells[FOCUS_PRICING_CATEGORY] = "Standard";
    cells[FOCUS_CHARGE_DESCRIPTION] = cells[FOCUS_SKU_METER] = document_member(json, "description");
    cells[FOCUS_REGION_ID] = cells[FOCUS_REGION_NAME] = region;
    cells[FOCUS_SKU_ID] = document_member(json, "sku");
    cells[FOCUS_SKU_PRICE_ID] = self->id;
    cells[FOCUS_X_LINE] = digits;
    cells[FOCUS_X_ARCHITECTURE] = document_member(json, "architecture");
    cells[FOCUS_X_MODE] = document_member(json, "mode");
    if (!describe_price(self, err))
        return false;
    cells[FOCUS_SKU_PRICE_DETAILS] = self->details;
    return true;
}

/* The part of a line that was free, or that was billed. */
typedef struct Part {
    mpq_t quantity, unit_price, cost;
} Part;

static bool
write_share(Line *self, FocusRow *row, const Part *part, const mpq_t quantity, const mpq_t cost, Err *err)
{
    bool done = focus_priced(self->bill, row, quantity, self->unit, part->unit_price, err) &&
                focus_billed(self->bill, row, cost, err) && focus_figure(row, FOCUS_CONSUMED_QUANTITY, quantity, err);
    row->cells[FOCUS_CONSUMED_UNIT] = self->unit;
    return focus_write(self->bill->file, row, err) && done;
}

static void
name_function(FocusRow *row, const Function *function)
{
    row->cells[FOCUS_RESOURCE_ID] = row->cells[FOCUS_RESOURCE_NAME] = document_member(function->json, "function");
    row->cells[FOCUS_RESOURCE_TYPE] = "Function";
    row->cells[FOCUS_X_MEMORY_MB] = document_member(function->json, "memory_mb");
}

/* What of `whole` belongs to those who measure up to `reached`: exact at the end, so that shares add up. */
static void
share_up_to(const Line *self, const mpq_t whole, const mpq_t reached, mpq_t out)
{
    mpq_mul(out, whole, reached);
    mpq_div(out, out, self->measured);
    if (!mpq_equal(reached, self->measured))
        decimal_round(out, FOCUS_SHARE_SCALE, ROUND_HALF_UP);
}

static bool
write_shares(Line *self, const Part *part, Err *err)
{
    mpq_t reached, quantity, cost, quantity_before, cost_before;
    mpq_inits(reached, quantity, cost, quantity_before, cost_before, NULL);
    bool done = true;
    for (size_t i = 0; done && i < self->functions->count; i++) {
        const Function *function = &self->functions->all[i];
        mpq_srcptr mine = measured(function, self->measure);
        if (!is_of_line(function, self->json) || mpq_sgn(mine) == 0)
            continue;
        FocusRow row = self->row;
        mpq_add(reached, reached, mine);
        share_up_to(self, part->quantity, reached, quantity);
        share_up_to(self, part->cost, reached, cost);
        mpq_sub(quantity_before, quantity, quantity_before);
        mpq_sub(cost_before, cost, cost_before);
        name_function(&row, function);
        done = write_share(self, &row, part, quantity_before, cost_before, err);
        mpq_set(quantity_before, quantity);
        mpq_set(cost_before, cost);
    }
    mpq_clears(reached, quantity, cost, quantity_before, cost_before, NULL);
    return done;
}

static bool
write_part(Line *self, const Part *part, Err *err)
{
    FocusRow row = self->row;
    return self->measure == MEASURE_NONE ? write_share(self, &row, part, part->quantity, part->cost, err)
                                         : write_shares(self, part, err);
}

/* What a line has beside quantity times price: the fee of a tier or package, what a minimum or maximum adds or takes. */
static bool
write_extra(Line *self, const char *category, const char *what, mpq_t amount, Err *err)
{
    char description[ID_BYTES];
    FocusRow row = self->row;
    mpq_t one;
    if (mpq_sgn(amount) == 0)
        return true;
    mpq_init(one);
    mpq_set_ui(one, 1, 1);
    bool purchase = strcmp(category, "Purchase") == 0;
    snprintf(description, sizeof(description), "%s: %s", document_member(self->json, "description"), what);
    row.cells[FOCUS_CHARGE_CATEGORY] = category;
    row.cells[FOCUS_CHARGE_DESCRIPTION] = description;
    row.cells[FOCUS_CHARGE_FREQUENCY] = "Recurring";
    row.cells[FOCUS_PRICING_CATEGORY] = purchase ? "Standard" : NULL;
    bool done = !purchase || focus_priced(self->bill, &row, one, "Units", amount, err);
    mpq_mul(one, amount, self->bill->rate);
    done = done && (purchase ? focus_billed(self->bill, &row, one, err) : focus_all_costs(self->bill, &row, one, err));
    mpq_clear(one);
    return focus_write(self->bill->file, &row, err) && done;
}

static bool
write_parts(Line *self, Err *err)
{
    Part free_part, billed;
    mpq_t fee, adjustment;
    mpq_inits(free_part.quantity, free_part.unit_price, free_part.cost, billed.quantity, billed.unit_price, billed.cost,
              fee, adjustment, NULL);
    bool done = figure_read_optional(self->json, "free_quantity", free_part.quantity, err) &&
                figure_read(self->json, "billed_quantity", billed.quantity, err) &&
                figure_read(self->json, "unit_price", billed.unit_price, err) &&
                figure_read(self->json, "amount", billed.cost, err) &&
                figure_read_optional(self->json, "fee", fee, err) &&
                figure_read_optional(self->json, "adjustment", adjustment, err);
    mpq_sub(billed.cost, billed.cost, fee);
    mpq_sub(billed.cost, billed.cost, adjustment);
    mpq_mul(billed.cost, billed.cost, self->bill->rate);
    done = done && (mpq_sgn(free_part.quantity) == 0 || write_part(self, &free_part, err)) &&
           ((mpq_sgn(billed.quantity) == 0 && mpq_sgn(billed.cost) == 0 && mpq_sgn(free_part.quantity) != 0) ||
            write_part(self, &billed, err)) &&
           write_extra(self, "Purchase", "fee", fee, err) &&
           write_extra(self, "Adjustment", "limit of its price", adjustment, err);
    mpq_clears(free_part.quantity, free_part.unit_price, free_part.cost, billed.quantity, billed.unit_price,
               billed.cost, fee, adjustment, NULL);
    return done;
}

static bool
write_line(FocusBill *bill, const Functions *functions, Json *json, size_t number, Err *err)
{
    char digits[DIGITS_BYTES];
    Line line = {.bill = bill, .functions = functions, .json = json, .row = bill->common};
    mpq_init(line.measured);
    bool done = find_measure(bill->json, functions, json, &line.measure, line.measured, err) &&
                line_common(&line, number, digits, err) && write_parts(&line, err);
    mpq_clear(line.measured);
    free(line.details);
    return done;
}

bool
focus_lines(FocusBill *bill, Err *err)
{
    Functions functions = {0};
    Json *lines = json_member(bill->json, "lines");
    bool done = functions_read(&functions, bill->json, err);
    for (size_t i = 0; done && i < json_object_array_length(lines); i++)
        done = write_line(bill, &functions, json_object_array_get_idx(lines, i), i + 1, err) ||
               err_prefix(err, "line %zu: ", i + 1);
    functions_free(&functions);
    return done;
}
