#include "collector/gate_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "lib/array.h"
#include "lib/keys.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "schema/agent_store.h"

enum {
    ZAP_FRAMES = 7, /* version, request, domain, address, identity, mechanism, key */
    ZAP_FRAME_BYTES = 256,
    CURVE_KEY_BYTES = 32,
    RELOAD_MS = 1000,
    RELOAD_LEAST_MS = 100, /* unknown keys cannot make us read the table more often */
    ENFORCE_DOMAIN = 93,   /* ZMQ_ZAP_ENFORCE_DOMAIN: in libzmq 4.3, but in its header among the drafts only */
    PROOF_MS = 5000
};
static const char ZAP_ENDPOINT[] = "inproc://zeromq.zap.01";
static const char ZAP_DOMAIN[] = "millibill";

/* ---- table of keys ---- */

static int
key_compare(const void *left, const void *right)
{
    const KeyRow *a = left;
    const KeyRow *b = right;
    return strcmp(a->key, b->key);
}

static bool
take_agent(void *context, const AgentRow *agent, Err *err)
{
    KeyTable *table = context;
    if (agent->revoked)
        return true;
    if (!array_grow(&table->rows, &table->capacity, table->count, sizeof *table->rows, err))
        return false;
    KeyRow *row = &table->rows[table->count++];
    *row = (KeyRow){.agent.agent_id = agent->agent_id};
    snprintf(row->key, sizeof row->key, "%s", agent->public_key);
    snprintf(row->agent.name, sizeof row->agent.name, "%s", agent->name);
    return true;
}

/** Read the table anew and put it in place of the old one, which stays when the database does not answer. */
static bool
table_load(Gate *self, Err *err)
{
    KeyTable table = {0};
    self->loaded_at_us = utc_monotonic_us();
    if ((!db_is_connected(self->db) && !db_reconnect(self->db, err)) ||
        !agent_list(self->db, take_agent, &table, err)) {
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
    return true;
}

static void
table_reload(Gate *self, int64_t least_age_ms)
{
    Err err = {0};
    if (utc_monotonic_us() - self->loaded_at_us >= least_age_ms * 1000 && !table_load(self, &err))
        log_debug("event=keys_not_reloaded message=\"%s\"", err.message);
}

MUST_CHECK bool
gate_agent(Gate *self, const char *user_id, GateAgent *agent)
{
    KeyRow wanted = {0};
    if (user_id == NULL || strlen(user_id) != KEY_TEXT_BYTES - 1)
        return false;
    memcpy(wanted.key, user_id, KEY_TEXT_BYTES);
    pthread_mutex_lock(&self->lock);
    const KeyRow *found = self->table.count == 0
                              ? NULL
                              : bsearch(&wanted, self->table.rows, self->table.count, sizeof wanted, key_compare);
    if (found != NULL)
        *agent = found->agent;
    pthread_mutex_unlock(&self->lock);
    return found != NULL;
}

/* ---- the handler ---- */

typedef struct ZapRequest {
    uint8_t frames[ZAP_FRAMES][ZAP_FRAME_BYTES];
    int lengths[ZAP_FRAMES]; /* -1: not sent; above ZAP_FRAME_BYTES: cut */
    int count;
} ZapRequest;

/** Receive one request whole. False when the context ends. */
static bool
zap_receive(void *socket, ZapRequest *request)
{
    request->count = 0;
    int more = 1;
    while (more != 0) {
        uint8_t frame[ZAP_FRAME_BYTES];
        int length = zmq_recv(socket, frame, sizeof frame, 0);
        if (length < 0)
            return false;
        if (request->count < ZAP_FRAMES) {
            memcpy(request->frames[request->count], frame,
                   (size_t) (length < ZAP_FRAME_BYTES ? length : ZAP_FRAME_BYTES));
            request->lengths[request->count] = length;
        }
        request->count++;
        size_t size = sizeof more;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0)
            return false;
    }
    return true;
}

static bool
frame_is(const ZapRequest *request, int frame, const char *text)
{
    size_t length = strlen(text);
    return request->lengths[frame] == (int) length && memcmp(request->frames[frame], text, length) == 0;
}

/** Z85 of the client's key when it is registered; false otherwise. */
static bool
zap_admits(Gate *self, const ZapRequest *request, char key[KEY_TEXT_BYTES])
{
    GateAgent agent;
    if (request->count != ZAP_FRAMES || !frame_is(request, 0, "1.0") || !frame_is(request, 2, ZAP_DOMAIN) ||
        !frame_is(request, 5, "CURVE") || request->lengths[6] != CURVE_KEY_BYTES)
        return false;
    if (zmq_z85_encode(key, request->frames[6], CURVE_KEY_BYTES) == NULL)
        return false;
    if (gate_agent(self, key, &agent))
        return true;
    table_reload(self, RELOAD_LEAST_MS);
    return gate_agent(self, key, &agent);
}

static bool
zap_answer(void *socket, const ZapRequest *request, bool admitted, const char *user_id)
{
    int length = request->count > 1 && request->lengths[1] <= ZAP_FRAME_BYTES ? request->lengths[1] : 0;
    return zmq_send(socket, "1.0", 3, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, request->frames[1], (size_t) length, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, admitted ? "200" : "400", 3, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, admitted ? "OK" : "NO", 2, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, user_id, strlen(user_id), ZMQ_SNDMORE) >= 0 && zmq_send(socket, "", 0, 0) >= 0;
}

static bool
zap_serve(Gate *self)
{
    ZapRequest request = {.count = 0};
    char key[KEY_TEXT_BYTES] = "";
    if (!zap_receive(self->zap, &request))
        return false;
    bool admitted = zap_admits(self, &request, key);
    if (!admitted && atomic_load(&self->proven))
        log_warn("event=peer_refused key=%s address=%.*s hint=\"register the key: millibill agent add\"",
                 key[0] == '\0' ? "none" : key,
                 request.count > 3 && request.lengths[3] < ZAP_FRAME_BYTES ? request.lengths[3] : 0,
                 (const char *) request.frames[3]);
    return zap_answer(self->zap, &request, admitted, admitted ? key : "");
}

static void *
handler_run(void *context)
{
    Gate *self = context;
    zmq_pollitem_t item = {.socket = self->zap, .events = ZMQ_POLLIN};
    bool open = true;
    while (open) {
        int ready = zmq_poll(&item, 1, RELOAD_MS);
        if (ready < 0 && errno != EINTR)
            break; /* the context was shut down */
        table_reload(self, RELOAD_MS);
        if (ready > 0)
            open = zap_serve(self);
    }
    zmq_close(self->zap);
    return NULL;
}

static bool
handler_start(Gate *self, void *zmq_context, Err *err)
{
    int linger = 0;
    self->zap = zmq_socket(zmq_context, ZMQ_REP);
    if (self->zap == NULL || zmq_setsockopt(self->zap, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_bind(self->zap, ZAP_ENDPOINT) != 0)
        return err_set(err, ERR_IO, "cannot open the handler of peers' keys: %s", zmq_strerror(errno));
    if (pthread_create(&self->thread, NULL, handler_run, self) != 0)
        return err_set(err, ERR_NOMEM, "cannot start the thread that checks peers' keys");
    self->running = true;
    return true;
}

/* ---- opening ---- */

MUST_CHECK Gate *
gate_open(void *zmq_context, const Config *config, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    Gate *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the gate");
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    if (keys_read_pair(config->collector_key, self->public_key, self->secret_key, err) &&
        config_conninfo(config, "millibill_collector", conninfo, err))
        self->db = db_connect(conninfo, "millibill-collector gate", err);
    if (self->db == NULL || !table_load(self, err) || !handler_start(self, zmq_context, err))
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
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) == 0 &&
        zmq_setsockopt(socket, ENFORCE_DOMAIN, &yes, sizeof yes) == 0)
        return true;
    return err_set(err, ERR_DENIED, "libzmq cannot protect the socket by keys: %s", zmq_strerror(errno));
}
