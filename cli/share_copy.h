/**
 * share_copy - the shipped SQL files and price books where the service user can read them
 *
 * The collector compares the database with the migrations of its program, and the supervisor's checks rate by shipped price
 * books. In a checkout below a home directory closed to others the service user cannot read those, so the command that starts the stack copies them into DATA/share.
 */
#ifndef CLI_SHARE_COPY_H
#define CLI_SHARE_COPY_H

#include <limits.h>
#include <stdbool.h>

#include "lib/config.h"
#include "lib/err.h"

/** Where the copies are: DATA/share, a value for MILLIBILL_SHARE_ROOT. ERR_RANGE. */
MUST_CHECK bool share_copy_root(const Config *config, char out[PATH_MAX], Err *err);

/** Make the copies anew. ERR_IO, ERR_NOT_FOUND. */
MUST_CHECK bool share_copy(const Config *config, Err *err);

#endif
