/**
 * rate_stop - a command that is interrupted ends where it is, says so, and nothing of it is half done
 *
 * Between rate_stop_catch() and rate_stop_release() SIGINT and SIGTERM set a flag; a second one ends the program at once, as without
 * this. Connections of rater_connect() look at it: the statement that runs is cancelled, and the command ends with ERR_INTERRUPTED.
 */
#ifndef RATER_RATE_STOP_H
#define RATER_RATE_STOP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/err.h"

/** The flag; caught already, it stays as it is. */
const atomic_bool *rate_stop_catch(void);
void rate_stop_release(void);

/** After a run that failed: where that is because it was interrupted, `err` says so and nothing else. Returns false. */
bool rate_stop_explain(Err *err);

#endif
