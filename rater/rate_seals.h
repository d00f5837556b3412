/**
 * rate_seals - a final invoice names the seals of its month: they are made before it
 */
#ifndef RATER_RATE_SEALS_H
#define RATER_RATE_SEALS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/err.h"
#include "lib/utc.h"
#include "schema/db.h"
#include "schema/seal.h"
#include "schema/seal_round.h"

/** Seal what there is of a month, with a root for each tenant. `compactor` is outside of a transaction. ERR_NOT_FOUND, ERR_DENIED
 *  (the sealing key), ERR_CORRUPT (a segment is not what its digest says, unless `damage_is_known`: what is whole is sealed in any case),
 *  ERR_CONFLICT (the database was set back), ERR_IO. `report` (may be NULL): what was done. */
MUST_CHECK bool rate_seal_month(Db *compactor, const Config *config, UtcMonth month, bool damage_is_known,
                                SealReport *report, Err *err);

/** Put the final invoices that were just made under a signed head, so that none can be taken away unseen. They are final whether
 *  this can be done now or not: what keeps it from being done is logged, and the next who seals does it. */
void rate_seal_invoices(Db *compactor, const Config *config);

/** The root of a tenant's month, in the snapshot of the rating run. ERR_BUSY when it does not cover everything: more came in
 *  since; seal and rate again. */
MUST_CHECK bool
rate_root(Db *db, int64_t tenant_id, const char *tenant, UtcMonth month, bool used, SealRoot *root, Err *err);

#endif
