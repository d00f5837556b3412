/**
 * gate_internal - what gate.c (keys, handler) and gate_prove.c (context, proof) share
 */
#ifndef COLLECTOR_GATE_INTERNAL_H
#define COLLECTOR_GATE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "collector/gate.h"
#include "lib/keys.h"
#include "schema/db.h"

typedef struct KeyRow {
    char key[KEY_TEXT_BYTES];
    GateAgent agent;
} KeyRow;

typedef struct KeyTable {
    KeyRow *rows; /* sorted by key */
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
    atomic_bool proven;   /* gate_prove is through: from now on a refusal is news */
    pthread_mutex_t lock; /* guards table: written by the handler, read by everybody */
    KeyTable table;
};

#endif
