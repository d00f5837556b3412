#include "reports/stack.h"

#include "lib/config.h"
#include "schema/tenant_store.h"

static Db *
connect_as(const char *role, const char *data_option, Err *err)
{
    Config config;
    char conninfo[CONFIG_TEXT_BYTES];
    if (!config_load(data_option, &config, err) || !config_conninfo(&config, role, conninfo, err))
        return NULL;
    Db *db = db_connect(conninfo, "millibill-report", err);
    if (db == NULL)
        err_hint(err, "is the stack of %s up? Start it with: millibill up --data %s", config.data, config.data);
    return db;
}

Db *
stack_connect(const char *data_option, Err *err)
{
    return connect_as("millibill_reader", data_option, err);
}

Db *
stack_connect_evidence(const char *data_option, Err *err)
{
    return connect_as("millibill_rater", data_option, err);
}

bool
stack_month(const char *option, UtcMonth *month, Err *err)
{
    if (option == NULL) {
        *month = utc_month_of(utc_now_us());
        return true;
    }
    return utc_month_parse(option, month, err) || err_prefix(err, "--month: ");
}

bool
stack_tenant_check(Db *db, const char *tenant, Err *err)
{
    int64_t id = 0;
    return tenant == NULL || tenant_id_of(db, tenant, &id, err);
}
