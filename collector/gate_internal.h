/**
 * gate_internal - what gate.c (table of keys), gate_handler.c (ZAP) and gate_prove.c (context, proof) share
 */
#ifndef COLLECTOR_GATE_INTERNAL_H
#define COLLECTOR_GATE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "collector/gate.h"
#include "schema/db.h"

typedef struct KeyTable {
    GateAgent *rows; /* sorted by key */
    size_t count, capacity;
} KeyTable;

struct Gate {
    char public_key[KEY_TEXT_BYTES];
    char secret_key[KEY_TEXT_BYTES];
    void *zap; /* the handler's REP socket, its thread's own */
    Db *db;    /* the handler's, its thread's own once it runs */
    int64_t loaded_at_us;
    pthread_t thread;
    bool running;
    Metrics *metrics;
    Health *health;
    atomic_bool alive;    /* the handler's thread runs */
    atomic_bool proven;   /* gate_prove is through: from now on a refusal is news */
    pthread_mutex_t lock; /* guards table: written by the handler, read by everybody */
    KeyTable table;
};

#define GATE_DOMAIN "millibill"

/** Read the table anew when it is older than that; the old one stays when the database does not answer. */
void gate_table_reload(Gate *self, int64_t least_age_ms);
/** Open the handler's socket and start its thread, after the table was loaded. */
MUST_CHECK bool gate_handler_start(Gate *self, void *zmq_context, Err *err);

#endif
