#include "cli/admin.h"

#include <stdio.h>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/stack_command.h"
#include "lib/json.h"
#include "schema/migrate.h"

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

static bool
migrate_run_call(StackCall *call, void *context, Err *err)
{
    (void) context;
    MigrateReport report = {0};
    return migrate(call->data, &report, err) && migrate_print(&report, call->json, err);
}

int
command_migrate(int argc, char **argv)
{
    static const StackCommand COMMAND = {
        .command = "millibill migrate",
        .summary = "Bring the database schema up to date: migrations, functions, views and grants.",
        .detail = "`millibill up` does this too. May be run again at any time.",
        .run = migrate_run_call,
    };
    return stack_command(&COMMAND, argc, argv);
}
