#include "agent/packer.h"

#include <stdlib.h>
#include <string.h>

#include "agent/envelope.h"
#include "lib/utc.h"

enum { CLEANED_BYTES_MAX = 256, NOTE_BYTES_MAX = 4096 };

struct Packer {
    Spool *spool;
    char *source;
    char *label;
    UsageBatchBuilder *builder;
    size_t records_max;
    int64_t flush_interval_us;
    int64_t due_us;
    uint64_t generation;
    Buffer payload; /* packed, not staged yet: only after the spool refused it */
    uint64_t payload_records;
    bool appended; /* the payload: only what belongs to it is still to be staged */
    PackerStaged staged;
    void *context;
    bool history;
};

Packer *
packer_new(Spool *spool, const char *source, const char *label, size_t records_max, int64_t flush_interval_us, Err *err)
{
    Packer *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a packer");
        return NULL;
    }
    self->spool = spool;
    self->records_max = records_max;
    self->flush_interval_us = flush_interval_us;
    self->due_us = INT64_MAX;
    self->source = strdup(source);
    self->label = strdup(label);
    self->builder = usage_batch_builder_new(err);
    if (self->source == NULL || self->label == NULL || self->builder == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a packer");
        packer_free(&self);
    }
    return self;
}

void
packer_free(Packer **self)
{
    Packer *packer = *self;
    *self = NULL;
    if (packer == NULL)
        return;
    usage_batch_builder_free(&packer->builder);
    buffer_free(&packer->payload);
    free(packer->source);
    free(packer->label);
    free(packer);
}

void
packer_set_history(Packer *self)
{
    self->history = true;
}

void
packer_on_staged(Packer *self, PackerStaged staged, void *context)
{
    self->staged = staged;
    self->context = context;
}

static bool
stage_payload(Packer *self, Err *err)
{
    const Envelope envelope = {
        .source = self->source, .label = self->label, .history = self->history, .accepted_at_us = utc_now_us()};
    Buffer value = {0};
    uint64_t key;
    bool done =
        self->appended || (envelope_pack(&envelope, buffer_text(&self->payload), &value, err) &&
                           spool_append_counted(self->spool, buffer_text(&value), self->payload_records, &key, err));
    buffer_free(&value);
    self->appended = done;
    if (!done || (self->staged != NULL && !self->staged(self->context, err)))
        return false;
    buffer_free(&self->payload);
    self->appended = false;
    self->generation++;
    self->due_us = INT64_MAX;
    return true;
}

bool
packer_flush(Packer *self, Err *err)
{
    if (self->payload.length == 0) {
        if (usage_batch_builder_entries(self->builder) == 0)
            return true;
        self->payload_records = usage_batch_builder_entries(self->builder);
        if (!usage_batch_builder_pack(self->builder, &self->payload, err))
            return false;
    }
    return stage_payload(self, err);
}

/* Room for one more entry; while a packed batch waits for the spool there is none. */
static bool
make_room(Packer *self, Err *err)
{
    if (self->payload.length > 0 || usage_batch_builder_entries(self->builder) >= self->records_max)
        return packer_flush(self, err);
    return true;
}

static bool
added(Packer *self, bool done, int64_t now_us)
{
    if (done && self->due_us == INT64_MAX)
        self->due_us = now_us + self->flush_interval_us;
    return done;
}

/* Did the builder refuse only because its bytes are full? Then the batch goes out and the entry fits the next one. */
static bool
retry_after_flush(Packer *self, Err *trial, Err *err)
{
    if (trial->code == ERR_FULL && usage_batch_builder_entries(self->builder) > 0)
        return packer_flush(self, err);
    if (err != NULL && !err_is_set(err))
        *err = *trial;
    return false;
}

bool
packer_add(Packer *self, const UsageRecord *record, int64_t now_us, Err *err)
{
    Err trial = {0};
    if (!make_room(self, err))
        return false;
    if (usage_batch_builder_add(self->builder, record, &trial))
        return added(self, true, now_us);
    return retry_after_flush(self, &trial, err) &&
           added(self, usage_batch_builder_add(self->builder, record, err), now_us);
}

/* What a note says in text has to be clean, or the collector refuses the whole batch with it. */
static Text
cleaned(Text text, char room[CLEANED_BYTES_MAX])
{
    if (text.length <= NOTE_BYTES_MAX && text_is_clean_utf8(text))
        return text;
    size_t length = text.length < CLEANED_BYTES_MAX ? text.length : CLEANED_BYTES_MAX;
    for (size_t i = 0; i < length; i++)
        room[i] = (char) (text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?');
    return (Text){room, length};
}

bool
packer_reject(Packer *self, const UsageRejected *given, int64_t now_us, Err *err)
{
    char field[CLEANED_BYTES_MAX];
    char message[CLEANED_BYTES_MAX];
    char source[CLEANED_BYTES_MAX];
    char tenant[CLEANED_BYTES_MAX];
    UsageRejected copy = *given;
    copy.field = cleaned(given->field, field);
    copy.message = cleaned(given->message, message);
    copy.source = cleaned(given->source, source);
    copy.tenant = cleaned(given->tenant, tenant);
    const UsageRejected *rejected = &copy;
    Err trial = {0};
    if (!make_room(self, err))
        return false;
    if (usage_batch_builder_reject(self->builder, rejected, &trial))
        return added(self, true, now_us);
    return retry_after_flush(self, &trial, err) &&
           added(self, usage_batch_builder_reject(self->builder, rejected, err), now_us);
}

bool
packer_lose(Packer *self, const UsageLoss *given, int64_t now_us, Err *err)
{
    char source[CLEANED_BYTES_MAX];
    char reason[CLEANED_BYTES_MAX];
    char tenant[CLEANED_BYTES_MAX];
    UsageLoss copy = *given;
    copy.source = cleaned(given->source, source);
    copy.reason = cleaned(given->reason, reason);
    copy.tenant = cleaned(given->tenant, tenant);
    copy.records = given->records < INT64_MAX ? given->records : INT64_MAX;
    const UsageLoss *loss = &copy;
    Err trial = {0};
    if (!make_room(self, err))
        return false;
    if (usage_batch_builder_lose(self->builder, loss, &trial))
        return added(self, true, now_us);
    return retry_after_flush(self, &trial, err) &&
           added(self, usage_batch_builder_lose(self->builder, loss, err), now_us);
}

void
packer_hasten(Packer *self, int64_t now_us, int64_t wait_us)
{
    if (self->due_us != INT64_MAX && now_us + wait_us < self->due_us)
        self->due_us = now_us + wait_us;
}

int64_t
packer_due_us(const Packer *self)
{
    return self->due_us;
}

size_t
packer_entries(const Packer *self)
{
    return usage_batch_builder_entries(self->builder);
}

uint64_t
packer_generation(const Packer *self)
{
    return self->generation;
}

bool
packer_is_empty(const Packer *self)
{
    return self->payload.length == 0 && usage_batch_builder_entries(self->builder) == 0;
}
