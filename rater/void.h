/**
 * void - take a final document back: a document of its own that refers to it, in its own series of numbers
 *
 * Nothing that is final changes. An invoice is taken back together with the credit notes about it; afterwards its month can be made
 * final again, as the next revision. A document is taken back once, however often it is asked for.
 */
#ifndef RATER_VOID_H
#define RATER_VOID_H

#include "lib/config.h"
#include "lib/err.h"
#include "lib/json.h"
#include "schema/db.h"

typedef struct VoidRequest {
    const char *number;
    const char *tenant; /* NULL: whoever has a document of that number */
    const char *reason;
    int year; /* of the series */
    const Config *config;
} VoidRequest;

/** Write the voids, in one transaction, and queue their delivery. `voids`: a list that gets {"number","refers_to","kind","tenant","already"} for
 *  each, `already` true when it was void before. ERR_NOT_FOUND, ERR_CONFLICT (voids are not taken back; the number is not
 *  unique), ERR_BUSY (try again), ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool void_write(Db *db, const VoidRequest *request, Json *voids, Err *err);

#endif
