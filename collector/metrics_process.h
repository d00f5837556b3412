/**
 * metrics_process - memory, descriptors and CPU time of this process, in Prometheus' usual names
 */
#ifndef COLLECTOR_METRICS_PROCESS_H
#define COLLECTOR_METRICS_PROCESS_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

/** Append the samples that the kernel tells; what it does not tell is left out. ERR_NOMEM. */
MUST_CHECK bool metrics_process(Buffer *out, int64_t started_at_us, Err *err);

#endif
