#include "collector/health.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/utc.h"

typedef struct PartRule {
    const char *name;
    int64_t ready_s; /* without progress for longer: not ready */
    int64_t alive_s; /* ... not alive; 0: it may wait for the database as long as it takes */
} PartRule;

static const PartRule RULES[HEALTH_PARTS] = {[HEALTH_INTAKE] = {"the thread of the socket", 10, 60},
                                             [HEALTH_KEYS] = {"the handler of keys", 45, 0},
                                             [HEALTH_COMMITS] = {"the committing thread", 15, 0}};

struct Health {
    pthread_mutex_t lock; /* guards everything below */
    int64_t beat_us[HEALTH_PARTS];
    bool ended[HEALTH_PARTS];
    char stuck[HEALTH_TEXT_BYTES - 32];
};

MUST_CHECK Health *
health_new(Err *err)
{
    Health *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the collector's health");
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void
health_free(Health **self)
{
    if (*self == NULL)
        return;
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
}

void
health_beat(Health *self, HealthPart part, int64_t now_us)
{
    pthread_mutex_lock(&self->lock);
    self->beat_us[part] = now_us;
    if (part == HEALTH_COMMITS)
        self->stuck[0] = '\0';
    pthread_mutex_unlock(&self->lock);
}

void
health_ended(Health *self, HealthPart part)
{
    pthread_mutex_lock(&self->lock);
    self->ended[part] = true;
    pthread_mutex_unlock(&self->lock);
}

void
health_stuck(Health *self, const char *why)
{
    pthread_mutex_lock(&self->lock);
    snprintf(self->stuck, sizeof self->stuck, "%s", why);
    pthread_mutex_unlock(&self->lock);
}

/** Is one part well by a limit in seconds (0: none)? */
static bool
part_is_well(const Health *self, HealthPart part, int64_t now_us, int64_t limit_s, char *why)
{
    int64_t still_s = (now_us - self->beat_us[part]) / UTC_SECOND_US;
    if (self->ended[part])
        snprintf(why, HEALTH_TEXT_BYTES, "%s has ended", RULES[part].name);
    else if (limit_s != 0 && self->beat_us[part] == 0)
        snprintf(why, HEALTH_TEXT_BYTES, "%s has not started", RULES[part].name);
    else if (limit_s != 0 && still_s >= limit_s)
        snprintf(why, HEALTH_TEXT_BYTES, "%s has made no progress for %" PRId64 " s", RULES[part].name, still_s);
    else
        return true;
    return false;
}

bool
health_is_alive(Health *self, int64_t now_us, char *why)
{
    bool well = true;
    pthread_mutex_lock(&self->lock);
    for (int part = 0; well && part < HEALTH_PARTS; part++)
        well = part_is_well(self, (HealthPart) part, now_us, self->beat_us[part] == 0 ? 0 : RULES[part].alive_s, why);
    pthread_mutex_unlock(&self->lock);
    return well;
}

bool
health_is_ready(Health *self, int64_t now_us, char *why)
{
    pthread_mutex_lock(&self->lock);
    bool well = self->stuck[0] == '\0';
    if (!well)
        snprintf(why, HEALTH_TEXT_BYTES, "commits fail: %s", self->stuck);
    for (int part = 0; well && part < HEALTH_PARTS; part++)
        well = part_is_well(self, (HealthPart) part, now_us, RULES[part].ready_s, why);
    pthread_mutex_unlock(&self->lock);
    return well;
}
