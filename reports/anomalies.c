#include "reports/anomalies.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "schema/usage_store.h"

void
anomalies_clear(Anomalies *self)
{
    for (size_t i = 0; i < self->count; i++) {
        Anomaly *anomaly = &self->all[i];
        free(anomaly->tenant);
        free(anomaly->day);
        free(anomaly->measure);
        free(anomaly->value);
        free(anomaly->habit);
        free(anomaly->spread);
        free(anomaly->score);
    }
    free(self->all);
    *self = (Anomalies){0};
}

static bool
take(void *context, const UsageAnomaly *row, Err *err)
{
    Anomalies *self = context;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    Anomaly *anomaly = &self->all[self->count++];
    *anomaly = (Anomaly){.tenant = strdup(row->tenant),
                         .day = strdup(row->day),
                         .measure = strdup(row->measure),
                         .value = strdup(row->value),
                         .habit = strdup(row->habit),
                         .spread = strdup(row->spread),
                         .score = row->score == NULL ? NULL : strdup(row->score),
                         .above = row->above};
    return (anomaly->tenant != NULL && anomaly->day != NULL && anomaly->measure != NULL && anomaly->value != NULL &&
            anomaly->habit != NULL && anomaly->spread != NULL && (row->score == NULL || anomaly->score != NULL)) ||
           err_set(err, ERR_NOMEM, "no memory for anomalies");
}

bool
anomalies_read(Anomalies *self, Db *db, const char *tenant, const UtcMonth *month, Err *err)
{
    return usage_anomalies_visit(db, tenant, month, take, self, err);
}

static int
compare(const Anomaly *anomaly, const char *tenant, const char *day)
{
    int order = strcmp(anomaly->tenant, tenant);
    return order != 0 ? order : strcmp(anomaly->day, day);
}

/* The first of a day; count: none. */
static size_t
first_of(const Anomalies *self, const char *tenant, const char *day)
{
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&self->all[middle], tenant, day) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->count && compare(&self->all[low], tenant, day) == 0 ? low : self->count;
}

const char *
anomalies_mark(const Anomalies *self, const char *tenant, const char *day)
{
    size_t at = first_of(self, tenant, day);
    return at == self->count ? "" : self->all[at].above ? "far above" : "far below";
}

bool
anomalies_add(const Anomalies *self, const char *tenant, const char *day, Json *object, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL && json_add(object, "anomalies", array, err);
    for (size_t i = first_of(self, tenant, day); done && i < self->count && compare(&self->all[i], tenant, day) == 0;
         i++) {
        const Anomaly *anomaly = &self->all[i];
        Json *entry = json_new_object(err);
        done =
            entry != NULL && json_append(array, entry, err) && json_add_text(entry, "measure", anomaly->measure, err) &&
            json_add_text(entry, "value", anomaly->value, err) && json_add_text(entry, "habit", anomaly->habit, err) &&
            json_add_text(entry, "spread", anomaly->spread, err) && json_add_text(entry, "score", anomaly->score, err);
    }
    return done;
}
