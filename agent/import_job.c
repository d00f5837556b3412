#include "agent/import_job.h"

#include <stdlib.h>
#include <string.h>

#include "lib/digest.h"
#include "lib/text.h"
#include "proto/usage_record.h"

enum { SOURCE_BYTES_MAX = 32, LABEL_BYTES_MAX = 4096, BATCHES_FIRST = 16 };

static bool
check_text(const char *what, const char *text, size_t least, size_t most, Err *err)
{
    Text value = text_of(text);
    if (value.length >= least && value.length <= most && text_is_clean_utf8(value))
        return true;
    return err_set(err, ERR_PROTOCOL, "the %s of an import needs %zu to %zu bytes of UTF-8 without control characters",
                   what, least, most);
}

static bool
check_begin(const Millibill__Begin *begin, Err *err)
{
    if (begin->n_introduce_tenants > IMPORT_TENANTS_MAX)
        return err_set(err, ERR_PROTOCOL, "%zu tenants introduced at once, at most %d allowed",
                       begin->n_introduce_tenants, IMPORT_TENANTS_MAX);
    for (size_t i = 0; i < begin->n_introduce_tenants; i++)
        if (!check_text("tenant", begin->introduce_tenants[i], 1, USAGE_NAME_BYTES_MAX, err))
            return false;
    return check_text("source", begin->source, 1, SOURCE_BYTES_MAX, err) &&
           check_text("label", begin->label, 0, LABEL_BYTES_MAX, err);
}

static bool
copy_texts(ImportJob *self, const Millibill__Begin *begin)
{
    self->source = strdup(begin->source);
    self->label = strdup(begin->label);
    for (size_t i = 0; i < begin->n_introduce_tenants; i++) {
        self->introduce[i] = strdup(begin->introduce_tenants[i]);
        if (self->introduce[i] == NULL)
            return false;
        self->introduce_count++;
    }
    return self->source != NULL && self->label != NULL;
}

ImportJob *
import_job_new(const Millibill__Begin *begin, Err *err)
{
    if (!check_begin(begin, err))
        return NULL;
    ImportJob *self = calloc(1, sizeof(*self));
    if (self == NULL || !copy_texts(self, begin)) {
        err_set(err, ERR_NOMEM, "no memory for an import");
        import_job_free(&self);
        return NULL;
    }
    self->history = begin->history;
    random_bytes(self->id, sizeof(self->id));
    return self;
}

void
import_job_free(ImportJob **self)
{
    ImportJob *job = *self;
    *self = NULL;
    if (job == NULL)
        return;
    for (size_t i = 0; i < job->introduce_count; i++)
        free(job->introduce[i]);
    free(job->source);
    free(job->label);
    free(job->batches);
    free(job);
}

bool
import_job_reserve(ImportJob *self, Err *err)
{
    if (self->count < self->capacity)
        return true;
    if (self->first > self->capacity / 2) {
        self->count -= self->first;
        memmove(self->batches, self->batches + self->first, self->count * sizeof(*self->batches));
        self->first = 0;
        return true;
    }
    size_t capacity = self->capacity == 0 ? BATCHES_FIRST : self->capacity * 2;
    ImportBatch *batches = realloc(self->batches, capacity * sizeof(*batches));
    if (batches == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an import of %zu batches", capacity);
    self->batches = batches;
    self->capacity = capacity;
    return true;
}

void
import_job_put(ImportJob *self, uint64_t key, size_t bytes)
{
    self->batches[self->count++] = (ImportBatch){key, bytes};
    self->waiting_bytes += bytes;
    self->staged++;
}

void
import_job_committed(ImportJob *self, uint64_t key)
{
    for (; self->first < self->count && self->batches[self->first].key <= key; self->first++) {
        self->waiting_bytes -= self->batches[self->first].bytes;
        self->committed++;
    }
    if (self->first == self->count)
        self->first = self->count = 0;
}

void
import_job_registered(ImportJob *self, const char *tenant)
{
    for (size_t i = 0; i < self->introduce_count; i++)
        if (strcmp(self->introduce[i], tenant) == 0)
            self->registered[i] = true;
}

size_t
import_job_waiting(const ImportJob *self)
{
    return self->count - self->first;
}
