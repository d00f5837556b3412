#include "rater/deliver.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "lib/log.h"
#include "rater/rate_stop.h"

enum { REFUSALS_IN_A_ROW = 3, PAUSE_S_MAX = 60 };

static const char *
command_address(const Config *config)
{
    return config->deliver_command;
}

static const char *
webhook_address(const Config *config)
{
    return config->deliver_url;
}

static const char *
alert_command_address(const Config *config)
{
    return config->alert_command;
}

static const char *
alert_webhook_address(const Config *config)
{
    return config->alert_url;
}

const DeliveryTarget DELIVERY_TARGETS[] = {
    {DELIVERY_INVOICE, "command", command_address, deliver_to_command},
    {DELIVERY_INVOICE, "webhook", webhook_address, deliver_to_webhook},
    {DELIVERY_ALERT, "command", alert_command_address, deliver_to_command},
    {DELIVERY_ALERT, "webhook", alert_webhook_address, deliver_to_webhook},
    {NULL, NULL, NULL, NULL},
};

static bool
is_configured(const DeliveryTarget *target, const Config *config, const char *event)
{
    return strcmp(target->event, event) == 0 && target->address(config)[0] != '\0';
}

bool
deliver_targets(const Config *config, const char *event, DbArray *names, Err *err)
{
    for (const DeliveryTarget *target = DELIVERY_TARGETS; target->name != NULL; target++)
        if (is_configured(target, config, event) && !db_array_add_text(names, text_of(target->name), err))
            return false;
    return true;
}

bool
deliver_queue(Db *db, const Config *config, int64_t tenant_id, const char *number, Err *err)
{
    for (const DeliveryTarget *target = DELIVERY_TARGETS; target->name != NULL; target++) {
        if (is_configured(target, config, DELIVERY_INVOICE) &&
            !delivery_queue(db, tenant_id, number, target->name, err))
            return false;
    }
    return true;
}

bool
deliver_queue_run(Db *db, const Config *config, int64_t run_id, Err *err)
{
    for (const DeliveryTarget *target = DELIVERY_TARGETS; target->name != NULL; target++) {
        if (is_configured(target, config, DELIVERY_INVOICE) && !delivery_queue_run(db, run_id, target->name, err))
            return false;
    }
    return true;
}

/* Hand it over while its row is locked. `refused` says why not. */
static bool
try_locked(Db *db, const Config *config, const DeliveryTarget *target, const Delivery *delivery, Err *refused, Err *err)
{
    bool accepted = target->deliver(config, target->address(config), delivery, refused);
    const char *what = strcmp(delivery->event, DELIVERY_INVOICE) == 0 ? "invoice" : "alert";
    if (accepted)
        log_info("delivered %s=%s target=%s id=%s", what, delivery->number, target->name, delivery->id);
    else
        log_warn("not delivered %s=%s target=%s: %s", what, delivery->number, target->name, refused->message);
    return delivery_tried(db, delivery, accepted ? NULL : refused->message, err) && db_commit(db, err);
}

static bool
try_next(Db *db, const Config *config, const DeliveryTarget *target, const char *pass_start, bool *found, Err *refused,
         Err *err)
{
    Delivery delivery = {0};
    bool done =
        db_begin(db, false, err) && delivery_next(db, target->event, target->name, pass_start, &delivery, found, err);
    if (done && *found)
        done = try_locked(db, config, target, &delivery, refused, err);
    db_rollback(db);
    buffer_free(&delivery.document);
    return done;
}

/* Every open delivery to a target once, as long as the target takes one now and then. */
static bool
pass(Db *db, const Config *config, const DeliveryTarget *target, DeliverReport *report, bool *again, Err *err)
{
    char pass_start[64];
    bool found = true;
    *again = false;
    if (!delivery_clock(db, pass_start, err))
        return false;
    for (int refusals = 0; found && refusals < REFUSALS_IN_A_ROW;) {
        Err refused = {0};
        if (!try_next(db, config, target, pass_start, &found, &refused, err))
            return false;
        if (!found)
            break;
        refusals = err_is_set(&refused) ? refusals + 1 : 0;
        report->delivered += err_is_set(&refused) ? 0 : 1;
        *again = *again || err_is_set(&refused);
    }
    return true;
}

static void
pause_after(int64_t attempt)
{
    int64_t pause_s = attempt < 6 ? INT64_C(1) << attempt : PAUSE_S_MAX;
    nanosleep(&(struct timespec){.tv_sec = pause_s > PAUSE_S_MAX ? PAUSE_S_MAX : pause_s}, NULL);
}

static bool
count_open(Db *db, DeliverReport *report, Err *err)
{
    Json *list = json_new_array(err);
    bool done = list != NULL && delivery_list(db, true, list, err);
    report->open = done ? (int64_t) json_object_array_length(list) : 0;
    json_object_put(list);
    return done;
}

bool
deliver_open(Db *db, const Config *config, DeliverReport *report, Err *err)
{
    *report = (DeliverReport){0};
    db_stop_when(db, NULL); /* what a receiver said yes to must be noted */
    rate_stop_release();
    for (const DeliveryTarget *target = DELIVERY_TARGETS; target->name != NULL; target++) {
        bool again = target->address(config)[0] != '\0';
        for (int64_t attempt = 0; again && attempt < config->deliver_attempts; attempt++) {
            if (attempt > 0)
                pause_after(attempt - 1);
            if (!pass(db, config, target, report, &again, err))
                return false;
        }
    }
    return count_open(db, report, err);
}
