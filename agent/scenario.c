#include "agent/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/yaml.h"

static const char *const KEYS[] = {"title",        "tenant",      "function",    "region",      "architecture",
                                   "trigger",      "memory_mb",   "invocations", "duration_ms", "pattern",
                                   "hour_weights", "day_weights", NULL};
static const char *const PATTERNS[] = {"uniform", "daily", "office-hours", "hourly", "weights"};
enum { DAYS_OF_EVERY_MONTH = 28 };

static bool
read_duration(const YamlNode *root, Scenario *self, Err *err)
{
    const YamlNode *node = yaml_get(root, "duration_ms");
    if (node == NULL)
        return yaml_fail(root, "duration_ms", err, "is missing: how long each invocation takes, in milliseconds");
    bool exact = false;
    if (!decimal_parse_scaled(yaml_text(node), 3, ROUND_UP, &self->duration_us, &exact, NULL) || !exact ||
        self->duration_us < 0 || self->duration_us > USAGE_DURATION_US_MAX)
        return yaml_fail(node, "duration_ms", err, "expected milliseconds from 0 to 86400000 with at most 3 decimals");
    return true;
}

static bool
read_choices(const YamlNode *root, Scenario *self, Err *err)
{
    const YamlNode *node = yaml_get(root, "architecture");
    if (node != NULL && !usage_architecture_parse(yaml_text(node), &self->architecture))
        return yaml_fail(node, "architecture", err, "expected x86_64 or arm64");
    node = yaml_get(root, "trigger");
    if (node != NULL && !usage_trigger_parse(yaml_text(node), &self->trigger))
        return yaml_fail(node, "trigger", err, "expected http, pubsub, datasource, timer or other");
    node = yaml_get(root, "pattern");
    if (node == NULL)
        return true;
    for (size_t i = 0; i < sizeof PATTERNS / sizeof PATTERNS[0]; i++) {
        if (text_is(yaml_text(node), PATTERNS[i])) {
            self->pattern = (ScenarioPattern) i;
            return true;
        }
    }
    return yaml_fail(node, "pattern", err, "expected uniform, daily, office-hours, hourly or weights");
}

/* A list of `count` whole numbers, one of the first `needed` above 0; 1 each when it is not there. */
static bool
read_weights(const YamlNode *root, const char *key, size_t count, size_t needed, uint32_t *weights, Err *err)
{
    const YamlNode *node = yaml_get(root, key);
    bool any = node == NULL;
    for (size_t i = 0; i < count; i++)
        weights[i] = 1;
    if (node != NULL && (!yaml_is_sequence(node) || yaml_count(node) != count))
        return yaml_fail(node, key, err, "expected a list of %zu weights", count);
    for (size_t i = 0; node != NULL && i < count; i++) {
        uint64_t weight = 0;
        if (!text_to_u64(yaml_text(yaml_item(node, i)), SCENARIO_WEIGHT_MAX, &weight))
            return yaml_fail(yaml_item(node, i), key, err, "expected whole numbers from 0 to %d", SCENARIO_WEIGHT_MAX);
        weights[i] = (uint32_t) weight;
        any = any || (weight > 0 && i < needed);
    }
    return any || yaml_fail(node, key, err, "one of the first %zu has to be above 0", needed);
}

static bool
read_all_weights(const YamlNode *root, Scenario *self, Err *err)
{
    static const char *const KINDS[] = {"hour_weights", "day_weights"};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (yaml_get(root, KINDS[i]) != NULL && self->pattern != PATTERN_WEIGHTS)
            return yaml_fail(yaml_get(root, KINDS[i]), KINDS[i], err, "goes with 'pattern: weights'");
    return read_weights(root, KINDS[0], 24, 24, self->hour_weights, err) &&
           read_weights(root, KINDS[1], 31, DAYS_OF_EVERY_MONTH, self->day_weights, err);
}

static bool
require_count(const YamlNode *root, const char *key, int64_t maximum, int64_t *out, Err *err)
{
    if (yaml_get(root, key) == NULL)
        return yaml_fail(root, key, err, "is missing");
    return yaml_optional_i64(root, key, 1, maximum, out, err);
}

static bool
read_scenario(const YamlNode *root, Scenario *self, Err *err)
{
    return yaml_keys_check(root, "scenario", KEYS, err) && yaml_optional_string(root, "title", &self->title, err) &&
           yaml_require_string(root, "tenant", &self->tenant, err) &&
           yaml_require_string(root, "function", &self->function, err) &&
           yaml_require_string(root, "region", &self->region, err) &&
           require_count(root, "memory_mb", USAGE_MEMORY_MB_MAX, &self->memory_mb, err) &&
           require_count(root, "invocations", SCENARIO_INVOCATIONS_MAX, &self->invocations, err) &&
           read_duration(root, self, err) && read_choices(root, self, err) && read_all_weights(root, self, err);
}

static void
take_name(const char *path, char *name, size_t size)
{
    const char *slash = strrchr(path, '/');
    const char *start = slash == NULL ? path : slash + 1;
    size_t length = strlen(start);
    if (length > 5 && strcmp(start + length - 5, ".yaml") == 0)
        length -= 5;
    if (length > size - 1)
        length = size - 1;
    memcpy(name, start, length);
    name[length] = '\0';
}

/* Takes the document, NULL when it could not be read (`err` says why). */
static Scenario *
read_document(Yaml *yaml, const char *path, Err *err)
{
    if (yaml == NULL)
        return NULL;
    Scenario *self = calloc(1, sizeof *self);
    if (self == NULL)
        err_set(err, ERR_NOMEM, "no memory for scenario '%s'", path);
    else if (!read_scenario(yaml_root(yaml), self, err))
        scenario_free(&self);
    else
        take_name(path, self->name, sizeof self->name);
    yaml_close(&yaml);
    return self;
}

MUST_CHECK Scenario *
scenario_open(const char *path, Err *err)
{
    return read_document(yaml_open(path, err), path, err);
}

MUST_CHECK Scenario *
scenario_parse(Text text, const char *path, Err *err)
{
    return read_document(yaml_parse(text, path, err), path, err);
}

void
scenario_free(Scenario **self)
{
    if (*self == NULL)
        return;
    free((*self)->title);
    free((*self)->tenant);
    free((*self)->function);
    free((*self)->region);
    free(*self);
    *self = NULL;
}
