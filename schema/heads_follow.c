#include "schema/heads_follow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "schema/heads_file.h"
#include "schema/seal_store.h"

enum { HEADS_AT_ONCE = 64 };

static bool
same(const Digest *left, const Digest *right)
{
    return memcmp(left, right, sizeof *left) == 0;
}

/* ---- the file's end ---- */

static bool
set_back(const char *path, int64_t number, const char *what, Err *err)
{
    err_set(err, ERR_CONFLICT, "the database was rolled back or rewritten: head %" PRId64 " of %s %s", number, path,
            what);
    return err_hint(
        err, "nothing is sealed until this is clear. `millibill verify` shows the rest; after a restore that was "
             "meant: millibill seal --accept-restore REASON");
}

MUST_CHECK bool
heads_tail(Db *db, const char *path, HeadsTail *tail, Err *err)
{
    HeadsLine line;
    SealHead there;
    bool found = false;
    *tail = (HeadsTail){0};
    if (!heads_file_last(path, &line, &found, err))
        return false;
    if (!found)
        return true;
    bool restored = line.kind == HEADS_RESTORED;
    tail->digest = restored ? line.restored.to_digest : line.head.digest;
    tail->number = restored ? line.restored.to : line.head.number;
    if (tail->number == 0)
        return true;
    if (!seal_head_find(db, tail->number, &there, err))
        return false;
    if (there.number == 0)
        return set_back(path, tail->number, "is missing", err);
    return same(&there.digest, &tail->digest) || set_back(path, tail->number, "is another one", err);
}

/* ---- what the database says ---- */

static bool
not_ours(const SealHead *head, const char *what, Err *err)
{
    err_set(err, ERR_CORRUPT, "head %" PRId64 " of the database is not one that was sealed here: %s", head->number,
            what);
    return err_hint(err, "somebody wrote seal_heads or seal_roots without the sealing key: `millibill verify` shows "
                         "what else. It was not appended to the heads file, and nothing is sealed until it is gone");
}

static bool
is_signed(const SealHead *head, Err *err)
{
    const Digest digest = seal_head_digest(head);
    if (!same(&digest, &head->digest))
        return not_ours(head, "its digest is wrong", err);
    return seal_signature_is_valid(head->public_key, &digest, head->signature) ||
           not_ours(head, "its signature is not valid", err);
}

MUST_CHECK bool
heads_last_is_good(const SealHead *last, const HeadsTail *tail, Err *err)
{
    if (last->number == 0 && tail->number == 0)
        return true;
    if (last->number != tail->number || !same(&last->digest, &tail->digest))
        return not_ours(last, "the heads file ends with another one", err);
    return is_signed(last, err);
}

/* ---- catching up ---- */

/** What a head covers by name, as the database says. */
typedef struct Made {
    const SealHead *head;
    SealRoot *roots;
    size_t root_count;
    SealInvoice *invoices;
    size_t invoice_count;
    Arena *texts;
    DigestState state;
} Made;

static bool
keep_text(Made *self, Text *text, Err *err)
{
    char *kept = arena_copy(self->texts, *text);
    *text = (Text){kept, text->length};
    return kept != NULL || err_set(err, ERR_NOMEM, "no memory for a head");
}

static bool
keep_root(void *context, const SealRoot *root, Err *err)
{
    Made *self = context;
    if (self->root_count == SEAL_ROOTS_MAX)
        return err_set(err, ERR_CORRUPT, "head %" PRId64 " made more than %d roots", self->head->number,
                       SEAL_ROOTS_MAX);
    if (!seal_signature_is_valid(self->head->public_key, &root->digest, root->signature))
        return not_ours(self->head, "the signature of one of its roots is not valid", err);
    SealRoot *kept = &self->roots[self->root_count++];
    *kept = *root;
    seal_head_add_root(&self->state, root->tenant_id, root->month, root->revision, &root->digest);
    return keep_text(self, &kept->tenant, err);
}

static bool
keep_invoice(void *context, const SealInvoice *invoice, Err *err)
{
    Made *self = context;
    if (self->invoice_count == SEAL_INVOICES_MAX)
        return err_set(err, ERR_CORRUPT, "head %" PRId64 " covers more than %d invoices", self->head->number,
                       SEAL_INVOICES_MAX);
    SealInvoice *kept = &self->invoices[self->invoice_count++];
    *kept = *invoice;
    seal_head_add_invoice(&self->state, invoice);
    return keep_text(self, &kept->tenant, err) && keep_text(self, &kept->number, err);
}

/** What the head was signed over, and nothing else. */
static bool
made_read(Db *db, Made *self, Err *err)
{
    const SealHead *head = self->head;
    digest_start(&self->state);
    if (!seal_roots_of_head(db, head->number, keep_root, self, err))
        return false;
    const Digest roots = digest_end(&self->state);
    if ((int64_t) self->root_count != head->roots || !same(&roots, &head->roots_digest))
        return not_ours(head, "its roots are not those it was signed over", err);
    digest_start(&self->state);
    if (!seal_invoices_of_head(db, head->number, keep_invoice, self, err))
        return false;
    const Digest invoices = digest_end(&self->state);
    if ((int64_t) self->invoice_count != head->invoices ||
        (head->version > 1 && !same(&invoices, &head->invoices_digest)))
        return not_ours(head, "its invoices are not those it was signed over", err);
    return true;
}

static bool
made_new(Made *self, const SealHead *head, Err *err)
{
    *self = (Made){.head = head,
                   .roots = calloc(SEAL_ROOTS_MAX, sizeof *self->roots),
                   .invoices = calloc(SEAL_INVOICES_MAX, sizeof *self->invoices),
                   .texts = arena_new(HEADS_LINE_BYTES_MAX)};
    return (self->roots != NULL && self->invoices != NULL && self->texts != NULL) ||
           err_set(err, ERR_NOMEM, "no memory for a head");
}

static void
made_free(Made *self)
{
    arena_free(&self->texts);
    free(self->roots);
    free(self->invoices);
}

typedef struct Following {
    Db *db;
    const char *path;
    const uint8_t *public_key;
    HeadsTail *tail;
} Following;

static bool
is_next(const Following *self, const SealHead *head, Err *err)
{
    if (head->number != self->tail->number + 1 || !same(&head->previous, &self->tail->digest))
        return not_ours(head, "it does not follow the last one of the heads file", err);
    if (memcmp(head->public_key, self->public_key, SEAL_PUBLIC_BYTES) != 0)
        return not_ours(head, "it was signed with another key", err);
    return is_signed(head, err);
}

static bool
append_head(void *context, const SealHead *head, Err *err)
{
    Following *self = context;
    Made made;
    bool done = made_new(&made, head, err) && is_next(self, head, err) && made_read(self->db, &made, err);
    const HeadsMade line = {made.roots, made.root_count, made.invoices, made.invoice_count};
    done = done && heads_file_append(self->path, head, &line, err);
    made_free(&made);
    if (done)
        *self->tail = (HeadsTail){head->number, head->digest};
    return done;
}

MUST_CHECK bool
heads_follow(Db *db, const char *path, const uint8_t public_key[SEAL_PUBLIC_BYTES], HeadsTail *tail, Err *err)
{
    Following self = {db, path, public_key, tail};
    int64_t before = 0;
    if (!heads_tail(db, path, tail, err))
        return false;
    do {
        before = tail->number;
        if (!seal_heads_after(db, tail->number, HEADS_AT_ONCE, append_head, &self, err))
            return false;
    } while (tail->number > before);
    return true;
}
