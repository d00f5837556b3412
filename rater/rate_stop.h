/**
 * rate_stop - a rating run that is interrupted ends where it is, and no invoice of it is written
 *
 * Between rate_stop_catch() and rate_stop_release() SIGINT and SIGTERM set a flag that the run looks at; a second one ends the program at
 * once, as without this. For commands: one at a time.
 */
#ifndef RATER_RATE_STOP_H
#define RATER_RATE_STOP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/err.h"

/** The flag, for RateRequest.stop. */
const atomic_bool *rate_stop_catch(void);
void rate_stop_release(void);

/** After a run that failed: where that is because it was interrupted, `err` says so and nothing else. Returns false. */
bool rate_stop_explain(Err *err);

#endif
