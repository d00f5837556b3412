/**
 * config_table - function configurations seen, each once, with its id in the database
 *
 * Maps (tenant, function, region, architecture, memory, ephemeral, mode, package) to a small index. Copies the texts.
 */
#ifndef SCHEMA_CONFIG_TABLE_H
#define SCHEMA_CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "proto/usage_record.h"
#include "schema/db.h"
#include "schema/rollup_store.h"

typedef struct ConfigTable ConfigTable;

/** NULL: ERR_NOMEM. Caller frees with config_table_free(). */
MUST_CHECK ConfigTable *config_table_new(Err *err);
void config_table_free(ConfigTable **self);

size_t config_table_count(const ConfigTable *self);
/** Find or add; the index stays valid until config_table_forget. ERR_NOMEM. */
MUST_CHECK bool config_table_index(ConfigTable *self, const ConfigKey *key, uint32_t *index, Err *err);
/** The key of a record of a tenant. */
ConfigKey config_key_of(int64_t tenant_id, const UsageRecord *record);

/** Ask the database for the ids of those that have none yet. */
MUST_CHECK bool config_table_ensure_ids(ConfigTable *self, Db *db, Err *err);
int64_t config_table_id(const ConfigTable *self, uint32_t index); /* after config_table_ensure_ids */
int64_t config_table_tenant(const ConfigTable *self, uint32_t index);
/** The key itself; its texts live as long as the index. */
ConfigKey config_table_key(const ConfigTable *self, uint32_t index);

/** Forget everything: after a transaction failed in which ids were asked for, or when the table got large. */
void config_table_forget(ConfigTable *self);

#endif
