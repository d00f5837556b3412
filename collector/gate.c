#include "collector/gate_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "lib/array.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "schema/agent_store.h"

enum {
    KEYS_PATIENCE_MS = 10000, /* one small table: who is let in waits for it */
    ENFORCE_DOMAIN = 93       /* ZMQ_ZAP_ENFORCE_DOMAIN: in libzmq 4.3, but in its header among the drafts only */
};

/* ---- table of keys ---- */

static int
key_compare(const void *left, const void *right)
{
    const GateAgent *a = left;
    const GateAgent *b = right;
    return strcmp(a->key, b->key);
}

static bool
take_agent(void *context, const AgentRow *agent, Err *err)
{
    KeyTable *table = context;
    if (!array_grow(&table->rows, &table->capacity, table->count, sizeof *table->rows, err))
        return false;
    GateAgent *row = &table->rows[table->count++];
    *row = (GateAgent){.agent_id = agent->agent_id};
    snprintf(row->key, sizeof row->key, "%s", agent->public_key);
    snprintf(row->name, sizeof row->name, "%s", agent->name);
    return true;
}

/** Read the table anew and put it in place of the old one, which stays when the database does not answer. */
static bool
table_load(Gate *self, Err *err)
{
    KeyTable table = {0};
    self->loaded_at_us = utc_monotonic_us();
    if ((!db_is_connected(self->db) && !db_reconnect(self->db, err)) ||
        !agent_keys(self->db, take_agent, &table, err)) {
        free(table.rows);
        return false;
    }
    if (table.count > 0)
        qsort(table.rows, table.count, sizeof *table.rows, key_compare);
    pthread_mutex_lock(&self->lock);
    KeyTable old = self->table;
    self->table = table;
    pthread_mutex_unlock(&self->lock);
    free(old.rows);
    metrics_set(self->metrics, METRIC_KEYS_KNOWN, (int64_t) table.count);
    metrics_set(self->metrics, METRIC_KEYS_LOADED_AT_US, utc_now_us());
    return true;
}

void
gate_table_reload(Gate *self, int64_t least_age_ms)
{
    Err err = {0};
    if (utc_monotonic_us() - self->loaded_at_us >= least_age_ms * 1000 && !table_load(self, &err))
        log_debug("event=keys_not_reloaded message=\"%s\"", err.message);
}

MUST_CHECK bool
gate_agent(Gate *self, const char *user_id, GateAgent *agent)
{
    GateAgent wanted = {0};
    if (user_id == NULL || strlen(user_id) != KEY_TEXT_BYTES - 1 || !gate_is_alive(self))
        return false;
    memcpy(wanted.key, user_id, KEY_TEXT_BYTES);
    pthread_mutex_lock(&self->lock);
    const GateAgent *found = self->table.count == 0
                                 ? NULL
                                 : bsearch(&wanted, self->table.rows, self->table.count, sizeof wanted, key_compare);
    if (found != NULL)
        *agent = *found;
    pthread_mutex_unlock(&self->lock);
    return found != NULL;
}

/* ---- opening ---- */

bool
gate_is_alive(const Gate *self)
{
    return atomic_load(&self->alive);
}

MUST_CHECK Gate *
gate_open(void *zmq_context, const Config *config, Metrics *metrics, Health *health, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    Gate *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the gate");
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    self->metrics = metrics;
    self->health = health;
    if (keys_read_pair(config->collector_key, self->public_key, self->secret_key, err) &&
        config_conninfo(config, "millibill_collector", conninfo, err))
        self->db = db_connect(conninfo, "millibill-collector gate", err);
    if (self->db != NULL)
        db_be_patient(self->db, KEYS_PATIENCE_MS);
    if (self->db == NULL || !table_load(self, err) || !gate_handler_start(self, zmq_context, err))
        gate_free(&self);
    return self;
}

void
gate_free(Gate **self)
{
    if (*self == NULL)
        return;
    if ((*self)->running)
        pthread_join((*self)->thread, NULL);
    else if ((*self)->zap != NULL)
        zmq_close((*self)->zap);
    db_free(&(*self)->db);
    free((*self)->table.rows);
    pthread_mutex_destroy(&(*self)->lock);
    sodium_memzero((*self)->secret_key, sizeof(*self)->secret_key);
    free(*self);
    *self = NULL;
}

MUST_CHECK bool
gate_protect(const Gate *self, void *socket, Err *err)
{
    int yes = 1;
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) == 0 &&
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, self->secret_key, KEY_TEXT_BYTES) == 0 &&
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, GATE_DOMAIN, strlen(GATE_DOMAIN)) == 0 &&
        zmq_setsockopt(socket, ENFORCE_DOMAIN, &yes, sizeof yes) == 0)
        return true;
    return err_set(err, ERR_DENIED, "libzmq cannot protect the socket by keys: %s", zmq_strerror(errno));
}
