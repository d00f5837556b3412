/**
 * sealer - the collector's thread that seals closed hours
 *
 * Its own connection, as millibill_compactor. Several collectors may run one: the database lets one seal at a time. What it
 * cannot do it logs and tries again; taking batches goes on.
 */
#ifndef COLLECTOR_SEALER_H
#define COLLECTOR_SEALER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/config.h"
#include "lib/err.h"

typedef struct Sealer Sealer;

/** Start the thread. `config` and `stop` are borrowed until sealer_join(). NULL when seal_every_s is 0, and on failure
 *  (ERR_NOMEM, with err set). */
Sealer *sealer_start(const Config *config, atomic_bool *stop, Err *err);

/** Wait for its end, which `stop` asks for. `*self` may be NULL and becomes NULL. */
void sealer_join(Sealer **self);

#endif
