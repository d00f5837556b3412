#include "collector/sealer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "lib/log.h"
#include "lib/utc.h"
#include "schema/rollup_store.h"
#include "schema/seal_round.h"
#include "schema/statistics_store.h"

enum { PAUSE_NS = 200000000 };

struct Sealer {
    const Config *config;
    atomic_bool *stop;
    pthread_t thread;
    Db *db;
};

static bool
connect_once(Sealer *self, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    if (self->db != NULL)
        return db_is_connected(self->db) || db_reconnect(self->db, err);
    if (!config_conninfo(self->config, "millibill_compactor", conninfo, err))
        return false;
    self->db = db_connect(conninfo, "millibill-collector seal", err);
    if (self->db != NULL)
        db_be_patient(self->db, self->config->database_patience_s * 60 * 1000);
    return self->db != NULL;
}

static bool
seal_once(Sealer *self, Err *err)
{
    SealTools tools;
    SealReport report = {0};
    int64_t after_s = self->config->seal_after_s;
    const SealScope scope = {
        .now_us = utc_now_us(), .after_s = after_s, .quiet_s = after_s < SEAL_QUIET_S ? after_s : SEAL_QUIET_S};
    if (!connect_once(self, err) || !seal_tools_open(self->config, &tools, err))
        return false;
    tools.stop = self->stop;
    bool done = statistics_keep(self->db, err) && seal_run(self->db, &tools, &scope, &report, err);
    if (report.heads > 0) /* also where a later head of the round failed */
        log_info("event=sealed heads=%" PRId64 " last_head=%" PRId64 " seals=%" PRId64 " roots=%" PRId64
                 " invoices=%" PRId64 " merged=%" PRId64 " made=%" PRId64,
                 report.heads, report.last_head, report.seals, report.roots, report.invoices, report.merged,
                 report.made);
    seal_tools_close(&tools);
    return done && rollup_days_close(self->db, after_s, self->stop, err);
}

static void *
sealer_thread(void *context)
{
    Sealer *self = context;
    const int64_t every_us = self->config->seal_every_s * UTC_SECOND_US;
    int64_t next_us = utc_monotonic_us() + every_us;
    while (!atomic_load(self->stop)) {
        const struct timespec pause = {0, PAUSE_NS};
        Err err = {0};
        nanosleep(&pause, NULL);
        if (utc_monotonic_us() < next_us)
            continue;
        if (!seal_once(self, &err) && !atomic_load(self->stop))
            log_err(err_is_retryable(&err) ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "not_sealed", &err);
        next_us = utc_monotonic_us() + every_us;
    }
    db_free(&self->db);
    return NULL;
}

Sealer *
sealer_start(const Config *config, atomic_bool *stop, Err *err)
{
    if (config->seal_every_s == 0)
        return NULL;
    Sealer *self = calloc(1, sizeof *self);
    if (self != NULL) {
        *self = (Sealer){.config = config, .stop = stop};
        if (pthread_create(&self->thread, NULL, sealer_thread, self) == 0)
            return self;
        free(self);
    }
    err_set(err, ERR_NOMEM, "cannot start the sealing thread");
    return NULL;
}

void
sealer_join(Sealer **self)
{
    if (*self == NULL)
        return;
    pthread_join((*self)->thread, NULL);
    free(*self);
    *self = NULL;
}
