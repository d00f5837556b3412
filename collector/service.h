/**
 * service - the collector as a whole: gate, intake and the threads that use the database
 */
#ifndef COLLECTOR_SERVICE_H
#define COLLECTOR_SERVICE_H

#include <stdatomic.h>

#include "lib/config.h"
#include "lib/err.h"

/** Run until `stop` is set (it is set as well when the socket fails). Waits for PostgreSQL when it is not there yet; refuses one that does not keep its promises
 *  (fsync, full_page_writes or synchronous_commit off) or lacks migrations: ERR_CONFLICT. */
MUST_CHECK bool service_run(const Config *config, atomic_bool *stop, Err *err);

#endif
