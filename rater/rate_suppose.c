#include "rater/rate_suppose.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

typedef struct SupposedMemory {
    Text tenant; /* borrowed from the document */
    Text function;
    int64_t memory_mb;
    int64_t as_mb;
} SupposedMemory;

struct RateSuppose {
    Json *document;
    bool any_book;
    bool has_architecture;
    UsageArchitecture architecture;
    SupposedMemory *memory; /* sorted */
    size_t count;
};

static int
compare_text(Text a, Text b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length == 0 ? 0 : memcmp(a.data, b.data, length);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int
compare_memory(const void *a, const void *b)
{
    const SupposedMemory *left = a;
    const SupposedMemory *right = b;
    int order = compare_text(left->tenant, right->tenant);
    order = order != 0 ? order : compare_text(left->function, right->function);
    return order != 0 ? order : (left->memory_mb > right->memory_mb) - (left->memory_mb < right->memory_mb);
}

static bool
read_size(Json *entry, const char *key, int64_t *out, Err *err)
{
    Json *value = json_member(entry, key);
    *out = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
    return (*out >= 1 && *out <= USAGE_MEMORY_MB_MAX) ||
           err_set(err, ERR_INPUT, "'%s' should be a number of MB, 1 to %d", key, USAGE_MEMORY_MB_MAX);
}

static bool
read_memory(RateSuppose *self, Json *list, Err *err)
{
    if (list == NULL)
        return true;
    if (!json_object_is_type(list, json_type_array))
        return err_set(err, ERR_INPUT, "'memory' should be an array");
    size_t count = json_object_array_length(list);
    self->memory = calloc(count + 1, sizeof *self->memory);
    if (self->memory == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu sizes", count);
    for (; self->count < count; self->count++) {
        Json *entry = json_object_array_get_idx(list, self->count);
        SupposedMemory *memory = &self->memory[self->count];
        if (!json_text(json_member(entry, "tenant"), &memory->tenant) ||
            !json_text(json_member(entry, "function"), &memory->function))
            return err_set(err, ERR_INPUT, "entry %zu of 'memory' should name 'tenant' and 'function'",
                           self->count + 1);
        if (!read_size(entry, "memory_mb", &memory->memory_mb, err) || !read_size(entry, "as_mb", &memory->as_mb, err))
            return err_prefix(err, "entry %zu of 'memory': ", self->count + 1);
    }
    qsort(self->memory, self->count, sizeof *self->memory, compare_memory);
    return true;
}

static bool
read_suppose(RateSuppose *self, Err *err)
{
    Text name;
    Json *architecture = json_member(self->document, "architecture");
    if (!json_object_is_type(self->document, json_type_object))
        return err_set(err, ERR_INPUT, "expected a JSON object");
    self->any_book = json_object_get_boolean(json_member(self->document, "any_book"));
    self->has_architecture = architecture != NULL;
    if (architecture != NULL &&
        (!json_text(architecture, &name) || !usage_architecture_parse(name, &self->architecture)))
        return err_set(err, ERR_INPUT, "'architecture' should be x86_64 or arm64");
    return read_memory(self, json_member(self->document, "memory"), err);
}

MUST_CHECK RateSuppose *
rate_suppose_open(const char *path, Err *err)
{
    Buffer text = {0};
    RateSuppose *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for what is supposed");
        return NULL;
    }
    bool done = file_read(path, SUPPOSE_BYTES_MAX, &text, err);
    if (done) {
        self->document = json_parse(buffer_text(&text), err);
        done = self->document != NULL && read_suppose(self, err);
    }
    buffer_free(&text);
    if (!done) {
        err_prefix(err, "--suppose: ");
        rate_suppose_free(&self);
    }
    return self;
}

void
rate_suppose_free(RateSuppose **self)
{
    if (*self == NULL)
        return;
    json_object_put((*self)->document);
    free((*self)->memory);
    free(*self);
    *self = NULL;
}

bool
rate_suppose_any_book(const RateSuppose *self)
{
    return self->any_book;
}

void
rate_suppose_change(const RateSuppose *self, const RatingNames *names, RatingRow *row)
{
    const SupposedMemory wanted = {names->tenant, names->function, row->memory_mb, 0};
    const SupposedMemory *found =
        self->count == 0 ? NULL : bsearch(&wanted, self->memory, self->count, sizeof *self->memory, compare_memory);
    if (found != NULL)
        row->memory_mb = found->as_mb;
    if (self->has_architecture)
        row->architecture = self->architecture;
}
