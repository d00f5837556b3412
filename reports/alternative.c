#include "reports/alternative.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/yaml.h"
#include "reports/alternative_fleet.h"
#include "reports/alternative_functions.h"
#include "reports/yaml_number.h"

enum { HOURS_OF_A_MONTH = 730, MONTHS_MAX = 120, ITEMS_MAX = 256 };

/* The sections of items: their key, what they count as, and the keys that an item may have. */
static const char *const INSTANCE_KEYS[] = {"what",      "count",       "hourly", "monthly", "hours", "vcpu",
                                            "memory_gb", "concurrency", "low",    "high",    NULL};
static const char *const AROUND_KEYS[] = {"what", "monthly", "quantity", "unit", "unit_price", "low", "high", NULL};
static const char *const PEOPLE_KEYS[] = {"what", "monthly", "hours", "hourly", "low", "high", NULL};
static const char *const ONE_TIME_KEYS[] = {"what", "amount", "low", "high", NULL};
static const char *const PER_MILLION_KEYS[] = {"what", "price", NULL};
static const char *const ROOT_KEYS[] = {"name",       "currency", "months",    "instances",  "load_balancer",
                                        "database",   "storage",  "other",     "operations", "one_time",
                                        "serverless", "fleet",    "functions", NULL};
static const char *const SERVERLESS_KEYS[] = {"per_million_requests", "monthly", "operations", NULL};

typedef bool (*ReadItem)(const YamlNode *node, int64_t months, CostItem *item, Err *err);

static void
item_init(CostItem *item)
{
    memset(item, 0, sizeof(*item));
    mpq_inits(item->quantity, item->unit_price, item->each_hours, item->hours, item->slots, item->places,
              item->memory_gb, item->low, item->high, item->printed, NULL);
}

static void
item_clear(CostItem *item)
{
    free(item->what);
    free(item->unit);
    mpq_clears(item->quantity, item->unit_price, item->each_hours, item->hours, item->slots, item->places,
               item->memory_gb, item->low, item->high, item->printed, NULL);
}

static void
items_clear(CostItems *items)
{
    for (size_t i = 0; i < items->count; i++)
        item_clear(&items->items[i]);
    free(items->items);
}

static bool
set_text(char **out, const char *text, Err *err)
{
    free(*out);
    *out = text_duplicate(text_of(text));
    return *out != NULL || err_set(err, ERR_NOMEM, "no memory for an alternative");
}

/* The name of the item: its `what`, else the section's own name. */
static bool
read_what(const YamlNode *node, const char *otherwise, CostItem *item, Err *err)
{
    if (!yaml_optional_string(node, "what", &item->what, err))
        return false;
    if (item->what == NULL)
        return set_text(&item->what, otherwise, err);
    if (item->what[0] == '\0' || !text_is_clean_utf8(text_of(item->what)))
        return yaml_fail(yaml_get(node, "what"), "what", err, "should be a name without control characters");
    return true;
}

/* Exactly one of two keys has to stand there. */
static bool
one_of(const YamlNode *node, const char *first, const char *second, Err *err)
{
    if ((yaml_get(node, first) == NULL) == (yaml_get(node, second) == NULL))
        return yaml_fail(node, first, err, "give either '%s' or '%s'", first, second);
    return true;
}

/* Hours, places and memory of an instance item once its count and hours are known. */
static bool
read_capacity(const YamlNode *node, const mpq_t count, CostItem *item, Err *err)
{
    mpq_t number;
    mpq_init(number);
    mpq_set_ui(number, 1, 1);
    bool done = yaml_positive(node, "concurrency", number, err);
    mpq_mul(item->slots, count, number);
    mpq_mul(item->places, item->hours, number);
    mpq_set_ui(number, 0, 1);
    done = done && yaml_positive(node, "vcpu", number, err);
    mpq_set_ui(number, 0, 1);
    done = done && yaml_positive(node, "memory_gb", number, err);
    mpq_mul(item->memory_gb, number, count);
    mpq_clear(number);
    return done;
}

static bool
read_instance(const YamlNode *node, int64_t months, CostItem *item, Err *err)
{
    (void) months;
    item->kind = COST_INSTANCES;
    mpq_t count;
    mpq_init(count);
    mpq_set_ui(count, 1, 1);
    mpq_set_ui(item->each_hours, HOURS_OF_A_MONTH, 1);
    bool hourly = yaml_get(node, "hourly") != NULL;
    bool done = read_what(node, "instance", item, err) && one_of(node, "hourly", "monthly", err) &&
                yaml_positive(node, "count", count, err) && yaml_positive(node, "hours", item->each_hours, err) &&
                yaml_number(node, hourly ? "hourly" : "monthly", item->unit_price, NULL, err);
    mpq_mul(item->hours, item->each_hours, count);
    mpq_set(item->quantity, hourly ? item->hours : count);
    done = done && set_text(&item->unit, hourly ? "hour" : "month", err) && read_capacity(node, count, item, err);
    mpq_clear(count);
    return done;
}

static bool
read_around(const YamlNode *node, int64_t months, CostItem *item, Err *err)
{
    (void) months;
    item->kind = COST_AROUND;
    if (!read_what(node, "monthly cost", item, err) || !one_of(node, "monthly", "unit_price", err))
        return false;
    mpq_set_ui(item->quantity, 1, 1);
    if (yaml_get(node, "monthly") != NULL) {
        if (yaml_get(node, "quantity") != NULL)
            return yaml_fail(node, "monthly", err, "goes without 'quantity'; give 'unit_price' for a price per unit");
        return yaml_number(node, "monthly", item->unit_price, NULL, err) && set_text(&item->unit, "month", err);
    }
    return set_text(&item->unit, "unit", err) && yaml_optional_string(node, "unit", &item->unit, err) &&
           yaml_number(node, "quantity", item->quantity, NULL, err) &&
           yaml_number(node, "unit_price", item->unit_price, NULL, err);
}

static bool
read_people(const YamlNode *node, int64_t months, CostItem *item, Err *err)
{
    (void) months;
    item->kind = COST_PEOPLE;
    if (!read_what(node, "operations", item, err) || !one_of(node, "monthly", "hourly", err))
        return false;
    mpq_set_ui(item->quantity, 1, 1);
    if (yaml_get(node, "monthly") != NULL)
        return yaml_number(node, "monthly", item->unit_price, NULL, err) && set_text(&item->unit, "month", err);
    return yaml_number(node, "hours", item->quantity, NULL, err) &&
           yaml_number(node, "hourly", item->unit_price, NULL, err) && set_text(&item->unit, "hour", err);
}

static bool
read_one_time(const YamlNode *node, int64_t months, CostItem *item, Err *err)
{
    item->kind = COST_PEOPLE;
    mpq_set_si(item->quantity, 1, (unsigned long) months);
    return read_what(node, "one-time cost", item, err) && yaml_number(node, "amount", item->unit_price, NULL, err) &&
           set_text(&item->unit, months == 1 ? "once" : "once, spread over the months", err);
}

static bool
read_per_million(const YamlNode *node, int64_t months, CostItem *item, Err *err)
{
    (void) months;
    item->kind = COST_AROUND;
    item->per_invocations = true;
    return read_what(node, "gateway", item, err) && yaml_number(node, "price", item->unit_price, NULL, err) &&
           set_text(&item->unit, "million requests", err);
}

typedef struct Section {
    const char *key;
    const char *title; /* of an item without a name of its own; NULL: what `read` calls it */
    ReadItem read;
    const char *const *keys;
} Section;

static const Section SECTIONS[] = {
    {"instances", NULL, read_instance, INSTANCE_KEYS},  {"load_balancer", "load balancer", read_around, AROUND_KEYS},
    {"database", "database", read_around, AROUND_KEYS}, {"storage", "storage", read_around, AROUND_KEYS},
    {"other", NULL, read_around, AROUND_KEYS},          {"operations", NULL, read_people, PEOPLE_KEYS},
    {"one_time", NULL, read_one_time, ONE_TIME_KEYS},
};
static const Section EXTRA_SECTIONS[] = {
    {"per_million_requests", NULL, read_per_million, PER_MILLION_KEYS},
    {"monthly", NULL, read_around, AROUND_KEYS},
    {"operations", NULL, read_people, PEOPLE_KEYS},
};
enum {
    SECTION_COUNT = sizeof(SECTIONS) / sizeof(SECTIONS[0]),
    EXTRA_SECTION_COUNT = sizeof(EXTRA_SECTIONS) / sizeof(EXTRA_SECTIONS[0])
};

/* The ends of what it may cost instead: `low` and `high`, prices like the item's own. */
static bool
read_range(const YamlNode *node, CostItem *item, Err *err)
{
    bool has_low = false;
    bool has_high = false;
    mpq_set(item->low, item->unit_price);
    mpq_set(item->high, item->unit_price);
    if (!yaml_number(node, "low", item->low, &has_low, err) || !yaml_number(node, "high", item->high, &has_high, err))
        return false;
    if (mpq_cmp(item->low, item->unit_price) > 0)
        return yaml_fail(yaml_get(node, "low"), "low", err, "is above the price itself");
    if (mpq_cmp(item->high, item->unit_price) < 0)
        return yaml_fail(yaml_get(node, "high"), "high", err, "is below the price itself");
    item->has_range = has_low || has_high;
    mpq_mul(item->low, item->low, item->quantity);
    mpq_mul(item->high, item->high, item->quantity);
    return true;
}

static CostItem *
add_item(CostItems *items, Err *err)
{
    if (items->count == ITEMS_MAX) {
        err_set(err, ERR_RANGE, "more than %d costs", ITEMS_MAX);
        return NULL;
    }
    CostItem *grown = reallocarray(items->items, items->count + 1, sizeof(*grown));
    if (grown == NULL) {
        err_set(err, ERR_NOMEM, "no memory for an alternative");
        return NULL;
    }
    items->items = grown;
    item_init(&grown[items->count]);
    return &grown[items->count++];
}

MUST_CHECK CostItem *
cost_items_add(CostItems *items, CostKind kind, const char *what, const char *unit, Err *err)
{
    CostItem *item = add_item(items, err);
    if (item == NULL || !set_text(&item->what, what, err) || !set_text(&item->unit, unit, err))
        return NULL;
    item->kind = kind;
    return item;
}

static bool
read_item(const YamlNode *node, const Section *section, int64_t months, CostItems *items, Err *err)
{
    if (!yaml_keys_check(node, section->key, section->keys, err))
        return false;
    CostItem *item = add_item(items, err);
    if (item == NULL)
        return yaml_fail(node, section->key, err, "cannot be read");
    if (!section->read(node, months, item, err) || !read_range(node, item, err))
        return false;
    return section->title == NULL || yaml_get(node, "what") != NULL || set_text(&item->what, section->title, err);
}

/* A section holds one item or a list of them. */
static bool
read_section(const YamlNode *root, const Section *section, int64_t months, CostItems *items, Err *err)
{
    const YamlNode *node = yaml_get(root, section->key);
    if (node == NULL)
        return true;
    if (!yaml_is_sequence(node))
        return read_item(node, section, months, items, err);
    for (size_t i = 0; i < yaml_count(node); i++)
        if (!read_item(yaml_item(node, i), section, months, items, err))
            return false;
    return true;
}

static bool
read_extras(const YamlNode *root, Alternative *self, Err *err)
{
    const YamlNode *node = yaml_get(root, "serverless");
    self->has_extras = node != NULL;
    if (node == NULL)
        return true;
    if (!yaml_keys_check(node, "serverless", SERVERLESS_KEYS, err))
        return false;
    for (size_t i = 0; i < EXTRA_SECTION_COUNT; i++)
        if (!read_section(node, &EXTRA_SECTIONS[i], self->months, &self->extras, err))
            return false;
    return true;
}

static bool
read_head(const YamlNode *root, Alternative *self, Err *err)
{
    self->months = 1;
    if (!yaml_keys_check(root, "alternative", ROOT_KEYS, err) || !yaml_require_string(root, "name", &self->name, err) ||
        !set_text(&self->currency, "USD", err) || !yaml_optional_string(root, "currency", &self->currency, err) ||
        !yaml_optional_i64(root, "months", 1, MONTHS_MAX, &self->months, err))
        return false;
    if (self->name[0] == '\0' || !text_is_clean_utf8(text_of(self->name)))
        return yaml_fail(yaml_get(root, "name"), "name", err, "should be a name without control characters");
    if (strlen(self->currency) != 3 || strspn(self->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return yaml_fail(yaml_get(root, "currency"), "currency", err, "should be an ISO 4217 code such as USD");
    if (yaml_get(root, "one_time") != NULL && yaml_get(root, "months") == NULL)
        return yaml_fail(yaml_get(root, "one_time"), "one_time", err,
                         "needs 'months', the number of months to spread it over (such as 12)");
    return true;
}

static bool
read_alternative(const YamlNode *root, Alternative *self, Err *err)
{
    if (!read_head(root, self, err))
        return false;
    for (size_t i = 0; i < SECTION_COUNT; i++)
        if (!read_section(root, &SECTIONS[i], self->months, &self->items, err))
            return false;
    if (!alternative_fleet_read(root, self, err) || !alternative_functions_read(root, self, err))
        return false;
    if (self->items.count == 0 && self->fleet == NULL && self->functions == NULL)
        return yaml_fail(root, "alternative", err, "has no cost; give 'instances' or another section");
    return read_extras(root, self, err);
}

static Alternative *
alternative_read(Yaml *yaml, Err *err)
{
    if (yaml == NULL)
        return NULL;
    Alternative *self = calloc(1, sizeof(*self));
    if (self == NULL)
        err_set(err, ERR_NOMEM, "no memory for an alternative");
    else if (!read_alternative(yaml_root(yaml), self, err))
        alternative_free(&self);
    yaml_close(&yaml);
    return self;
}

Alternative *
alternative_open(const char *path, Err *err)
{
    return alternative_read(yaml_open(path, err), err);
}

Alternative *
alternative_parse(Text text, const char *name, Err *err)
{
    return alternative_read(yaml_parse(text, name, err), err);
}

void
alternative_free(Alternative **self)
{
    if (*self == NULL)
        return;
    items_clear(&(*self)->items);
    items_clear(&(*self)->extras);
    alternative_fleet_free(&(*self)->fleet);
    alternative_functions_free(&(*self)->functions);
    free((*self)->name);
    free((*self)->currency);
    free(*self);
    *self = NULL;
}
