#include "cli/tenant_login.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "cli/admin.h"
#include "cli/cluster.h"
#include "cli/stack_command.h"
#include "lib/json.h"
#include "lib/options.h"
#include "schema/tenant_login_store.h"
#include "schema/tenant_store.h"

enum { PASSWORD_RANDOM_BYTES = 24, PASSWORD_BYTES = 33 }; /* 32 characters and a NUL */

typedef struct Login {
    const char *as; /* the role that makes roles */
    bool drop;
    const char *tenant;
    char role[TENANT_ROLE_BYTES];
    char password[PASSWORD_BYTES]; /* printed once, kept nowhere */
} Login;

static bool
login_make(Login *self, Db *db, Err *err)
{
    unsigned char random[PASSWORD_RANDOM_BYTES];
    int64_t tenant_id = 0;
    if (!tenant_id_of(db, self->tenant, &tenant_id, err))
        return false;
    tenant_login_role(tenant_id, self->role);
    if (self->drop)
        return tenant_login_drop(db, tenant_id, err);
    randombytes_buf(random, sizeof(random));
    (void) sodium_bin2base64(self->password, sizeof(self->password), random, sizeof(random),
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof(random));
    return tenant_login_make(db, tenant_id, self->password, err);
}

static void
login_print(const Login *self, const char *connection, FILE *out)
{
    if (self->drop)
        fprintf(out, "Tenant %s cannot log in any more: role %s is gone.\n", self->tenant, self->role);
    else
        fprintf(out,
                "Tenant %s may log in and read its own usage, cost and invoices (the views of schema millibill).\n"
                "  role      %s\n"
                "  password  %s   (shown this once; the same command makes a new one)\n"
                "  connect   psql \"%s\"\n",
                self->tenant, self->role, self->password, connection);
}

static bool
login_print_json(const Login *self, const char *connection, Err *err)
{
    Json *out = json_new_object(err);
    bool done = out != NULL && json_add_text(out, "tenant", self->tenant, err) &&
                json_add_text(out, "role", self->role, err) &&
                (self->drop ? json_add_bool(out, "dropped", true, err)
                            : json_add_text(out, "password", self->password, err) &&
                                  json_add_text(out, "connection", connection, err)) &&
                json_print(out, stdout, err);
    json_object_put(out);
    return done;
}

static bool
login_run(StackCall *call, void *context, Err *err)
{
    Login *self = context;
    Config config;
    char connection[CONFIG_TEXT_BYTES];
    self->tenant = call->arguments[0];
    Db *db = admin_connect(call->data, self->as, &config, err);
    bool done = db != NULL && login_make(self, db, err) && config_conninfo(&config, self->role, connection, err);
    db_free(&db);
    if (done && call->json)
        done = login_print_json(self, connection, err);
    else if (done)
        login_print(self, connection, stdout);
    sodium_memzero(self->password, sizeof(self->password));
    return done;
}

int
tenant_login_command(int argc, char **argv)
{
    Login login = {.as = CLUSTER_SUPERUSER};
    const Option options[] = {
        {"as", 0, OPTION_TEXT, &login.as, "ROLE", "role that may create roles; default " CLUSTER_SUPERUSER},
        {"drop", 0, OPTION_FLAG, &login.drop, NULL, "take the login away again"},
        {0},
    };
    const StackCommand command = {
        .command = "millibill tenant login",
        .arguments = "NAME",
        .summary = "Let a tenant read its own rows in the database, by a role and a password of its own.",
        .detail =
            "Run again for a new password; the old one is refused from then on, open connections stay. On a stack of\n"
            "`millibill up` the role logs in over the stack's Unix socket with its password. Elsewhere pg_hba.conf must\n"
            "let members of millibill_tenant in, with scram-sha-256 and over TLS.",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = options,
        .run = login_run,
        .context = &login,
    };
    return stack_command(&command, argc, argv);
}
