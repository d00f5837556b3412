#include "rater/alert_percents.h"

#include <string.h>

#include "lib/decimal.h"
#include "lib/text.h"

void
alert_percents_clear(AlertPercents *self)
{
    for (size_t i = 0; i < ALERT_PERCENTS_MAX; i++)
        mpq_clear(self->all[i]);
}

static bool
take(AlertPercents *self, Text text, Err *err)
{
    Err reason = {0};
    if (self->count == ALERT_PERCENTS_MAX)
        return err_set(err, ERR_INPUT, "more than %d percentages", ALERT_PERCENTS_MAX);
    mpq_t *percent = &self->all[self->count];
    if (!decimal_parse(text, *percent, &reason) || mpq_sgn(*percent) <= 0 ||
        mpq_cmp_ui(*percent, ALERT_PERCENT_GREATEST, 1) > 0)
        return err_set(err, ERR_INPUT, "'%.*s' is not a percentage above 0 and at most %d", TEXT_ARG(text),
                       ALERT_PERCENT_GREATEST);
    if (self->count > 0 && mpq_cmp(self->all[self->count - 1], *percent) >= 0)
        return err_set(err, ERR_INPUT, "'%.*s' is not above the one before it", TEXT_ARG(text));
    self->count++;
    return true;
}

bool
alert_percents_parse(const char *setting, const char *text, AlertPercents *self, Err *err)
{
    self->count = 0;
    for (size_t i = 0; i < ALERT_PERCENTS_MAX; i++)
        mpq_init(self->all[i]);
    if (text_is_empty(text_trim(text_of(text))))
        return true;
    for (const char *at = text; at != NULL;) {
        size_t length = strcspn(at, ",");
        if (!take(self, text_trim((Text){at, length}), err)) {
            err_prefix(err, "%s: ", setting);
            return err_hint(err, "write percentages in ascending order: %s: \"50, 80, 100\"", setting);
        }
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return true;
}
