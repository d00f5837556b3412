#include "lib/config_list.h"

#include <stdio.h>

bool
config_write_quoted(Buffer *out, const char *text, Err *err)
{
    bool done = buffer_append_text(out, "'", err);
    for (; done && *text != '\0'; text++)
        done = buffer_append(out, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1, err);
    return done && buffer_append_text(out, "'", err);
}

bool
config_read_collectors(const YamlNode *node, Config *config, Err *err)
{
    if (!yaml_is_sequence(node) || yaml_count(node) == 0 || yaml_count(node) > CONFIG_COLLECTORS_MAX)
        return yaml_fail(node, "collectors", err, "expected a list of 1 to %d endpoints", CONFIG_COLLECTORS_MAX);
    for (size_t i = 0; i < yaml_count(node); i++) {
        Text text = yaml_text(yaml_item(node, i));
        if (text.length == 0 || text.length >= sizeof(config->collectors[0]))
            return yaml_fail(yaml_item(node, i), "collectors", err, "expected an endpoint such as tcp://host:5570");
        snprintf(config->collectors[i], sizeof(config->collectors[0]), "%.*s", TEXT_ARG(text));
    }
    config->collector_count = (int64_t) yaml_count(node);
    return true;
}

bool
config_write_collectors(const Config *config, Buffer *out, Err *err)
{
    bool done = buffer_append_text(out, "\n", err);
    for (int64_t i = 0; done && i < config->collector_count; i++)
        done = buffer_append_text(out, "  - ", err) && config_write_quoted(out, config->collectors[i], err) &&
               buffer_append_text(out, "\n", err);
    return done;
}

bool
config_read_member(const YamlNode *item, const char *setting, const char *key, char *out, size_t room, Err *err)
{
    const YamlNode *node = yaml_get(item, key);
    if (node == NULL)
        return true;
    Text text = yaml_text(node);
    if (text.length == 0 || text.length >= room || !text_is_clean_utf8(text))
        return yaml_fail(node, setting, err, "%s: expected text of 1 to %zu bytes", key, room - 1);
    snprintf(out, room, "%.*s", TEXT_ARG(text));
    return true;
}

static bool
read_binding(const YamlNode *node, ConfigBinding *binding, Err *err)
{
    static const char *const KNOWN[] = {"socket", "group", "user", "tenant", NULL};
    if (!yaml_keys_check(node, "bindings", KNOWN, err) ||
        !config_read_member(node, "bindings", "socket", binding->socket, sizeof(binding->socket), err) ||
        !config_read_member(node, "bindings", "group", binding->group, sizeof(binding->group), err) ||
        !config_read_member(node, "bindings", "user", binding->user, sizeof(binding->user), err) ||
        !config_read_member(node, "bindings", "tenant", binding->tenant, sizeof(binding->tenant), err))
        return false;
    if (binding->tenant[0] == '\0')
        return yaml_fail(node, "bindings", err, "tenant is missing: name the one tenant this source speaks for");
    if (binding->socket[0] != '\0' && binding->socket[0] != '/')
        return yaml_fail(node, "bindings", err, "socket: expected an absolute path, not '%s'", binding->socket);
    if (binding->group[0] != '\0' && binding->socket[0] == '\0')
        return yaml_fail(node, "bindings", err, "group: belongs to a socket, and this binding names none");
    return true;
}

bool
config_read_bindings(const YamlNode *node, Config *config, Err *err)
{
    if (!yaml_is_sequence(node) || yaml_count(node) > CONFIG_BINDINGS_MAX)
        return yaml_fail(node, "bindings", err,
                         "expected a list of at most %d entries such as {user: 1001, tenant: acme}",
                         CONFIG_BINDINGS_MAX);
    for (size_t i = 0; i < yaml_count(node); i++)
        if (!read_binding(yaml_item(node, i), &config->bindings[i], err))
            return false;
    config->binding_count = (int64_t) yaml_count(node);
    return true;
}

bool
config_write_member(Buffer *out, const char *key, const char *value, Err *err)
{
    return value[0] == '\0' || (buffer_printf(out, err, "%s: ", key) && config_write_quoted(out, value, err) &&
                                buffer_append_text(out, ", ", err));
}

static bool
write_binding(const ConfigBinding *binding, Buffer *out, Err *err)
{
    return buffer_append_text(out, "  - {", err) && config_write_member(out, "socket", binding->socket, err) &&
           config_write_member(out, "group", binding->group, err) &&
           config_write_member(out, "user", binding->user, err) && buffer_append_text(out, "tenant: ", err) &&
           config_write_quoted(out, binding->tenant, err) && buffer_append_text(out, "}\n", err);
}

bool
config_write_bindings(const Config *config, Buffer *out, Err *err)
{
    bool done = buffer_append_text(out, config->binding_count == 0 ? "[]\n" : "\n", err);
    for (int64_t i = 0; done && i < config->binding_count; i++)
        done = write_binding(&config->bindings[i], out, err);
    return done;
}

bool
config_read_allow_users(const YamlNode *node, Config *config, Err *err)
{
    if (!yaml_is_sequence(node) || yaml_count(node) > CONFIG_ALLOW_USERS_MAX)
        return yaml_fail(node, "allow_users", err, "expected a list of at most %d user names or numbers",
                         CONFIG_ALLOW_USERS_MAX);
    for (size_t i = 0; i < yaml_count(node); i++) {
        Text text = yaml_text(yaml_item(node, i));
        if (text.length == 0 || text.length >= CONFIG_USER_BYTES)
            return yaml_fail(yaml_item(node, i), "allow_users", err, "expected a user's name or number");
        snprintf(config->allow_users[i], CONFIG_USER_BYTES, "%.*s", TEXT_ARG(text));
    }
    config->allow_user_count = (int64_t) yaml_count(node);
    return true;
}

bool
config_write_allow_users(const Config *config, Buffer *out, Err *err)
{
    bool done = buffer_append_text(out, "[", err);
    for (int64_t i = 0; done && i < config->allow_user_count; i++)
        done =
            buffer_append_text(out, i == 0 ? "" : ", ", err) && config_write_quoted(out, config->allow_users[i], err);
    return done && buffer_append_text(out, "]\n", err);
}
