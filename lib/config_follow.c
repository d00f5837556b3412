/* The setting `follow`: log files that the agent reads as they grow. */
#include <string.h>

#include "lib/config_list.h"

static const char *const FORMATS[] = {"ndjson", "csv", "lambda-report", NULL};
static const char *const ARCHITECTURES[] = {"x86_64", "arm64", "", NULL};

static bool
is_among(const char *value, const char *const *names)
{
    while (*names != NULL && strcmp(*names, value) != 0)
        names++;
    return *names != NULL;
}

static bool
check_rule(const YamlNode *node, const ConfigFollow *rule, Err *err)
{
    if (rule->path[0] != '/')
        return yaml_fail(node, "follow", err, "path: expected the absolute path of a log file, or a pattern of such");
    if (!is_among(rule->format, FORMATS))
        return yaml_fail(node, "follow", err, "format: expected ndjson, csv or lambda-report");
    if (!is_among(rule->architecture, ARCHITECTURES))
        return yaml_fail(node, "follow", err, "architecture: expected x86_64 or arm64");
    if (strcmp(rule->format, "lambda-report") == 0 && rule->tenant[0] == '\0')
        return yaml_fail(node, "follow", err, "tenant is missing: a Lambda log does not name its tenant");
    return true;
}

static bool
read_rule(const YamlNode *node, ConfigFollow *rule, Err *err)
{
    static const char *const KNOWN[] = {"path", "format", "tenant", "function", "region", "architecture", NULL};
    const struct {
        const char *key;
        char *out;
        size_t room;
    } members[] = {
        {"path", rule->path, sizeof(rule->path)},
        {"format", rule->format, sizeof(rule->format)},
        {"tenant", rule->tenant, sizeof(rule->tenant)},
        {"function", rule->function, sizeof(rule->function)},
        {"region", rule->region, sizeof(rule->region)},
        {"architecture", rule->architecture, sizeof(rule->architecture)},
    };
    if (!yaml_keys_check(node, "follow", KNOWN, err))
        return false;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (!config_read_member(node, "follow", members[i].key, members[i].out, members[i].room, err))
            return false;
    return check_rule(node, rule, err);
}

bool
config_read_follow(const YamlNode *node, Config *config, Err *err)
{
    if (!yaml_is_sequence(node) || yaml_count(node) > CONFIG_FOLLOW_MAX)
        return yaml_fail(node, "follow", err,
                         "expected a list of at most %d entries such as {path: /var/log/fn/*.log, format: ndjson}",
                         CONFIG_FOLLOW_MAX);
    for (size_t i = 0; i < yaml_count(node); i++)
        if (!read_rule(yaml_item(node, i), &config->follow[i], err))
            return false;
    config->follow_count = (int64_t) yaml_count(node);
    return true;
}

static bool
write_rule(const ConfigFollow *rule, Buffer *out, Err *err)
{
    return buffer_append_text(out, "  - {", err) && config_write_member(out, "path", rule->path, err) &&
           config_write_member(out, "tenant", rule->tenant, err) &&
           config_write_member(out, "function", rule->function, err) &&
           config_write_member(out, "region", rule->region, err) &&
           config_write_member(out, "architecture", rule->architecture, err) &&
           buffer_printf(out, err, "format: %s}\n", rule->format);
}

bool
config_write_follow(const Config *config, Buffer *out, Err *err)
{
    bool done = buffer_append_text(out, config->follow_count == 0 ? "[]\n" : "\n", err);
    for (int64_t i = 0; done && i < config->follow_count; i++)
        done = write_rule(&config->follow[i], out, err);
    return done;
}
