#include "lib/config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/config_list.h"
#include "lib/text.h"
#include "lib/yaml.h"

enum { CONFIG_SOCKET_NAME_ROOM = 20, CONFIG_SUN_PATH = 108 };

typedef enum SettingKind {
    SETTING_TEXT,
    SETTING_INTEGER,
    SETTING_BOOLEAN,
    SETTING_COLLECTORS,
    SETTING_BINDINGS,
    SETTING_ALLOW_USERS,
    SETTING_FOLLOW
} SettingKind;

/* One row for each key of millibill.yaml: parser, writer and the list of known keys come from here. */
typedef struct Setting {
    const char *key;
    SettingKind kind;
    size_t offset;
    size_t bytes;    /* SETTING_TEXT */
    int64_t minimum; /* SETTING_INTEGER */
    int64_t maximum;
} Setting;

#define TEXT_SETTING(member)                                                                  \
    {                                                                                         \
#member, SETTING_TEXT, offsetof(Config, member), sizeof(((Config *) 0)->member), 0, 0 \
    }
#define INTEGER_SETTING(member, minimum, maximum)                               \
    {                                                                           \
#member, SETTING_INTEGER, offsetof(Config, member), 0, minimum, maximum \
    }

static const Setting SETTINGS[] = {
    TEXT_SETTING(run),
    TEXT_SETTING(database),
    {"embedded", SETTING_BOOLEAN, offsetof(Config, embedded), 0, 0, 0},
    TEXT_SETTING(log_level),
    TEXT_SETTING(agent_name),
    TEXT_SETTING(agent_socket),
    TEXT_SETTING(import_socket),
    TEXT_SETTING(ring_socket),
    TEXT_SETTING(spool),
    INTEGER_SETTING(spool_max_mb, 16, 1048576),
    INTEGER_SETTING(spool_retain_hours, 0, 8760),
    INTEGER_SETTING(ack_timeout_ms, 1000, 600000),
    INTEGER_SETTING(flush_interval_ms, 1, 60000),
    INTEGER_SETTING(batch_records_max, 1, 65536),
    TEXT_SETTING(agent_key),
    {"collectors", SETTING_COLLECTORS, offsetof(Config, collectors), 0, 0, 0},
    TEXT_SETTING(collector_public_key),
    {"bindings", SETTING_BINDINGS, offsetof(Config, bindings), 0, 0, 0},
    {"allow_users", SETTING_ALLOW_USERS, offsetof(Config, allow_users), 0, 0, 0},
    INTEGER_SETTING(identity_window_hours, 0, 8760),
    INTEGER_SETTING(identity_window_entries, 0, 10000000),
    INTEGER_SETTING(idle_close_s, 1, 86400),
    {"follow", SETTING_FOLLOW, offsetof(Config, follow), 0, 0, 0},
    TEXT_SETTING(listen),
    TEXT_SETTING(collector_key),
    INTEGER_SETTING(group_commit_batches, 1, 1024),
    INTEGER_SETTING(group_commit_ms, 0, 10000),
    INTEGER_SETTING(live_past_days, 1, 36500),
    INTEGER_SETTING(live_future_s, 0, 86400),
    INTEGER_SETTING(connections_max, 1, 60000),
    INTEGER_SETTING(database_patience_s, 1, 3600),
    TEXT_SETTING(metrics_listen),
    INTEGER_SETTING(seal_every_s, 0, 86400),
    INTEGER_SETTING(seal_after_s, 0, 864000),
    TEXT_SETTING(seal_key),
    TEXT_SETTING(seal_public_key),
    TEXT_SETTING(seal_heads),
    TEXT_SETTING(deliver_command),
    TEXT_SETTING(deliver_url),
    TEXT_SETTING(deliver_secret),
    INTEGER_SETTING(deliver_attempts, 1, 20),
    INTEGER_SETTING(deliver_timeout_s, 1, 600),
    TEXT_SETTING(alert_percent),
    TEXT_SETTING(alert_forecast_percent),
    TEXT_SETTING(alert_command),
    TEXT_SETTING(alert_url),
    TEXT_SETTING(alert_price_book),
    INTEGER_SETTING(alerts_every_min, 0, 1440),
    TEXT_SETTING(paper),
    TEXT_SETTING(brand_name),
    TEXT_SETTING(brand_address),
    TEXT_SETTING(brand_logo),
    TEXT_SETTING(brand_color),
    TEXT_SETTING(brand_foot),
    TEXT_SETTING(language),
};
enum { SETTING_COUNT = sizeof(SETTINGS) / sizeof(SETTINGS[0]) };

static bool
set_text(char *out, size_t room, Err *err, const char *a, const char *b)
{
    int length = snprintf(out, room, "%s%s", a, b);
    if (length < 0 || (size_t) length >= room)
        return err_set(err, ERR_RANGE, "path %s%s is too long: choose a shorter data directory", a, b);
    return true;
}

/* Sockets live in DATA/run, or below /tmp when that name would not fit into sun_path. */
static bool
set_run_directory(Config *config, Err *err)
{
    if (strlen(config->data) + strlen("/run/") + CONFIG_SOCKET_NAME_ROOM < CONFIG_SUN_PATH)
        return set_text(config->run, sizeof(config->run), err, config->data, "/run");
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a: a name, not a check */
    for (const char *at = config->data; *at != '\0'; at++)
        hash = (hash ^ (unsigned char) *at) * UINT64_C(1099511628211);
    snprintf(config->run, sizeof(config->run), "/tmp/millibill-%lu-%016llx", (unsigned long) getuid(),
             (unsigned long long) hash);
    return true;
}

bool
config_defaults(Config *config, Err *err)
{
    Config fresh = {.embedded = false,
                    .spool_max_mb = 1024,
                    .spool_retain_hours = 24,
                    .ack_timeout_ms = 15000,
                    .flush_interval_ms = 200,
                    .batch_records_max = 8192,
                    .identity_window_hours = 24,
                    .identity_window_entries = 1000000,
                    .idle_close_s = 60,
                    .group_commit_batches = 64,
                    .group_commit_ms = 20,
                    .live_past_days = 35,
                    .live_future_s = 300,
                    .connections_max = 4096,
                    .database_patience_s = 60,
                    .seal_every_s = 30,
                    .seal_after_s = 900,
                    .deliver_attempts = 5,
                    .deliver_timeout_s = 30,
                    .alert_percent = "50, 80, 100",
                    .log_level = "info",
                    .paper = "a4",
                    .agent_name = "local",
                    .collector_count = 1};
    memcpy(fresh.data, config->data, sizeof(fresh.data));
    *config = fresh;
    if (!set_run_directory(config, err))
        return false;
    char ipc[PATH_MAX];
    char local[PATH_MAX];
    const char *run = config->run;
    const char *data = config->data;
    return set_text(ipc, sizeof(ipc), err, "ipc://", run) && set_text(local, sizeof(local), err, "unix:", run) &&
           set_text(config->metrics_listen, sizeof(config->metrics_listen), err, local, "/metrics.sock") &&
           set_text(config->listen, sizeof(config->listen), err, ipc, "/collector.ipc") &&
           set_text(config->collectors[0], sizeof(config->collectors[0]), err, ipc, "/collector.ipc") &&
           set_text(config->agent_socket, sizeof(config->agent_socket), err, run, "/agent.sock") &&
           set_text(config->import_socket, sizeof(config->import_socket), err, run, "/import.sock") &&
           set_text(config->ring_socket, sizeof(config->ring_socket), err, run, "/ring.sock") &&
           set_text(config->spool, sizeof(config->spool), err, data, "/spool") &&
           set_text(config->agent_key, sizeof(config->agent_key), err, data, "/keys/agent.key") &&
           set_text(config->collector_key, sizeof(config->collector_key), err, data, "/keys/collector.key") &&
           set_text(config->collector_public_key, sizeof(config->collector_public_key), err, data,
                    "/keys/collector.pub") &&
           set_text(config->seal_key, sizeof(config->seal_key), err, data, "/keys/seal.key") &&
           set_text(config->seal_public_key, sizeof(config->seal_public_key), err, data, "/keys/seal.pub") &&
           set_text(config->seal_heads, sizeof(config->seal_heads), err, data, "/seals/heads.jsonl") &&
           snprintf(config->database, sizeof(config->database), "host='%s' dbname=millibill", run) > 0;
}

static bool
read_setting(const Setting *setting, const YamlNode *root, Config *config, Err *err)
{
    const YamlNode *node = yaml_get(root, setting->key);
    char *target = (char *) config + setting->offset;
    if (node == NULL)
        return true;
    switch (setting->kind) {
    case SETTING_TEXT: {
        Text text = yaml_text(node);
        if (!yaml_is_scalar(node) || text.length >= setting->bytes)
            return yaml_fail(node, setting->key, err, "expected text of at most %zu bytes", setting->bytes - 1);
        snprintf(target, setting->bytes, "%.*s", TEXT_ARG(text));
        return true;
    }
    case SETTING_INTEGER:
        return yaml_optional_i64(root, setting->key, setting->minimum, setting->maximum, (int64_t *) (void *) target,
                                 err);
    case SETTING_BOOLEAN:
        return yaml_optional_bool(root, setting->key, (bool *) target, err);
    case SETTING_COLLECTORS:
        return config_read_collectors(node, config, err);
    case SETTING_BINDINGS:
        return config_read_bindings(node, config, err);
    case SETTING_ALLOW_USERS:
        return config_read_allow_users(node, config, err);
    case SETTING_FOLLOW:
        return config_read_follow(node, config, err);
    }
    return false;
}

static bool
read_document(const Yaml *yaml, Config *config, Err *err)
{
    const char *known[SETTING_COUNT + 2];
    for (size_t i = 0; i < SETTING_COUNT; i++)
        known[i] = SETTINGS[i].key;
    known[SETTING_COUNT] = "data";
    known[SETTING_COUNT + 1] = NULL;
    bool done = yaml_keys_check(yaml_root(yaml), NULL, known, err);
    for (size_t i = 0; done && i < SETTING_COUNT; i++)
        done = read_setting(&SETTINGS[i], yaml_root(yaml), config, err);
    return done;
}

static bool
read_settings(const char *path, Config *config, Err *err)
{
    Yaml *yaml = yaml_open(path, err);
    bool done = yaml != NULL && read_document(yaml, config, err);
    yaml_close(&yaml);
    return done;
}

bool
config_parse(Text text, const char *name, Config *config, Err *err)
{
    Yaml *yaml = yaml_parse(text, name, err);
    bool done = yaml != NULL && read_document(yaml, config, err);
    yaml_close(&yaml);
    return done;
}

static const char *
configuration_file(void)
{
    const char *named = getenv("MILLIBILL_CONFIG");
    return named != NULL && named[0] != '\0' ? named : "/etc/millibill/millibill.yaml";
}

/* The `data:` key of the configuration file, when there is such a file. */
static bool
data_from_file(char out[PATH_MAX], Err *err)
{
    if (access(configuration_file(), R_OK) != 0)
        return true;
    Yaml *yaml = yaml_open(configuration_file(), err);
    if (yaml == NULL)
        return false;
    snprintf(out, PATH_MAX, "%.*s", TEXT_ARG(yaml_text(yaml_get(yaml_root(yaml), "data"))));
    yaml_close(&yaml);
    return true;
}

static void
default_directory(char out[PATH_MAX])
{
    const char *share = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    if (geteuid() == 0)
        snprintf(out, PATH_MAX, "/var/lib/millibill");
    else if (share != NULL && share[0] == '/')
        snprintf(out, PATH_MAX, "%s/millibill", share);
    else
        snprintf(out, PATH_MAX, "%s/.local/share/millibill", home == NULL ? "/tmp" : home);
}

static bool
find_data(const char *data_option, char out[PATH_MAX], Err *err)
{
    char named[PATH_MAX] = "";
    const char *environment = getenv("MILLIBILL_DATA");
    if (data_option != NULL)
        snprintf(named, sizeof(named), "%s", data_option);
    else if (environment != NULL && environment[0] != '\0')
        snprintf(named, sizeof(named), "%s", environment);
    else if (!data_from_file(named, err))
        return false;
    if (named[0] == '\0')
        default_directory(named);
    if (named[0] == '/') {
        memcpy(out, named, PATH_MAX);
    } else {
        char here[PATH_MAX];
        if (getcwd(here, sizeof(here)) == NULL)
            return err_set(err, ERR_IO, "cannot find the current directory");
        if (snprintf(out, PATH_MAX, "%s/%s", here, named) >= PATH_MAX)
            return err_set(err, ERR_RANGE, "path %s/%s is too long", here, named);
    }
    for (size_t length = strlen(out); length > 1 && out[length - 1] == '/'; length--)
        out[length - 1] = '\0';
    return true;
}

bool
config_load(const char *data_option, Config *config, Err *err)
{
    char path[PATH_MAX];
    memset(config, 0, sizeof(*config));
    if (!find_data(data_option, config->data, err) || !config_defaults(config, err))
        return false;
    if (!set_text(path, sizeof(path), err, config->data, "/millibill.yaml"))
        return false;
    if (access(path, F_OK) == 0)
        return read_settings(path, config, err);
    if (data_option == NULL && access(configuration_file(), R_OK) == 0)
        return read_settings(configuration_file(), config, err);
    return true;
}

static bool
write_setting(const Setting *setting, const Config *config, Buffer *out, Err *err)
{
    const char *value = (const char *) config + setting->offset;
    if (!buffer_printf(out, err, "%s: ", setting->key))
        return false;
    switch (setting->kind) {
    case SETTING_TEXT:
        return config_write_quoted(out, value, err) && buffer_append_text(out, "\n", err);
    case SETTING_INTEGER:
        return buffer_printf(out, err, "%lld\n", (long long) *(const int64_t *) (const void *) value);
    case SETTING_BOOLEAN:
        return buffer_printf(out, err, "%s\n", *(const bool *) value ? "true" : "false");
    case SETTING_COLLECTORS:
        return config_write_collectors(config, out, err);
    case SETTING_BINDINGS:
        return config_write_bindings(config, out, err);
    case SETTING_ALLOW_USERS:
        return config_write_allow_users(config, out, err);
    case SETTING_FOLLOW:
        return config_write_follow(config, out, err);
    }
    return false;
}

bool
config_save(const Config *config, Err *err)
{
    char path[PATH_MAX];
    Buffer out = {0};
    bool done =
        set_text(path, sizeof(path), err, config->data, "/millibill.yaml") &&
        buffer_append_text(
            &out, "# Settings of this millibill stack, written by 'millibill up'; see doc/configuration.md\n", err);
    for (size_t i = 0; done && i < SETTING_COUNT; i++)
        done = write_setting(&SETTINGS[i], config, &out, err);
    done = done && file_write(path, out.data, out.length, 0644, err);
    buffer_free(&out);
    return done;
}

bool
config_conninfo(const Config *config, const char *role, char *out, Err *err)
{
    int length = snprintf(out, CONFIG_TEXT_BYTES, "%s user=%s", config->database, role);
    if (length < 0 || length >= CONFIG_TEXT_BYTES)
        return err_set(err, ERR_RANGE, "the database setting is too long");
    return true;
}
