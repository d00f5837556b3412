#include "cli/admin.h"

#include <stdio.h>
#include <string.h>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/text.h"
#include "schema/migrate.h"
#include "schema/tenant_store.h"

Db *
admin_connect(const char *data_option, const char *role, Config *config, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    if (!config_load(data_option, config, err) || !config_conninfo(config, role, conninfo, err))
        return NULL;
    Db *db = db_connect(conninfo, "millibill", err);
    if (db == NULL)
        err_hint(err, "is the stack running? Start it with: millibill up --data %s", config->data);
    return db;
}

/* Roles need a superuser, whom an embedded stack has. */
static bool
migrate(const char *data, MigrateReport *report, Err *err)
{
    Config config;
    bool done = config_load(data, &config, err);
    if (done && config.embedded) {
        Db *superuser = admin_connect(data, CLUSTER_SUPERUSER, &config, err);
        done = superuser != NULL && migrate_roles(superuser, err);
        db_free(&superuser);
    }
    if (!done)
        return false;
    Db *owner = admin_connect(data, "millibill_owner", &config, err);
    done = owner != NULL && migrate_run(owner, report, err);
    db_free(&owner);
    return done;
}

static bool
migrate_print(const MigrateReport *report, bool json, Err *err)
{
    if (!json) {
        printf("Schema at %s: %d migration%s applied, %d known, views and grants %s.\n", report->last_name,
               report->applied, report->applied == 1 ? "" : "s", report->known,
               report->views_refreshed ? "made anew" : "unchanged");
        return true;
    }
    Json *out = json_object_new_object();
    bool done = json_add_int(out, "applied", report->applied, err) && json_add_int(out, "known", report->known, err) &&
                json_add_text(out, "last", report->last_name, err) &&
                json_add_bool(out, "views_refreshed", report->views_refreshed, err) && json_print(out, stdout, err);
    json_object_put(out);
    return done;
}

int
command_migrate(int argc, char **argv)
{
    const char *data = NULL;
    bool json = false;
    const Option options[] = {
        {"data", 0, OPTION_TEXT, &data, "DIR", "directory of the stack"},
        {"json", 0, OPTION_FLAG, &json, NULL, "one JSON document"},
        {0},
    };
    const CommandLine line = {
        .command = "millibill migrate",
        .arguments = "",
        .summary = "Bring the database schema up to date: migrations, functions, views and grants.",
        .detail = "`millibill up` does this too. May be run again at any time.",
        .options = options,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    MigrateReport report = {0};
    if (!migrate(data, &report, &err) || !migrate_print(&report, json, &err))
        return err_report(&err, "millibill migrate");
    return 0;
}

static bool
tenant_added_print(const char *tenant, const char *account, bool json, Err *err)
{
    fprintf(json ? stderr : stdout, "Tenant %s added (account %s).\n", tenant, account);
    if (!json)
        return true;
    Json *out = json_new_object(err);
    bool done = out != NULL && json_add_text(out, "tenant", tenant, err) &&
                json_add_text(out, "account", account, err) && json_print(out, stdout, err);
    json_object_put(out);
    return done;
}

enum { NAME_BYTES_MAX = 255 };

/* Says what is wrong without repeating bytes that a terminal may obey. */
static bool
name_check(const char *what, const char *name, Err *err)
{
    const Text text = text_of(name);
    if (!text_is_empty(text) && text.length <= NAME_BYTES_MAX && text_is_clean_utf8(text))
        return true;
    const char *fault = text_is_empty(text)            ? "is empty"
                        : text.length > NAME_BYTES_MAX ? "is too long"
                        : !text_is_utf8(text)          ? "is not UTF-8"
                                                       : "has control characters";
    return err_set(err, ERR_INPUT, "the %s's name %s: expected 1 to %d bytes of UTF-8 without control characters", what,
                   fault, NAME_BYTES_MAX);
}

static int
tenant_add_run(int argc, char **argv)
{
    const char *data = NULL, *account = NULL;
    bool json = false;
    const char *const *names = NULL;
    const Option options[] = {
        {"data", 0, OPTION_TEXT, &data, "DIR", "directory of the stack"},
        {"account", 0, OPTION_TEXT, &account, "NAME", "account that shares one free tier (default: one of its own)"},
        {"json", 0, OPTION_FLAG, &json, NULL, "one JSON document"},
        {0},
    };
    const CommandLine line = {
        .command = "millibill tenant add",
        .arguments = "NAME",
        .summary = "Register a tenant: from then on its usage is billed.",
        .detail = "NAME: 1 to 255 bytes of UTF-8 without control characters.\n"
                  "Usage that came before it is in quarantine: millibill quarantine replay --tenant NAME",
        .options = options,
        .arguments_min = 1,
        .arguments_max = 1,
    };
    OptionsResult result = options_parse(&line, argc, argv, &names);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Config config;
    Err err = {0};
    if (!name_check("tenant", names[0], &err) || (account != NULL && !name_check("account", account, &err)))
        return err_report(&err, "millibill tenant add");
    Db *db = admin_connect(data, "millibill_owner", &config, &err);
    bool done = db != NULL && tenant_add(db, names[0], account, NULL, &err);
    db_free(&db);
    done = done && tenant_added_print(names[0], account == NULL ? names[0] : account, json, &err);
    return done ? 0 : err_report(&err, "millibill tenant add");
}

static bool
tenant_collect(void *context, const TenantRow *row, Err *err)
{
    Json *json = json_object_new_object();
    return json_add_text(json, "tenant", row->name, err) && json_add_text(json, "account", row->account, err) &&
           json_add_text(json, "created_at", row->created_at, err) && json_append(context, json, err);
}

static const char *
member_text(Json *object, const char *key)
{
    return json_object_get_string(json_member(object, key));
}

static void
tenants_print(Json *tenants)
{
    printf("%-32s %-32s %s\n", "TENANT", "ACCOUNT", "SINCE");
    for (size_t i = 0; i < json_object_array_length(tenants); i++) {
        Json *row = json_object_array_get_idx(tenants, i);
        printf("%-32s %-32s %s\n", member_text(row, "tenant"), member_text(row, "account"),
               member_text(row, "created_at"));
    }
}

/* [{"account": …, "tenants": […]}, …] in the order of first tenants. */
static Json *
accounts_of(Json *tenants, Err *err)
{
    Json *accounts = json_object_new_array();
    Json *by_name = json_object_new_object(); /* name → its tenants array, shared with `accounts` */
    for (size_t i = 0; i < json_object_array_length(tenants); i++) {
        Json *row = json_object_array_get_idx(tenants, i);
        const char *name = member_text(row, "account");
        Json *members = json_member(by_name, name);
        if (members == NULL) {
            Json *account = json_object_new_object();
            members = json_object_new_array();
            json_add_text(account, "account", name, err);
            json_add(account, "tenants", members, err);
            json_append(accounts, account, err);
            json_add(by_name, name, json_object_get(members), err);
        }
        json_append(members, json_object_new_string(member_text(row, "tenant")), err);
    }
    json_object_put(by_name);
    return accounts;
}

static void
accounts_print(Json *accounts)
{
    printf("%-32s %s\n", "ACCOUNT", "TENANTS");
    for (size_t i = 0; i < json_object_array_length(accounts); i++) {
        Json *row = json_object_array_get_idx(accounts, i);
        Json *members = json_member(row, "tenants");
        printf("%-32s ", member_text(row, "account"));
        for (size_t j = 0; j < json_object_array_length(members); j++)
            printf("%s%s", j == 0 ? "" : ", ", json_object_get_string(json_object_array_get_idx(members, j)));
        printf("\n");
    }
}

static bool
list_show(const char *data, bool json, bool by_account, Err *err)
{
    Config config;
    Db *db = admin_connect(data, "millibill_owner", &config, err);
    Json *rows = json_object_new_array();
    bool done = db != NULL && tenant_list(db, tenant_collect, rows, err);
    db_free(&db);
    if (done && by_account) {
        Json *accounts = accounts_of(rows, err);
        json_object_put(rows);
        rows = accounts;
        done = !err_is_set(err);
    }
    if (done && json)
        done = json_print(rows, stdout, err);
    else if (done)
        by_account ? accounts_print(rows) : tenants_print(rows);
    json_object_put(rows);
    return done;
}

static int
list_run(const char *command, const char *summary, bool by_account, int argc, char **argv)
{
    const char *data = NULL;
    bool json = false;
    const Option options[] = {
        {"data", 0, OPTION_TEXT, &data, "DIR", "directory of the stack"},
        {"json", 0, OPTION_FLAG, &json, NULL, "one JSON document"},
        {0},
    };
    const CommandLine line = {.command = command, .arguments = "", .summary = summary, .options = options};
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return list_show(data, json, by_account, &err) ? 0 : err_report(&err, command);
}

static int
tenant_list_run(int argc, char **argv)
{
    return list_run("millibill tenant list", "Every tenant, its account, and since when.", false, argc, argv);
}

static int
account_list_run(int argc, char **argv)
{
    return list_run("millibill account list", "Every account and its tenants.", true, argc, argv);
}

int
command_tenant(int argc, char **argv)
{
    static const Command COMMANDS[] = {
        {"add", "register a tenant", tenant_add_run},
        {"list", "every tenant", tenant_list_run},
        {0},
    };
    return command_dispatch("millibill tenant", "Who is billed.", COMMANDS, argc, argv);
}

int
command_account(int argc, char **argv)
{
    static const Command COMMANDS[] = {
        {"list", "every account and its tenants", account_list_run},
        {0},
    };
    return command_dispatch("millibill account", "Groups of tenants that share one free tier and one tier ladder.",
                            COMMANDS, argc, argv);
}
