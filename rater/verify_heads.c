/* Signed heads: their chain, what they cover, and the file outside of the database. See verify_seals.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/digest.h"
#include "rater/verify_seals.h"
#include "schema/heads_file.h"
#include "schema/seal_store.h"

enum { HEADS_AT_ONCE = 256 };

/** A head and what is found of it. */
typedef struct Head {
    SealHead head;
    DigestState seals;
    int64_t seal_count;
    DigestState books;
    int64_t book_count;
    bool in_file; /* as the file says now, after steps back */
} Head;

typedef struct Heads {
    Db *db;
    const char *path;
    int64_t bytes; /* as much of it is looked at */
    VerifyReport *report;
    Head *all; /* by number; all[0] is head 1 when there is no gap */
    size_t count, capacity;
    size_t at; /* head whose books are being read */
    bool has_key;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    int64_t file_last;     /* last head that the file has */
    Digest file_digest;    /* its digest: the next line's `previous` */
    int64_t strange_seals; /* seals whose head does not exist */
} Heads;

/* ---- notes ---- */

static bool
note(Heads *self, int64_t number, const char *what, const char *expected, const char *found, Err *err)
{
    char subject[48];
    snprintf(subject, sizeof subject, "head %" PRId64, number);
    const VerifyFinding finding = {.subject = subject, .what = what, .expected = expected, .found = found};
    return verify_note(self->report, VERIFY_HEADS, &finding, err);
}

static bool
same_digest(Heads *self, int64_t number, const char *what, const Digest *expected, const Digest *found, Err *err)
{
    char expected_hex[DIGEST_HEX_BYTES];
    char found_hex[DIGEST_HEX_BYTES];
    return memcmp(expected, found, sizeof *expected) == 0 ||
           note(self, number, what, digest_hex(expected, expected_hex), digest_hex(found, found_hex), err);
}

static bool
same_number(Heads *self, int64_t number, const char *what, int64_t expected, int64_t found, Err *err)
{
    char expected_text[24];
    char found_text[24];
    snprintf(expected_text, sizeof expected_text, "%" PRId64, expected);
    snprintf(found_text, sizeof found_text, "%" PRId64, found);
    return expected == found || note(self, number, what, expected_text, found_text, err);
}

/** Signed with the key that we know, and rightly? */
static bool
check_signature(Heads *self, int64_t number, const char *what, const Digest *digest, const uint8_t *public_key,
                const uint8_t *signature, Err *err)
{
    char expected[2 * SEAL_PUBLIC_BYTES + 1];
    char found[2 * SEAL_PUBLIC_BYTES + 1];
    if (!self->has_key)
        return true; /* noted once */
    if (memcmp(self->public_key, public_key, SEAL_PUBLIC_BYTES) != 0)
        return note(self, number, "public key", bytes_hex(self->public_key, SEAL_PUBLIC_BYTES, expected),
                    bytes_hex(public_key, SEAL_PUBLIC_BYTES, found), err);
    return seal_signature_is_valid(self->public_key, digest, signature) ||
           note(self, number, what, "a signature by the sealing key", "another one", err);
}

/* ---- heads ---- */

static bool
take_head(void *context, const SealHead *head, Err *err)
{
    Heads *self = context;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    Head *taken = &self->all[self->count++];
    *taken = (Head){.head = *head};
    digest_start(&taken->seals);
    digest_start(&taken->books);
    return true;
}

static bool
read_heads(Heads *self, Err *err)
{
    size_t before;
    do {
        before = self->count;
        int64_t last = before == 0 ? 0 : self->all[before - 1].head.number;
        if (!seal_heads_after(self->db, last, HEADS_AT_ONCE, take_head, self, err))
            return false;
    } while (self->count > before);
    return true;
}

static bool
check_chain(Heads *self, Err *err)
{
    const SealHead none = {.number = 0};
    for (size_t i = 0; i < self->count; i++) {
        const SealHead *head = &self->all[i].head;
        const SealHead *before = i == 0 ? &none : &self->all[i - 1].head;
        const Digest digest = seal_head_digest(head);
        self->report->checks[VERIFY_HEADS].checked++;
        if (!same_number(self, head->number, "number, after the head before it", before->number + 1, head->number,
                         err) ||
            !same_digest(self, head->number, "digest of the head before it", &before->digest, &head->previous, err) ||
            !same_number(self, head->number, "first receipt, after the head before it", before->receipt_to + 1,
                         head->receipt_from, err) ||
            !same_digest(self, head->number, "digest", &digest, &head->digest, err) ||
            !check_signature(self, head->number, "signature", &digest, head->public_key, head->signature, err))
            return false;
    }
    return true;
}

static Head *
find_head(const Heads *self, int64_t number)
{
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->all[middle].head.number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->count && self->all[low].head.number == number ? &self->all[low] : NULL;
}

/* ---- what heads cover ---- */

static bool
take_book(void *context, int64_t receipt, Text line, Err *err)
{
    Heads *self = context;
    (void) err;
    while (self->at < self->count && self->all[self->at].head.receipt_to < receipt)
        self->at++;
    if (self->at == self->count)
        return true; /* later than the last head: not sealed yet */
    self->all[self->at].book_count++;
    digest_add(&self->all[self->at].books, line.data, line.length);
    return true;
}

static bool
take_seal(void *context, int64_t head_number, int64_t tenant_id, int64_t number, const Digest *digest, Err *err)
{
    Heads *self = context;
    Head *head = find_head(self, head_number);
    (void) err;
    if (head == NULL) {
        self->strange_seals++;
        return true;
    }
    head->seal_count++;
    seal_head_add_seal(&head->seals, tenant_id, number, digest);
    return true;
}

typedef struct Roots {
    Heads *heads;
    DigestState state;
    int64_t count;
} Roots;

static bool
take_root(void *context, const SealRoot *root, Err *err)
{
    Roots *self = context;
    Digest digest;
    char what[USAGE_NAME_BYTES_MAX + 64];
    char month[UTC_TEXT_BYTES];
    int64_t seals = 0;
    self->count++;
    seal_head_add_root(&self->state, root->tenant_id, root->month, root->revision, &root->digest);
    if (!seal_root_digest(self->heads->db, root, &digest, &seals, err))
        return false;
    snprintf(what, sizeof what, "root of %s, tenant %.*s", utc_month_format(root->month, month),
             TEXT_ARG(root->tenant));
    return same_digest(self->heads, root->head_number, what, &digest, &root->digest, err) &&
           check_signature(self->heads, root->head_number, "signature of a root", &root->digest, root->public_key,
                           root->signature, err);
}

static bool
check_roots(Heads *self, const SealHead *head, Err *err)
{
    Roots roots = {.heads = self};
    digest_start(&roots.state);
    if (!seal_roots_of_head(self->db, head->number, take_root, &roots, err))
        return false;
    const Digest digest = digest_end(&roots.state);
    return same_number(self, head->number, "roots of months", head->roots, roots.count, err) &&
           same_digest(self, head->number, "digest over the roots of months", &head->roots_digest, &digest, err);
}

static bool
check_covered(Heads *self, Err *err)
{
    int64_t last = self->count == 0 ? 0 : self->all[self->count - 1].head.receipt_to;
    if (!seal_books(self->db, 1, last, take_book, self, err) || !verify_head_seals(self->db, take_seal, self, err))
        return false;
    for (size_t i = 0; i < self->count; i++) {
        Head *at = &self->all[i];
        const SealHead *head = &at->head;
        const Digest books = digest_end(&at->books);
        const Digest seals = digest_end(&at->seals);
        if (!same_number(self, head->number, "rows of ledger, losses and quarantine", head->books, at->book_count,
                         err) ||
            !same_digest(self, head->number, "digest over ledger, losses and quarantine", &head->books_digest, &books,
                         err) ||
            !same_number(self, head->number, "seals", head->seals, at->seal_count, err) ||
            !same_digest(self, head->number, "digest over the seals", &head->seals_digest, &seals, err) ||
            !check_roots(self, head, err))
            return false;
    }
    return same_number(self, 0, "seals whose head is missing", 0, self->strange_seals, err);
}

/* ---- the file ---- */

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
    self->file_last = restored->to;
    self->file_digest = restored->to_digest;
    snprintf(text, sizeof text, "the database was set back from head %" PRId64 " to %" PRId64 " on %s: %s",
             restored->from, restored->to, utc_format(restored->at_us, at), restored->reason);
    return add_note(self, text, err) &&
           check_signature(self, restored->to, "signature of a line `restored` in the heads file", &digest,
                           restored->public_key, restored->signature, err);
}

/** Heads follow one another in the file; each is in the database unless a later line took it back. What is in no line any more
 *  is told from self->in_file at the end. */
static bool
take_head_line(Heads *self, const HeadsLine *line, Err *err)
{
    const SealHead *head = &line->head;
    Head *there = find_head(self, head->number);
    bool same = there != NULL && memcmp(&there->head.digest, &head->digest, sizeof head->digest) == 0;
    if ((same && there->in_file) ||
        (head->number == self->file_last && memcmp(&head->digest, &self->file_digest, sizeof head->digest) == 0))
        return true; /* twice: a crash between two writes, or two that wrote at once */
    const Digest digest = seal_head_digest(head);
    bool good =
        same_number(self, head->number, "next head in the heads file", self->file_last + 1, head->number, err) &&
        same_digest(self, head->number, "digest of a head in the heads file", &digest, &head->digest, err) &&
        same_digest(self, head->number, "digest of the head before it in the heads file", &self->file_digest,
                    &head->previous, err) &&
        check_signature(self, head->number, "signature in the heads file", &digest, head->public_key, head->signature,
                        err);
    if (there != NULL)
        there->in_file = same;
    self->file_last = head->number;
    self->file_digest = head->digest;
    return good;
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
    return note(self, number, what, "in the database as it was signed", found, err);
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
           same_number(self, last, "last head of the heads file, which lacks the newest at most", last, number, err);
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
    if (late > 1)
        return check_short(self, last, err);
    char text[PATH_MAX + 96];
    snprintf(text, sizeof text, "the %" PRId64 " newest head%s not in %s yet", late, late == 1 ? " is" : "s are",
             self->path);
    return late == 0 || add_note(self, text, err);
}

static bool
check_file(Heads *self, Err *err)
{
    bool exists = false;
    if (!heads_file_read(self->path, self->bytes, &exists, take_line, self, err))
        return false;
    if (!exists && self->count > 0)
        return note(self, self->all[self->count - 1].head.number, "heads file", self->path, "no such file", err);
    return check_file_end(self, err);
}

/* ---- the whole ---- */

static bool
read_key(Heads *self, const char *path, Err *err)
{
    Err reason = {0};
    self->has_key = seal_key_read_public(path, self->public_key, &reason);
    return self->has_key || self->count == 0 || note(self, 0, "public key of the seals", path, reason.message, err);
}

MUST_CHECK bool
verify_heads(Db *db, const VerifyRequest *request, VerifyReport *report, Err *err)
{
    Heads self = {.db = db, .path = request->heads, .bytes = request->heads_bytes, .report = report};
    bool done = read_heads(&self, err) && read_key(&self, request->seal_public_key, err) && check_chain(&self, err) &&
                check_covered(&self, err) && check_file(&self, err);
    free(self.all);
    return done || err_prefix(err, "%s: ", VERIFY_CHECK_NAMES[VERIFY_HEADS]);
}
