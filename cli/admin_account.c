#include "cli/admin_account.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/admin.h"
#include "cli/stack_command.h"
#include "lib/author.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "schema/account_store.h"
#include "schema/tenant_store.h"

/* ---- move ---- */

static bool
print_move(const StackCall *call, const char *month, int64_t revision, Err *err)
{
    const char *tenant = call->arguments[0];
    const char *account = call->arguments[1];
    if (!call->json) {
        printf("Tenant %s belongs to account %s from %s on (revision %" PRId64 ").\n", tenant, account, month,
               revision);
        return true;
    }
    Json *out = json_new_object(err);
    bool done = out != NULL && json_add_text(out, "tenant", tenant, err) &&
                json_add_text(out, "account", account, err) && json_add_text(out, "from", month, err) &&
                json_add_int(out, "revision", revision, err) && json_print(out, stdout, err);
    json_object_put(out);
    return done;
}

static bool
move_run(StackCall *call, void *context, Err *err)
{
    const char *const *month = context;
    char author[AUTHOR_BYTES];
    Config config;
    UtcMonth from;
    int64_t revision = 0;
    if (*month == NULL)
        return err_set(err, ERR_USAGE, "from which month on? Give --from YYYY-MM");
    if (!utc_month_parse(*month, &from, err))
        return err_prefix(err, "--from: ");
    if (!tenant_name_check("account", call->arguments[1], err))
        return false;
    Db *db = admin_connect(call->data, "millibill_owner", &config, err);
    bool done = db != NULL && account_store_move(db, call->arguments[0], call->arguments[1], from, author_write(author),
                                                 &revision, err);
    db_free(&db);
    return done && print_move(call, *month, revision, err);
}

int
account_move_command(int argc, char **argv)
{
    const char *month = NULL;
    const Option options[] = {
        {"from", 'f', OPTION_TEXT, &month, "YYYY-MM", "first month in which it belongs to the account"},
        {0},
    };
    const StackCommand command = {
        .command = "millibill account move",
        .arguments = "TENANT ACCOUNT",
        .summary = "Let a tenant change its account from a month on; what it belonged to before is kept.",
        .detail =
            "Tenants of one account share its free tiers and climb its price tiers together. A month that is final for a tenant of\n"
            "the account that it leaves or joins is not changed.",
        .arguments_min = 2,
        .arguments_max = 2,
        .options = options,
        .run = move_run,
        .context = &month,
    };
    return stack_command(&command, argc, argv);
}

/* ---- history ---- */

static bool
collect(void *context, const AccountMove *move, Err *err)
{
    Json *object = json_new_object(err);
    const bool first = move->from[0] == '\0';
    return object != NULL && json_append(context, object, err) &&
           json_add_int(object, "revision", move->revision, err) &&
           json_add_text(object, "from", first ? NULL : move->from, err) &&
           json_add_text(object, "account", move->account, err) && json_add_text(object, "set_at", move->set_at, err) &&
           json_add_text(object, "set_by", first ? NULL : move->set_by, err);
}

static const char *
member(Json *row, const char *key)
{
    Json *value = json_member(row, key);
    return value == NULL ? "-" : json_object_get_string(value);
}

static void
print_history(Json *rows)
{
    printf("%-8s %-8s %-32s %-20s %s\n", "REVISION", "FROM", "ACCOUNT", "SET AT", "BY");
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        Json *row = json_object_array_get_idx(rows, i);
        printf("%-8s %-8s %-32s %-20s %s\n", member(row, "revision"), member(row, "from"), member(row, "account"),
               member(row, "set_at"), member(row, "set_by"));
    }
}

static bool
history_run(StackCall *call, void *context, Err *err)
{
    (void) context;
    Config config;
    int64_t tenant_id = 0;
    Db *db = admin_connect(call->data, "millibill_owner", &config, err);
    Json *rows = db == NULL ? NULL : json_new_array(err);
    bool done = rows != NULL && tenant_id_of(db, call->arguments[0], &tenant_id, err) &&
                account_store_history(db, call->arguments[0], collect, rows, err);
    db_free(&db);
    if (done && call->json)
        done = json_print(rows, stdout, err);
    else if (done)
        print_history(rows);
    json_object_put(rows);
    return done;
}

int
account_history_command(int argc, char **argv)
{
    static const StackCommand COMMAND = {
        .command = "millibill account history",
        .arguments = "TENANT",
        .summary = "Show every account that a tenant belonged to: from when on, and who said so.",
        .arguments_min = 1,
        .arguments_max = 1,
        .run = history_run};
    return stack_command(&COMMAND, argc, argv);
}
