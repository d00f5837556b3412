/* millibill tenant add|list, account list */
#include <stdio.h>

#include "cli/account_service.h"
#include "cli/admin.h"
#include "cli/admin_account.h"
#include "cli/commands.h"
#include "cli/stack_command.h"
#include "cli/tenant_login.h"
#include "lib/json.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/tenant_store.h"

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
bool
tenant_name_check(const char *what, const char *name, Err *err)
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

static bool
tenant_add_run(StackCall *call, void *context, Err *err)
{
    const char *name = call->arguments[0];
    const char *const *given = context;
    const char *account = *given;
    Config config;
    if (!tenant_name_check("tenant", name, err) || (account != NULL && !tenant_name_check("account", account, err)))
        return false;
    Db *db = admin_connect(call->data, "millibill_owner", &config, err);
    bool done = db != NULL && tenant_add(db, name, account, NULL, err);
    db_free(&db);
    return done && tenant_added_print(name, account == NULL ? name : account, call->json, err);
}

static int
tenant_add_command(int argc, char **argv)
{
    const char *account = NULL;
    const Option options[] = {
        {"account", 0, OPTION_TEXT, &account, "NAME", "account that shares one free tier; default one of its own"},
        {0},
    };
    const StackCommand command = {
        .command = "millibill tenant add",
        .arguments = "NAME",
        .summary = "Register a tenant: from then on its usage is billed.",
        .detail = "NAME: 1 to 255 bytes of UTF-8 without control characters.\n"
                  "Usage that came before it is in quarantine: millibill quarantine replay --tenant NAME",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = options,
        .run = tenant_add_run,
        .context = &account,
    };
    return stack_command(&command, argc, argv);
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
tenants_read(const char *data, UtcMonth month, Json *rows, Err *err)
{
    Config config;
    Db *db = admin_connect(data, "millibill_owner", &config, err);
    bool done = db != NULL && tenant_list_in(db, month, tenant_collect, rows, err);
    db_free(&db);
    return done;
}

static bool
tenant_list_run(StackCall *call, void *context, Err *err)
{
    (void) context;
    Json *rows = json_object_new_array();
    bool done = tenants_read(call->data, utc_month_of(utc_now_us()), rows, err);
    if (done && call->json)
        done = json_print(rows, stdout, err);
    else if (done)
        tenants_print(rows);
    json_object_put(rows);
    return done;
}

static bool
account_list_run(StackCall *call, void *context, Err *err)
{
    const char *const *month_text = context;
    UtcMonth month = utc_month_of(utc_now_us());
    if (*month_text != NULL && !utc_month_parse(*month_text, &month, err))
        return err_prefix(err, "--month: ");
    Json *rows = json_object_new_array();
    Json *accounts = tenants_read(call->data, month, rows, err) ? accounts_of(rows, err) : NULL;
    bool done = accounts != NULL && !err_is_set(err);
    if (done && call->json)
        done = json_print(accounts, stdout, err);
    else if (done)
        accounts_print(accounts);
    json_object_put(accounts);
    json_object_put(rows);
    return done;
}

static int
tenant_list_command(int argc, char **argv)
{
    static const StackCommand COMMAND = {.command = "millibill tenant list",
                                         .summary = "List every tenant, its account, and since when.",
                                         .run = tenant_list_run};
    return stack_command(&COMMAND, argc, argv);
}

static int
account_list_command(int argc, char **argv)
{
    const char *month = NULL;
    const Option options[] = {
        {"month", 'm', OPTION_TEXT, &month, "YYYY-MM", "as they are in this month; default the present one"},
        {0},
    };
    const StackCommand command = {.command = "millibill account list",
                                  .summary = "List every account and its tenants.",
                                  .options = options,
                                  .run = account_list_run,
                                  .context = &month};
    return stack_command(&command, argc, argv);
}

int
command_tenant(int argc, char **argv)
{
    static const Command COMMANDS[] = {
        {"add", "register a tenant", tenant_add_command},
        {"list", "every tenant", tenant_list_command},
        {"login", "let a tenant read its own rows in the database", tenant_login_command},
        {0},
    };
    return command_dispatch("millibill tenant", "Who is billed.", COMMANDS, argc, argv);
}

int
command_account(int argc, char **argv)
{
    static const Command COMMANDS[] = {
        {"list", "every account and its tenants", account_list_command},
        {"move", "let a tenant change its account, from a month on", account_move_command},
        {"history", "every account that a tenant belonged to", account_history_command},
        {"service", "when an account's service begins and ends", account_service_command},
        {0},
    };
    return command_dispatch("millibill account", "Groups of tenants that share one free tier and one tier ladder.",
                            COMMANDS, argc, argv);
}
