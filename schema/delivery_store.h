/**
 * delivery_store - which final invoices and alerts still have to be handed to a command or a webhook
 *
 * A row is written in the transaction that makes the invoice final or raises the alert (schema/alert_store.h). Whoever delivers
 * holds the row's lock meanwhile: of two at once each goes to one, and a lock dies with the process that held it.
 */
#ifndef SCHEMA_DELIVERY_STORE_H
#define SCHEMA_DELIVERY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "schema/db.h"

enum { DELIVERY_ID_BYTES = 37, DELIVERY_EVENT_BYTES = 32, DELIVERY_NUMBER_BYTES = 64, DELIVERY_SHA256_BYTES = 65 };

/** Events. */
#define DELIVERY_INVOICE "invoice.final"
#define DELIVERY_ALERT "alert.reached"

/** One delivery with what is delivered. */
typedef struct Delivery {
    char id[DELIVERY_ID_BYTES]; /* UUID */
    char event[DELIVERY_EVENT_BYTES];
    char number[DELIVERY_NUMBER_BYTES]; /* of the invoice, or of the alert */
    char tenant[1024];                  /* "": an alert of an account that several share */
    char sha256[DELIVERY_SHA256_BYTES]; /* of the document, hex */
    Buffer document;                    /* JSON; the caller frees it */
} Delivery;

/** Inside the caller's transaction: the final invoice with this number is to go to `target` ("command", "webhook"). */
MUST_CHECK bool delivery_queue(Db *db, int64_t tenant_id, const char *number, const char *target, Err *err);

/** The same for all final invoices that a rating run made, at its end. */
MUST_CHECK bool delivery_queue_run(Db *db, int64_t run_id, const char *target, Err *err);

/** Want the final invoice with this number delivered to `target` again, or at last. `*found` is false when there is no such
 *  invoice. ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool delivery_again(Db *db, const char *number, const char *target, bool *found, Err *err);

/** Lock the next delivery of `event` to `target` that is open and was not tried since `pass_start` (RFC 3339): inside the caller's
 *  transaction. `*found` is false when there is none that nobody else has. ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool delivery_next(Db *db, const char *event, const char *target, const char *pass_start, Delivery *delivery,
                              bool *found, Err *err);

/** What became of the try, in the same transaction. `error` is NULL when it worked. */
MUST_CHECK bool delivery_tried(Db *db, const Delivery *delivery, const char *error, Err *err);

/** The server's clock in RFC 3339, for `pass_start`. `out` holds 64 bytes. */
MUST_CHECK bool delivery_clock(Db *db, char out[64], Err *err);

/** Append {event, number, alert, tenant, target, delivery_id, queued_at, attempts, tried_at, error, delivered_at} of every delivery (of those that are open
 *  when `open_only`) to the array `list`, by number, alert and target. ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool delivery_list(Db *db, bool open_only, Json *list, Err *err);

#endif
