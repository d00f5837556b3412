/* The heads file against the database, and the other way round. See verify_heads_parts.h. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "rater/verify_heads_parts.h"

static bool
add_note(Heads *self, const char *text, Err *err)
{
    Json *sentence = json_object_new_string(text);
    return sentence == NULL ? err_set(err, ERR_NOMEM, "no memory for a note")
                            : json_append(self->report->notes, sentence, err);
}

/** The database went back, and the operator said so. */
static bool
take_restored(Heads *self, const HeadsLine *line, Err *err)
{
    char at[UTC_TEXT_BYTES];
    char text[HEADS_REASON_BYTES + 256];
    const HeadsRestored *restored = &line->restored;
    const Digest digest = heads_restored_digest(restored);
    for (size_t i = 0; i < self->count; i++)
        if (self->all[i].head.number > restored->to)
            self->all[i].in_file = false;
    finals_set_back(self->finals, restored->to);
    self->file_last = restored->to;
    self->file_digest = restored->to_digest;
    snprintf(text, sizeof text, "the database was set back from head %" PRId64 " to %" PRId64 " on %s: %s",
             restored->from, restored->to, utc_format(restored->at_us, at), restored->reason);
    if (heads_key_index(self, restored->public_key) < self->file_key &&
        !heads_note(self, restored->from, "key that signed a line `restored` in the heads file",
                    "that of the heads before it, or a later one", "one that was replaced", err))
        return false;
    return add_note(self, text, err) &&
           heads_check_signature(self, restored->to, "signature of a line `restored` in the heads file", &digest,
                                 restored->public_key, restored->signature, err);
}

/** Heads follow one another in the file; each is in the database unless a later line took it back. What is in no line any more
 *  is told from self->in_file at the end. */
static bool
take_head_line(Heads *self, const HeadsLine *line, Err *err)
{
    const SealHead *head = &line->head;
    Head *there = heads_find(self, head->number);
    bool same = there != NULL && memcmp(&there->head.digest, &head->digest, sizeof head->digest) == 0;
    if ((same && there->in_file) ||
        (head->number == self->file_last && memcmp(&head->digest, &self->file_digest, sizeof head->digest) == 0))
        return true; /* twice: a crash between two writes, or two that wrote at once */
    const Digest digest = seal_head_digest(head);
    bool good =
        heads_same_number(self, head->number, "next head in the heads file", self->file_last + 1, head->number, err) &&
        heads_same_digest(self, head->number, "digest of a head in the heads file", &digest, &head->digest, err) &&
        heads_same_digest(self, head->number, "digest of the head before it in the heads file", &self->file_digest,
                          &head->previous, err) &&
        heads_check_signature(self, head->number, "signature in the heads file", &digest, head->public_key,
                              head->signature, err);
    size_t key = heads_key_index(self, head->public_key);
    if (key < self->keys.count && key > self->file_key)
        self->file_key = key;
    if (there != NULL)
        there->in_file = same;
    self->file_last = head->number;
    self->file_digest = head->digest;
    return good && (same && !there->invoices_differ ? true : finals_take_listed(self->finals, line, err));
}

static bool
take_line(void *context, const HeadsLine *line, Err *err)
{
    Heads *self = context;
    switch (line->kind) {
    case HEADS_HEAD:
        return take_head_line(self, line, err);
    case HEADS_RESTORED:
        return take_restored(self, line, err);
    case HEADS_BROKEN:
        break; /* cut off by a crash: its head stands in the next line, or is missed */
    }
    return true;
}

static bool
note_rolled_back(Heads *self, int64_t number, const char *found, Err *err)
{
    char what[PATH_MAX + 64];
    snprintf(what, sizeof what, "a head of %s", self->path);
    return heads_note(self, number, what, "in the database as it was signed", found, err);
}

/** A head is committed only when the one before stands in the file: no more than the newest can be missing. Look again, for
 *  sealing went on while we looked. */
static bool
check_short(Heads *self, int64_t last, Err *err)
{
    HeadsLine line = {0};
    bool found = false;
    if (!heads_file_last(self->path, &line, &found, err))
        return false;
    int64_t number = !found ? 0 : line.kind == HEADS_RESTORED ? line.restored.to : line.head.number;
    return number >= last - 1 ||
           heads_same_number(self, last, "last head of the heads file, which lacks the newest at most", last, number,
                             err);
}

/** Every head up to the file's last must be in the database, the same. */
static bool
check_file_end(Heads *self, Err *err)
{
    int64_t late = 0;
    int64_t last = self->count == 0 ? 0 : self->all[self->count - 1].head.number;
    for (size_t i = 0; i < self->count; i++) {
        const Head *head = &self->all[i];
        late += head->head.number > self->file_last;
        if (head->head.number <= self->file_last && !head->in_file &&
            !note_rolled_back(self, head->head.number, "another head: the database was rolled back or rewritten", err))
            return false;
    }
    for (int64_t number = last + 1; number <= self->file_last; number++)
        if (!note_rolled_back(self, number, "none: the database was rolled back or rewritten", err))
            return false;
    if (late > 1 && !self->is_copy)
        return check_short(self, last, err);
    char text[PATH_MAX + 96];
    snprintf(text, sizeof text, "the %" PRId64 " newest head%s not in %s yet", late, late == 1 ? " is" : "s are",
             self->path);
    return late == 0 || add_note(self, text, err);
}

bool
heads_check_file(Heads *self, Err *err)
{
    bool exists = false;
    if (!heads_file_read(self->path, self->bytes, &exists, take_line, self, err))
        return false;
    if (!exists && self->count > 0)
        return heads_note(self, self->all[self->count - 1].head.number, "heads file", self->path, "no such file", err);
    return check_file_end(self, err);
}
