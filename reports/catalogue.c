#include "reports/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"
#include "lib/utc.h"
#include "reports/yaml_number.h"

enum { SECONDS_MAX = 3600, VCPU_MAX = 4096 };

const char *const PURCHASE_NAMES[PURCHASES] = {"on_demand", "reserved_1y", "reserved_3y", "spot_low", "spot_high"};
static const char *const ROOT_KEYS[] = {"name",    "title",     "date",      "currency", "hours", "minimum_s",
                                        "sources", "purchases", "instances", "tasks",    "note",  NULL};
static const char *const FACTOR_KEYS[] = {"reserved_1y", "reserved_3y", "spot_low", "spot_high", NULL};
static const char *const TYPE_KEYS[] = {"type",      "architecture",     "vcpu",        "memory_gb",
                                        "on_demand", "reserved_1y",      "reserved_3y", "spot_low",
                                        "spot_high", "baseline_percent", "unlimited",   NULL};
static const char *const TASK_KEYS[] = {"type", "architecture", "vcpu_hour", "memory_gb_hour", "sizes", NULL};
static const char *const SIZE_KEYS[] = {"vcpu", "memory_gb", NULL};

/* Parts of the price on demand, by purchase; 0: none. */
typedef struct Factors {
    mpq_t part[PURCHASES];
} Factors;

static CatalogueType *
add_type(Catalogue *self, const YamlNode *node, Err *err)
{
    if (self->type_count == CATALOGUE_TYPES_MAX) {
        yaml_fail(node, "type", err, "more than %d types", CATALOGUE_TYPES_MAX);
        return NULL;
    }
    if (!array_grow(&self->types, &self->type_capacity, self->type_count, sizeof(*self->types), err))
        return NULL;
    CatalogueType *type = &self->types[self->type_count++];
    memset(type, 0, sizeof(*type));
    mpq_inits(type->vcpu, type->memory_gb, type->baseline, type->unlimited, NULL);
    for (size_t i = 0; i < PURCHASES; i++)
        mpq_init(type->prices[i].hourly);
    return type;
}

static bool
read_name(const YamlNode *node, const char *key, char **out, Err *err)
{
    if (!yaml_require_string(node, key, out, err))
        return false;
    if ((*out)[0] == '\0' || !text_is_clean_utf8(text_of(*out)))
        return yaml_fail(yaml_get(node, key), key, err, "should be a name without control characters");
    return true;
}

static bool
read_architecture(const YamlNode *node, char **out, Err *err)
{
    if (!yaml_require_string(node, "architecture", out, err))
        return false;
    if (strcmp(*out, "x86_64") != 0 && strcmp(*out, "arm64") != 0)
        return yaml_fail(yaml_get(node, "architecture"), "architecture", err, "expected x86_64 or arm64");
    return true;
}

/* A number above 0 and at most `most`. */
static bool
read_size(const YamlNode *node, const char *key, unsigned long most, mpq_t out, Err *err)
{
    if (!yaml_number(node, key, out, NULL, err))
        return false;
    if (mpq_sgn(out) == 0 || mpq_cmp_ui(out, most, 1) > 0)
        return yaml_fail(yaml_get(node, key), key, err, "should be above 0 and at most %lu", most);
    return true;
}

static bool
read_hardware(const YamlNode *node, CatalogueType *type, Err *err)
{
    return read_size(node, "vcpu", VCPU_MAX, type->vcpu, err) &&
           read_size(node, "memory_gb", CATALOGUE_MEMORY_GB_MAX, type->memory_gb, err);
}

static bool
read_prices(const YamlNode *node, const Factors *factors, CatalogueType *type, Err *err)
{
    CataloguePrice *on_demand = &type->prices[ON_DEMAND];
    on_demand->known = true;
    if (!yaml_number(node, "on_demand", on_demand->hourly, NULL, err))
        return false;
    for (size_t i = 1; i < PURCHASES; i++) {
        CataloguePrice *price = &type->prices[i];
        if (!yaml_number(node, PURCHASE_NAMES[i], price->hourly, &price->known, err))
            return false;
        if (price->known || mpq_sgn(factors->part[i]) == 0)
            continue;
        price->known = price->estimated = true;
        mpq_mul(price->hourly, on_demand->hourly, factors->part[i]);
    }
    return true;
}

static bool
read_burst(const YamlNode *node, CatalogueType *type, Err *err)
{
    mpq_t hundred;
    type->burstable = yaml_get(node, "baseline_percent") != NULL;
    if (!type->burstable) {
        const YamlNode *unlimited = yaml_get(node, "unlimited");
        return unlimited == NULL || yaml_fail(unlimited, "unlimited", err, "goes with 'baseline_percent'");
    }
    if (!read_size(node, "baseline_percent", 100, type->baseline, err) ||
        !yaml_positive(node, "unlimited", type->unlimited, err))
        return false;
    mpq_init(hundred);
    mpq_set_ui(hundred, 100, 1);
    mpq_div(type->baseline, type->baseline, hundred);
    mpq_clear(hundred);
    return true;
}

static bool
read_instances(const YamlNode *list, const Factors *factors, Catalogue *self, Err *err)
{
    for (size_t i = 0; i < yaml_count(list); i++) {
        const YamlNode *node = yaml_item(list, i);
        CatalogueType *type = yaml_keys_check(node, "instances", TYPE_KEYS, err) ? add_type(self, node, err) : NULL;
        if (type == NULL || !read_name(node, "type", &type->name, err) ||
            !read_architecture(node, &type->architecture, err) || !read_hardware(node, type, err) ||
            !read_prices(node, factors, type, err) || !read_burst(node, type, err))
            return false;
    }
    return true;
}

/* "Fargate, 0.25 vCPU, 0.5 GB" */
static char *
task_name(const char *family, const CatalogueType *type, Err *err)
{
    Buffer name = {0};
    char *vcpu = decimal_format_exact(type->vcpu, err);
    char *memory_gb = decimal_format_exact(type->memory_gb, err);
    bool done =
        vcpu != NULL && memory_gb != NULL && buffer_printf(&name, err, "%s, %s vCPU, %s GB", family, vcpu, memory_gb);
    free(vcpu);
    free(memory_gb);
    if (!done)
        buffer_free(&name);
    return name.data;
}

static bool
read_task_size(const YamlNode *node, const char *family, const char *architecture, const mpq_t vcpu_hour,
               const mpq_t memory_gb_hour, Catalogue *self, Err *err)
{
    CatalogueType *type = yaml_keys_check(node, "sizes", SIZE_KEYS, err) ? add_type(self, node, err) : NULL;
    if (type == NULL || !read_hardware(node, type, err))
        return false;
    type->name = task_name(family, type, err);
    type->architecture = text_duplicate(text_of(architecture));
    if (type->architecture == NULL || type->name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a catalogue");
    CataloguePrice *price = &type->prices[ON_DEMAND];
    price->known = true;
    mpq_t part;
    mpq_init(part);
    mpq_mul(price->hourly, type->vcpu, vcpu_hour);
    mpq_mul(part, type->memory_gb, memory_gb_hour);
    mpq_add(price->hourly, price->hourly, part);
    mpq_clear(part);
    return true;
}

static bool
read_task(const YamlNode *node, Catalogue *self, Err *err)
{
    char *family = NULL;
    char *architecture = NULL;
    mpq_t vcpu_hour;
    mpq_t memory_gb_hour;
    mpq_inits(vcpu_hour, memory_gb_hour, NULL);
    const YamlNode *sizes = yaml_get(node, "sizes");
    bool done = yaml_keys_check(node, "tasks", TASK_KEYS, err) && read_name(node, "type", &family, err) &&
                read_architecture(node, &architecture, err) && yaml_number(node, "vcpu_hour", vcpu_hour, NULL, err) &&
                yaml_number(node, "memory_gb_hour", memory_gb_hour, NULL, err) &&
                (yaml_is_sequence(sizes) ||
                 yaml_fail(node, "sizes", err, "is missing; give a list of {vcpu: …, memory_gb: …}"));
    for (size_t i = 0; done && i < yaml_count(sizes); i++)
        done = read_task_size(yaml_item(sizes, i), family, architecture, vcpu_hour, memory_gb_hour, self, err);
    mpq_clears(vcpu_hour, memory_gb_hour, NULL);
    free(family);
    free(architecture);
    return done;
}

static bool
read_sources(const YamlNode *root, Catalogue *self, Err *err)
{
    const YamlNode *list = yaml_get(root, "sources");
    if (!yaml_is_sequence(list) || yaml_count(list) == 0)
        return yaml_fail(root, "sources", err, "is missing; give a list of where the prices come from");
    self->sources = calloc(yaml_count(list), sizeof(*self->sources));
    if (self->sources == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a catalogue");
    for (size_t i = 0; i < yaml_count(list); i++) {
        const YamlNode *node = yaml_item(list, i);
        if (!yaml_is_scalar(node) || !text_is_clean_utf8(yaml_text(node)))
            return yaml_fail(node, "sources", err, "should be a text in one line");
        self->sources[self->source_count] = text_duplicate(yaml_text(node));
        if (self->sources[self->source_count++] == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a catalogue");
    }
    return true;
}

static bool
read_factors(const YamlNode *root, Factors *factors, Err *err)
{
    const YamlNode *node = yaml_get(root, "purchases");
    if (node == NULL)
        return true;
    if (!yaml_keys_check(node, "purchases", FACTOR_KEYS, err))
        return false;
    for (size_t i = 1; i < PURCHASES; i++)
        if (!yaml_positive(node, PURCHASE_NAMES[i], factors->part[i], err))
            return false;
    return true;
}

static bool
read_head(const YamlNode *root, Catalogue *self, Err *err)
{
    int64_t ignored = 0;
    mpq_set_ui(self->hours, 730, 1);
    self->minimum_s = 60;
    if (!yaml_keys_check(root, "catalogue", ROOT_KEYS, err) || !read_name(root, "name", &self->name, err) ||
        !read_name(root, "title", &self->title, err) || !yaml_require_string(root, "date", &self->date, err) ||
        !yaml_require_string(root, "currency", &self->currency, err) ||
        !yaml_optional_string(root, "note", &self->note, err) || !yaml_positive(root, "hours", self->hours, err) ||
        !yaml_optional_i64(root, "minimum_s", 0, SECONDS_MAX, &self->minimum_s, err))
        return false;
    char instant[64];
    (void) snprintf(instant, sizeof(instant), "%.20sT00:00:00Z", self->date);
    Err wrong = {0};
    if (!utc_parse(text_of(instant), &ignored, &wrong))
        return yaml_fail(yaml_get(root, "date"), "date", err, "should be the day of the prices, YYYY-MM-DD");
    if (strlen(self->currency) != 3 || strspn(self->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return yaml_fail(yaml_get(root, "currency"), "currency", err, "should be an ISO 4217 code such as USD");
    return read_sources(root, self, err);
}

static bool
names_differ(const YamlNode *root, const Catalogue *self, Err *err)
{
    for (size_t i = 0; i < self->type_count; i++)
        if (catalogue_find(self, self->types[i].name) != &self->types[i])
            return yaml_fail(root, "type", err, "'%s' stands there twice", self->types[i].name);
    return true;
}

static bool
read_catalogue(const YamlNode *root, Catalogue *self, Err *err)
{
    Factors factors;
    for (size_t i = 0; i < PURCHASES; i++)
        mpq_init(factors.part[i]);
    bool done = read_head(root, self, err) && read_factors(root, &factors, err) &&
                read_instances(yaml_get(root, "instances"), &factors, self, err);
    const YamlNode *tasks = yaml_get(root, "tasks");
    for (size_t i = 0; done && i < yaml_count(tasks); i++)
        done = read_task(yaml_item(tasks, i), self, err);
    for (size_t i = 0; i < PURCHASES; i++)
        mpq_clear(factors.part[i]);
    if (done && self->type_count == 0)
        return yaml_fail(root, "catalogue", err, "has no type; give 'instances' or 'tasks'");
    return done && names_differ(root, self, err);
}

static Catalogue *
catalogue_read(Yaml *yaml, Err *err)
{
    if (yaml == NULL)
        return NULL;
    Catalogue *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a catalogue");
    } else {
        Text source = yaml_source(yaml);
        Digest digest = digest_of(source.data, source.length);
        digest_hex(&digest, self->sha256);
        mpq_init(self->hours);
        if (!read_catalogue(yaml_root(yaml), self, err))
            catalogue_free(&self);
    }
    yaml_close(&yaml);
    return self;
}

MUST_CHECK Catalogue *
catalogue_open(const char *path, Err *err)
{
    return catalogue_read(yaml_open(path, err), err);
}

MUST_CHECK Catalogue *
catalogue_parse(Text text, const char *name, Err *err)
{
    return catalogue_read(yaml_parse(text, name, err), err);
}

static void
type_clear(CatalogueType *type)
{
    free(type->name);
    free(type->architecture);
    mpq_clears(type->vcpu, type->memory_gb, type->baseline, type->unlimited, NULL);
    for (size_t i = 0; i < PURCHASES; i++)
        mpq_clear(type->prices[i].hourly);
}

void
catalogue_free(Catalogue **self)
{
    Catalogue *catalogue = *self;
    *self = NULL;
    if (catalogue == NULL)
        return;
    for (size_t i = 0; i < catalogue->type_count; i++)
        type_clear(&catalogue->types[i]);
    for (size_t i = 0; i < catalogue->source_count; i++)
        free(catalogue->sources[i]);
    free(catalogue->types);
    free(catalogue->sources);
    free(catalogue->name);
    free(catalogue->title);
    free(catalogue->note);
    free(catalogue->date);
    free(catalogue->currency);
    mpq_clear(catalogue->hours);
    free(catalogue);
}

const CatalogueType *
catalogue_find(const Catalogue *self, const char *name)
{
    for (size_t i = 0; i < self->type_count; i++)
        if (strcmp(self->types[i].name, name) == 0)
            return &self->types[i];
    return NULL;
}
