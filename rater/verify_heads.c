/* Signed heads: their chain, what they cover, and the file outside of the database. See verify_seals.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/digest.h"
#include "rater/verify_heads_parts.h"
#include "schema/seal_store.h"

enum { HEADS_AT_ONCE = 256 };

/* ---- notes ---- */

bool
heads_note(Heads *self, int64_t number, const char *what, const char *expected, const char *found, Err *err)
{
    char subject[48];
    snprintf(subject, sizeof subject, "head %" PRId64, number);
    const VerifyFinding finding = {.subject = subject, .what = what, .expected = expected, .found = found};
    return verify_note(self->report, VERIFY_HEADS, &finding, err);
}

bool
heads_same_digest(Heads *self, int64_t number, const char *what, const Digest *expected, const Digest *found, Err *err)
{
    char expected_hex[DIGEST_HEX_BYTES];
    char found_hex[DIGEST_HEX_BYTES];
    return memcmp(expected, found, sizeof *expected) == 0 ||
           heads_note(self, number, what, digest_hex(expected, expected_hex), digest_hex(found, found_hex), err);
}

bool
heads_same_number(Heads *self, int64_t number, const char *what, int64_t expected, int64_t found, Err *err)
{
    char expected_text[24];
    char found_text[24];
    snprintf(expected_text, sizeof expected_text, "%" PRId64, expected);
    snprintf(found_text, sizeof found_text, "%" PRId64, found);
    return expected == found || heads_note(self, number, what, expected_text, found_text, err);
}

size_t
heads_key_index(const Heads *self, const uint8_t *public_key)
{
    size_t i = 0;
    while (i < self->keys.count && memcmp(self->keys.all[i], public_key, SEAL_PUBLIC_BYTES) != 0)
        i++;
    return i;
}

/** A key that was replaced (because it was stolen, say) signs no more. */
static bool
check_succession(Heads *self, const SealHead *head, Err *err)
{
    char expected[2 * SEAL_PUBLIC_BYTES + 1];
    char found[2 * SEAL_PUBLIC_BYTES + 1];
    size_t index = heads_key_index(self, head->public_key);
    if (index == self->keys.count)
        return true; /* unknown, and noted */
    if (index < self->key_at)
        return heads_note(self, head->number, "public key, after a head that a later key signed",
                          bytes_hex(self->keys.all[self->key_at], SEAL_PUBLIC_BYTES, expected),
                          bytes_hex(head->public_key, SEAL_PUBLIC_BYTES, found), err);
    self->key_at = index;
    return true;
}

bool
heads_check_signature(Heads *self, int64_t number, const char *what, const Digest *digest, const uint8_t *public_key,
                      const uint8_t *signature, Err *err)
{
    char expected[2 * SEAL_PUBLIC_BYTES + 1];
    char found[2 * SEAL_PUBLIC_BYTES + 1];
    if (self->keys.count == 0)
        return true; /* noted once */
    if (heads_key_index(self, public_key) == self->keys.count)
        return heads_note(self, number, "public key",
                          bytes_hex(self->keys.all[self->keys.count - 1], SEAL_PUBLIC_BYTES, expected),
                          bytes_hex(public_key, SEAL_PUBLIC_BYTES, found), err);
    return seal_signature_is_valid(public_key, digest, signature) ||
           heads_note(self, number, what, "a signature by the sealing key", "another one", err);
}

Head *
heads_find(const Heads *self, int64_t number)
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
    digest_start(&taken->invoices);
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
        if (!heads_same_number(self, head->number, "number, after the head before it", before->number + 1, head->number,
                               err) ||
            !heads_same_digest(self, head->number, "digest of the head before it", &before->digest, &head->previous,
                               err) ||
            !heads_same_number(self, head->number, "first receipt, after the head before it", before->receipt_to + 1,
                               head->receipt_from, err) ||
            !heads_same_digest(self, head->number, "digest", &digest, &head->digest, err) ||
            !heads_check_signature(self, head->number, "signature", &digest, head->public_key, head->signature, err) ||
            !check_succession(self, head, err))
            return false;
    }
    return true;
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
    Head *head = heads_find(self, head_number);
    (void) err;
    if (head == NULL) {
        self->strange_seals++;
        return true;
    }
    head->seal_count++;
    seal_head_add_seal(&head->seals, tenant_id, number, digest);
    return true;
}

static bool
take_invoice(void *context, const VerifySealedInvoice *row, Err *err)
{
    Heads *self = context;
    Head *head = heads_find(self, row->sealed.head_number);
    if (head != NULL) {
        head->invoice_count++;
        seal_head_add_invoice(&head->invoices, &row->sealed);
    }
    return finals_check_sealed(self->finals, row, err);
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
    return heads_same_digest(self->heads, root->head_number, what, &digest, &root->digest, err) &&
           heads_check_signature(self->heads, root->head_number, "signature of a root", &root->digest, root->public_key,
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
    return heads_same_number(self, head->number, "roots of months", head->roots, roots.count, err) &&
           heads_same_digest(self, head->number, "digest over the roots of months", &head->roots_digest, &digest, err);
}

static bool
check_head_invoices(Heads *self, Head *at, Err *err)
{
    const SealHead *head = &at->head;
    const Digest invoices = digest_end(&at->invoices);
    bool same = head->version < 2 || memcmp(&invoices, &head->invoices_digest, sizeof invoices) == 0;
    at->invoices_differ = head->invoices != at->invoice_count || !same;
    return heads_same_number(self, head->number, "final invoices", head->invoices, at->invoice_count, err) &&
           (same || heads_same_digest(self, head->number, "digest over the final invoices", &head->invoices_digest,
                                      &invoices, err));
}

static bool
check_covered(Heads *self, Err *err)
{
    int64_t last = self->count == 0 ? 0 : self->all[self->count - 1].head.receipt_to;
    if (!seal_books(self->db, 1, last, take_book, self, err) || !verify_head_seals(self->db, take_seal, self, err) ||
        !verify_sealed_invoices(self->db, take_invoice, self, err))
        return false;
    for (size_t i = 0; i < self->count; i++) {
        Head *at = &self->all[i];
        const SealHead *head = &at->head;
        const Digest books = digest_end(&at->books);
        const Digest seals = digest_end(&at->seals);
        if (!heads_same_number(self, head->number, "rows of ledger, losses and quarantine", head->books, at->book_count,
                               err) ||
            !heads_same_digest(self, head->number, "digest over ledger, losses and quarantine", &head->books_digest,
                               &books, err) ||
            !heads_same_number(self, head->number, "seals", head->seals, at->seal_count, err) ||
            !heads_same_digest(self, head->number, "digest over the seals", &head->seals_digest, &seals, err) ||
            !check_roots(self, head, err) || !check_head_invoices(self, at, err))
            return false;
    }
    return heads_same_number(self, 0, "seals whose head is missing", 0, self->strange_seals, err);
}

/* ---- the whole ---- */

static bool
read_key(Heads *self, const char *path, Err *err)
{
    Err reason = {0};
    return seal_keys_read_public(path, &self->keys, &reason) || self->count == 0 ||
           heads_note(self, 0, "public key of the seals", path, reason.message, err);
}

MUST_CHECK bool
verify_heads(Db *db, const VerifyRequest *request, VerifyReport *report, Err *err)
{
    Heads self = {.db = db,
                  .path = request->heads,
                  .bytes = request->heads_bytes,
                  .is_copy = request->heads_are_copy,
                  .report = report};
    self.finals = finals_new(db, report, err);
    bool done = self.finals != NULL && read_heads(&self, err) && read_key(&self, request->seal_public_key, err) &&
                check_chain(&self, err) && check_covered(&self, err) && heads_check_file(&self, err) &&
                finals_check_listed(self.finals, err) && finals_note_unsealed(self.finals, err);
    finals_free(&self.finals);
    free(self.all);
    return done || err_prefix(err, "%s: ", VERIFY_CHECK_NAMES[VERIFY_HEADS]);
}
