/**
 * deliver - hand final invoices and alerts to the configured commands and webhooks: each until it says yes, and then never again
 *
 * What is to be delivered stands in the database since the moment the invoice became final or the alert was raised. A receiver that says yes in the instant in
 * which this process dies is asked again, with the same delivery id. One delivery at a time and target; a target that
 * refuses several in a row is left alone until the next round.
 */
#ifndef RATER_DELIVER_H
#define RATER_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/err.h"
#include "schema/db.h"
#include "schema/db_array.h"
#include "schema/delivery_store.h"

/** A way out of one kind of event; `deliver` is false with err set when the receiver did not say yes. */
typedef struct DeliveryTarget {
    const char *event;
    const char *name;                             /* "command", "webhook" */
    const char *(*address)(const Config *config); /* "": not configured */
    bool (*deliver)(const Config *config, const char *address, const Delivery *delivery, Err *err);
} DeliveryTarget;

extern const DeliveryTarget DELIVERY_TARGETS[]; /* ended by a NULL name */

typedef struct DeliverReport {
    int64_t delivered;
    int64_t open; /* not delivered, also those that were not tried */
} DeliverReport;

/** The names of the targets that are configured for an event, appended to `names` (DB_TEXT). ERR_NOMEM. */
MUST_CHECK bool deliver_targets(const Config *config, const char *event, DbArray *names, Err *err);

/** Note, inside the transaction that makes it final, that an invoice is to go to every configured target. */
MUST_CHECK bool deliver_queue(Db *db, const Config *config, int64_t tenant_id, const char *number, Err *err);

/** The same for all that a rating run made final, at its end. */
MUST_CHECK bool deliver_queue_run(Db *db, const Config *config, int64_t run_id, Err *err);

/** Try every open delivery to every configured target, at most config->deliver_attempts times with pauses that double from 1 s. `db` is a
 *  connection as the rater without a transaction. Failed deliveries are no error: they are counted, logged, and stay
 *  open. ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool deliver_open(Db *db, const Config *config, DeliverReport *report, Err *err);

/** Run the program `path` with the JSON on its standard input; MILLIBILL_EVENT, MILLIBILL_DELIVERY_ID, MILLIBILL_INVOICE or
 *  MILLIBILL_ALERT, MILLIBILL_TENANT and MILLIBILL_DOCUMENT_SHA256 in its environment; its standard output goes to ours for messages. Exit status 0
 *  is a yes. It and its children are killed after config->deliver_timeout_s. ERR_IO. */
MUST_CHECK bool deliver_to_command(const Config *config, const char *path, const Delivery *delivery, Err *err);

/** POST the JSON to `url` with the headers of Standard Webhooks (https://www.standardwebhooks.com):
 *  webhook-id, webhook-timestamp, webhook-signature (HMAC-SHA256 with config->deliver_secret, when set). 2xx is a yes; redirections are not
 *  followed. ERR_IO; ERR_INPUT, ERR_DENIED (the secret's file). */
MUST_CHECK bool deliver_to_webhook(const Config *config, const char *url, const Delivery *delivery, Err *err);

#endif
