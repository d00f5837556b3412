#include <stdio.h>
#include <string.h>

#include "cli/admin.h"
#include "cli/agent_rotate.h"
#include "cli/commands.h"
#include "cli/stack_command.h"
#include "lib/json.h"
#include "lib/keys.h"
#include "lib/options.h"
#include "lib/text.h"
#include "schema/agent_store.h"

typedef struct NewAgent {
    const char *name;
    const char *key_path; /* NULL: DATA/keys/NAME.key */
    OptionList tenants;
    bool all_tenants;
} NewAgent;

bool
agent_name_check(const char *name, Err *err)
{
    if (name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL && strlen(name) < 128)
        return true;
    return err_set(err, ERR_USAGE, "agent '%s': expected a name without '/' that does not begin with '.'", name);
}

static bool
agent_make(Db *db, const Config *config, const NewAgent *agent, char path[PATH_MAX], char public_key[KEY_TEXT_BYTES],
           Err *err)
{
    int length = agent->key_path == NULL ? snprintf(path, PATH_MAX, "%s/keys/%s.key", config->data, agent->name)
                                         : snprintf(path, PATH_MAX, "%s", agent->key_path);
    if (length >= PATH_MAX)
        return err_set(err, ERR_RANGE, "the key file's path is too long");
    bool done = keys_ensure(path, NULL, public_key, err) && db_begin(db, false, err) &&
                agent_add(db, agent->name, public_key, agent->all_tenants, err);
    for (size_t i = 0; done && i < agent->tenants.count; i++)
        done = agent_allow_tenant(db, agent->name, agent->tenants.items[i], err);
    done = done && db_commit(db, err);
    db_rollback(db);
    return done;
}

/* ["a", "b"], or "all" */
static Json *
tenants_json(const NewAgent *agent, Err *err)
{
    if (agent->all_tenants) {
        Json *all = json_object_new_string("all");
        if (all == NULL)
            err_set(err, ERR_NOMEM, "no memory for JSON");
        return all;
    }
    Json *names = json_new_array(err);
    bool done = names != NULL;
    for (size_t i = 0; done && i < agent->tenants.count; i++)
        done = json_append(names, json_object_new_string(agent->tenants.items[i]), err);
    if (done)
        return names;
    json_object_put(names);
    return NULL;
}

static bool
agent_added_json(const Config *config, const NewAgent *agent, const char *path, const char *public_key, Err *err)
{
    Json *out = json_new_object(err);
    Json *tenants = out == NULL ? NULL : tenants_json(agent, err);
    bool done = tenants != NULL && json_add_text(out, "agent", agent->name, err) &&
                json_add_text(out, "public_key", public_key, err) && json_add_text(out, "key_file", path, err) &&
                json_add_text(out, "collector_public_key", config->collector_public_key, err) &&
                json_add(out, "tenants", json_object_get(tenants), err) && json_print(out, stdout, err);
    json_object_put(tenants);
    json_object_put(out);
    return done;
}

static bool
agent_add_show(const char *data, const NewAgent *agent, bool json, Err *err)
{
    Config config;
    char path[PATH_MAX], public_key[KEY_TEXT_BYTES];
    if (!agent_name_check(agent->name, err))
        return false;
    if (agent->tenants.count == 0 && !agent->all_tenants)
        return err_set(err, ERR_USAGE, "say for whom it may speak: --tenant T (repeated) or --all-tenants");
    Db *db = admin_connect(data, "millibill_owner", &config, err);
    bool done = db != NULL && agent_make(db, &config, agent, path, public_key, err);
    db_free(&db);
    if (done)
        fprintf(json ? stderr : stdout,
                "Agent %s added.\n  agent_key             %s   (secret: copy it to the agent's host, mode 0600)\n"
                "  collector_public_key  %s\n",
                agent->name, path, config.collector_public_key);
    return done && (!json || agent_added_json(&config, agent, path, public_key, err));
}

static bool
agent_add_run(StackCall *call, void *context, Err *err)
{
    NewAgent *agent = context;
    agent->name = call->arguments[0];
    return agent_add_show(call->data, agent, call->json, err);
}

static int
agent_add_command(int argc, char **argv)
{
    NewAgent agent = {0};
    const Option options[] = {
        {"tenant", 0, OPTION_LIST, &agent.tenants, "NAME", "it may speak for this tenant; repeatable"},
        {"all-tenants", 0, OPTION_FLAG, &agent.all_tenants, NULL, "it may speak for every tenant"},
        {"key", 0, OPTION_TEXT, &agent.key_path, "FILE", "key pair; made when absent; default DIR/keys/NAME.key"},
        {0},
    };
    const StackCommand command = {
        .command = "millibill agent add",
        .arguments = "NAME",
        .summary = "Register an agent's key with the collector.",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = options,
        .run = agent_add_run,
        .context = &agent,
    };
    return stack_command(&command, argc, argv);
}

/* ---- for whom it speaks ---- */

typedef struct Rights {
    bool deny;
    OptionList tenants;
} Rights;

static bool
rights_change(Db *db, const char *name, const Rights *rights, Err *err)
{
    bool done = db_begin(db, false, err);
    for (size_t i = 0; done && i < rights->tenants.count; i++)
        done = rights->deny ? agent_deny_tenant(db, name, rights->tenants.items[i], err)
                            : agent_allow_tenant(db, name, rights->tenants.items[i], err);
    done = done && db_commit(db, err);
    db_rollback(db);
    return done;
}

static bool
rights_print_json(const char *name, const Rights *rights, Err *err)
{
    const NewAgent named = {.tenants = rights->tenants};
    Json *out = json_new_object(err);
    Json *tenants = out == NULL ? NULL : tenants_json(&named, err);
    bool done = tenants != NULL && json_add_text(out, "agent", name, err) &&
                json_add(out, rights->deny ? "denied" : "allowed", json_object_get(tenants), err) &&
                json_print(out, stdout, err);
    json_object_put(tenants);
    json_object_put(out);
    return done;
}

static bool
rights_run(StackCall *call, void *context, Err *err)
{
    const Rights *rights = context;
    const char *name = call->arguments[0];
    Config config;
    if (rights->tenants.count == 0)
        return err_set(err, ERR_USAGE, "which tenant? Give --tenant NAME, once for each");
    Db *db = admin_connect(call->data, "millibill_owner", &config, err);
    bool done = db != NULL && rights_change(db, name, rights, err);
    db_free(&db);
    for (size_t i = 0; done && i < rights->tenants.count; i++)
        fprintf(call->json ? stderr : stdout, "Agent %s %s for tenant %s.\n", name,
                rights->deny ? "does not speak any more" : "may speak", rights->tenants.items[i]);
    return done && (!call->json || rights_print_json(name, rights, err));
}

static int
rights_command(bool deny, int argc, char **argv)
{
    Rights rights = {.deny = deny};
    const Option options[] = {
        {"tenant", 0, OPTION_LIST, &rights.tenants, "NAME", "tenant; repeatable"},
        {0},
    };
    const StackCommand command = {
        .command = deny ? "millibill agent deny" : "millibill agent allow",
        .arguments = "NAME",
        .summary = deny ? "Take tenants from an agent: what it says for them goes to quarantine from the next batch on."
                        : "Let an agent speak for further tenants, from the next batch on.",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = options,
        .run = rights_run,
        .context = &rights,
    };
    return stack_command(&command, argc, argv);
}

static int
agent_allow_command(int argc, char **argv)
{
    return rights_command(false, argc, argv);
}

static int
agent_deny_command(int argc, char **argv)
{
    return rights_command(true, argc, argv);
}

/* ---- revoke ---- */

static bool
agent_revoked_print(const char *name, bool json, Err *err)
{
    fprintf(json ? stderr : stdout, "Agent %s is revoked.\n", name);
    if (!json)
        return true;
    Json *out = json_new_object(err);
    bool done = out != NULL && json_add_text(out, "agent", name, err) && json_add_bool(out, "revoked", true, err) &&
                json_print(out, stdout, err);
    json_object_put(out);
    return done;
}

static bool
agent_revoke_run(StackCall *call, void *context, Err *err)
{
    (void) context;
    Config config;
    Db *db = admin_connect(call->data, "millibill_owner", &config, err);
    bool done = db != NULL && agent_revoke(db, call->arguments[0], err);
    db_free(&db);
    return done && agent_revoked_print(call->arguments[0], call->json, err);
}

static int
agent_revoke_command(int argc, char **argv)
{
    static const StackCommand COMMAND = {
        .command = "millibill agent revoke",
        .arguments = "NAME",
        .summary = "Refuse an agent's key from now on, on open connections too.",
        .arguments_min = 1,
        .arguments_max = 1,
        .run = agent_revoke_run,
    };
    return stack_command(&COMMAND, argc, argv);
}

/* ---- list ---- */

static bool
agent_collect(void *context, const AgentRow *row, Err *err)
{
    Json *json = json_object_new_object();
    return json_add_text(json, "agent", row->name, err) && json_add_text(json, "public_key", row->public_key, err) &&
           json_add_bool(json, "all_tenants", row->all_tenants, err) &&
           json_add_bool(json, "revoked", row->revoked, err) && json_append(context, json, err);
}

static void
agents_print(Json *agents)
{
    printf("%-24s %-42s %s\n", "AGENT", "PUBLIC KEY", "SPEAKS FOR");
    for (size_t i = 0; i < json_object_array_length(agents); i++) {
        Json *row = json_object_array_get_idx(agents, i);
        bool revoked = json_object_get_boolean(json_member(row, "revoked"));
        bool all = json_object_get_boolean(json_member(row, "all_tenants"));
        printf("%-24s %-42s %s\n", json_object_get_string(json_member(row, "agent")),
               json_object_get_string(json_member(row, "public_key")),
               revoked ? "nobody (revoked)"
               : all   ? "every tenant"
                       : "its tenants");
    }
}

static bool
agent_list_run(StackCall *call, void *context, Err *err)
{
    (void) context;
    Config config;
    Db *db = admin_connect(call->data, "millibill_owner", &config, err);
    Json *rows = json_object_new_array();
    bool done = db != NULL && agent_list(db, agent_collect, rows, err);
    db_free(&db);
    if (done && call->json)
        done = json_print(rows, stdout, err);
    else if (done)
        agents_print(rows);
    json_object_put(rows);
    return done;
}

static int
agent_list_command(int argc, char **argv)
{
    static const StackCommand COMMAND = {
        .command = "millibill agent list", .summary = "List every agent's key.", .run = agent_list_run};
    return stack_command(&COMMAND, argc, argv);
}

int
command_agent(int argc, char **argv)
{
    static const Command COMMANDS[] = {
        {"add", "register an agent's key", agent_add_command},
        {"list", "every agent's key", agent_list_command},
        {"allow", "let an agent speak for further tenants", agent_allow_command},
        {"deny", "take tenants from an agent", agent_deny_command},
        {"rotate", "give an agent a new key", agent_rotate_command},
        {"revoke", "refuse an agent's key", agent_revoke_command},
        {0},
    };
    return command_dispatch("millibill agent", "Agents that may speak to the collector.", COMMANDS, argc, argv);
}
