/* What is told about followed files: losses, and troubles now and then. */
#include <inttypes.h>

#include "agent/follow_internal.h"
#include "lib/log.h"
#include "lib/utc.h"

bool
follow_lose(FollowSet *self, size_t rule, const FileMark *mark, const char *reason, Err *err)
{
    const UsageLoss loss = {.source = text_of(mark->path),
                            .reason = text_of(reason),
                            .records = 0,
                            .noticed_at_us = utc_now_us(),
                            .tenant = self->rules[rule].settings.defaults.tenant};
    if (!self->owner.lose(self->owner.caller, &loss, err))
        return false;
    log_warn("event=loss file=\"%s\" reason=%s records=unknown offset=%" PRId64 " line=%" PRIu64, mark->path, reason,
             mark->offset, mark->line);
    return true;
}

static uint64_t
hash_text(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char) *text) * UINT64_C(1099511628211);
    return hash;
}

static bool
is_new_trouble(FollowSet *self, const Err *trouble)
{
    uint64_t hash = hash_text(trouble->message);
    if (self->now_us - self->troubles_us > FOLLOW_TROUBLES_US) {
        self->troubles_us = self->now_us;
        self->trouble_count = 0;
    }
    for (size_t i = 0; i < self->trouble_count; i++)
        if (self->troubles[i] == hash)
            return false;
    if (self->trouble_count == FOLLOW_TROUBLES_MAX)
        return false;
    self->troubles[self->trouble_count++] = hash;
    return true;
}

bool
follow_trouble(FollowSet *self, const Err *trouble, Err *err)
{
    if (trouble->code == ERR_NOMEM) {
        *err = *trouble;
        return false;
    }
    if (is_new_trouble(self, trouble))
        log_err(LOG_LEVEL_WARN, "follow_trouble", trouble);
    return true;
}
