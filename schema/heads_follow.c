#include "schema/heads_follow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

typedef struct Roots {
    const SealHead *head;
    SealRoot *all;
    size_t count;
    char *names[SEAL_ROOTS_MAX];
    DigestState state;
} Roots;

static bool
keep_root(void *context, const SealRoot *root, Err *err)
{
    Roots *self = context;
    if (self->count == SEAL_ROOTS_MAX)
        return err_set(err, ERR_CORRUPT, "head %" PRId64 " made more than %d roots", self->head->number,
                       SEAL_ROOTS_MAX);
    if (!seal_signature_is_valid(self->head->public_key, &root->digest, root->signature))
        return not_ours(self->head, "the signature of one of its roots is not valid", err);
    char *name = text_duplicate(root->tenant);
    if (name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a root");
    seal_head_add_root(&self->state, root->tenant_id, root->month, root->revision, &root->digest);
    self->names[self->count] = name;
    self->all[self->count] = *root;
    self->all[self->count++].tenant = text_of(name);
    return true;
}

/** The roots that a head made, which must be those it was signed over. */
static bool
read_roots(Db *db, Roots *self, Err *err)
{
    digest_start(&self->state);
    if (!seal_roots_of_head(db, self->head->number, keep_root, self, err))
        return false;
    const Digest digest = digest_end(&self->state);
    return ((int64_t) self->count == self->head->roots && same(&digest, &self->head->roots_digest)) ||
           not_ours(self->head, "its roots are not those it was signed over", err);
}

static void
roots_free(Roots *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->names[i]);
    free(self->all);
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
    Roots roots = {.head = head, .all = calloc(SEAL_ROOTS_MAX, sizeof *roots.all)};
    if (roots.all == NULL)
        return err_set(err, ERR_NOMEM, "no memory for roots");
    bool done = is_next(self, head, err) && read_roots(self->db, &roots, err) &&
                heads_file_append(self->path, head, roots.all, roots.count, err);
    roots_free(&roots);
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
