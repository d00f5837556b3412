#include "rater/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/deliver.h"
#include "rater/rate_duplicates.h"

/** Alerts of contracts in the making. */
typedef struct Raising {
    const AlertPercents *percents;
    const AlertForecasts *forecasts; /* NULL: what was used */
    Contract *contract;              /* of the last use */
    DbArray columns[ALERT_COLUMN_COUNT];
    DbArray percent_texts;
    DbArray targets;
} Raising;

static bool
add_number(DbArray *column, const mpq_t value, Err *err)
{
    char *text = decimal_format_exact(value, err);
    bool done = text != NULL && db_array_add_text(column, text_of(text), err);
    free(text);
    return done;
}

static bool
add_alert(Raising *self, const AlertUse *use, const AlertLevel *level, const mpq_t percent, Err *err)
{
    DbArray *columns = self->columns;
    return db_array_add_i64(&columns[ALERT_TENANT], use->tenant_id, err) &&
           db_array_add_i64(&columns[ALERT_ACCOUNT], use->account_id, err) &&
           db_array_add_text(&columns[ALERT_KIND], text_of(level->kind), err) &&
           db_array_add_text(&columns[ALERT_ITEM], text_of(level->item), err) &&
           db_array_add_text(&columns[ALERT_PERIOD], text_of(level->period), err) &&
           add_number(&columns[ALERT_PERCENT], percent, err) && add_number(&columns[ALERT_VALUE], level->value, err) &&
           add_number(&columns[ALERT_LIMIT], level->limit, err) &&
           db_array_add_text(&columns[ALERT_UNIT], text_of(level->unit), err) &&
           db_array_add_text(&columns[ALERT_STATE], text_of(use->state), err) &&
           db_array_add_i64(&columns[ALERT_WATERMARK], use->receipt_watermark, err);
}

static bool
take_contract(Raising *self, const AlertUse *use, Err *err)
{
    char file[64];
    if (use->source.length == 0)
        return true;
    contract_free(&self->contract);
    snprintf(file, sizeof file, "contract %.12s", use->contract);
    self->contract = contract_parse(use->source, file, err);
    return self->contract != NULL;
}

static bool
take_use(void *context, const AlertUse *use, Err *err)
{
    Raising *self = context;
    AlertLevel level = {0};
    if (!take_contract(self, use, err))
        return false;
    mpq_inits(level.value, level.limit, NULL);
    bool done = alert_level(use, self->contract, self->percents, &level, err);
    for (size_t i = 0; done && mpq_sgn(level.limit) > 0 && i < level.reached; i++)
        done = add_alert(self, use, &level, level.percents[i], err);
    mpq_clears(level.value, level.limit, NULL);
    return done;
}

static bool
raise_inside(Raising *self, Db *db, UtcMonth month, DbArray *raised, Err *err)
{
    const AlertForecasts *look = self->forecasts;
    bool done = look == NULL ? alert_uses(db, month, take_use, self, err) &&
                                   alert_raise_free_tiers(db, month, &self->percent_texts, &self->targets, raised, err)
                             : alert_forecast_uses(db, look->documents, look->receipt_watermark, take_use, self, err) &&
                                   alert_raise_forecasts(db, look->documents, look->receipt_watermark,
                                                         &self->percent_texts, &self->targets, raised, err);
    return done && (self->columns[0].count == 0 ||
                    alert_raise(db, self->columns, look == NULL ? "use" : "forecast", &self->targets, raised, err));
}

static bool
raising_make(Raising *self, const Config *config, Err *err)
{
    static const bool whole[ALERT_COLUMN_COUNT] = {
        [ALERT_TENANT] = true, [ALERT_ACCOUNT] = true, [ALERT_WATERMARK] = true};
    for (size_t i = 0; i < ALERT_COLUMN_COUNT; i++)
        self->columns[i] = db_array_of(whole[i] ? DB_BIGINT : DB_TEXT);
    self->percent_texts = db_array_of(DB_TEXT);
    self->targets = db_array_of(DB_TEXT);
    bool done = deliver_targets(config, DELIVERY_ALERT, &self->targets, err);
    for (size_t i = 0; done && i < self->percents->count; i++)
        done = add_number(&self->percent_texts, self->percents->all[i], err);
    return done;
}

static bool
raise_once(Raising *self, Db *db, const Config *config, UtcMonth month, DbArray *raised, Err *err)
{
    bool done = raising_make(self, config, err) && db_begin(db, false, err) &&
                raise_inside(self, db, month, raised, err) && db_commit(db, err);
    db_rollback(db);
    contract_free(&self->contract);
    db_array_free_all(self->columns, ALERT_COLUMN_COUNT);
    db_array_free(&self->percent_texts);
    db_array_free(&self->targets);
    return done;
}

static bool
raise_all(Raising *self, Db *db, const Config *config, UtcMonth month, DbArray *raised, Err *err)
{
    const uint32_t count = raised->count;
    const size_t length = raised->bytes.length;
    bool done = true;
    for (int attempt = 1; done && !raise_once(self, db, config, month, raised, err); attempt++) {
        raised->count = count;
        raised->bytes.length = length;
        done = rate_recover(db, attempt, err);
    }
    return done;
}

bool
alerts_raise(Db *db, const Config *config, UtcMonth month, DbArray *raised, Err *err)
{
    AlertPercents percents;
    Raising self = {.percents = &percents};
    bool done = alert_percents_parse("alert_percent", config->alert_percent, &percents, err) &&
                raise_all(&self, db, config, month, raised, err);
    alert_percents_clear(&percents);
    return done;
}

bool
alerts_raise_forecasts(Db *db, const Config *config, const AlertForecasts *forecasts, DbArray *raised, Err *err)
{
    Raising self = {.percents = forecasts->percents, .forecasts = forecasts};
    return raise_all(&self, db, config, (UtcMonth){0}, raised, err);
}
