#include "rater/verify_finals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/array.h"
#include "rater/verify_parts.h"

enum { NAMES_BYTES_MAX = 8 << 20 };

struct Finals {
    Db *db;
    VerifyReport *report;
    SealInvoice *listed; /* that the database should have, by the heads file */
    size_t count, capacity;
    Arena *texts;
};

Finals *
finals_new(Db *db, VerifyReport *report, Err *err)
{
    Finals *self = calloc(1, sizeof *self);
    if (self != NULL)
        *self = (Finals){.db = db, .report = report, .texts = arena_new(NAMES_BYTES_MAX)};
    if (self != NULL && self->texts != NULL)
        return self;
    err_set(err, ERR_NOMEM, "no memory for final invoices");
    finals_free(&self);
    return NULL;
}

void
finals_free(Finals **self)
{
    if (*self == NULL)
        return;
    if ((*self)->texts != NULL)
        arena_free(&(*self)->texts);
    free((*self)->listed);
    free(*self);
    *self = NULL;
}

/* ---- one invoice ---- */

static bool
note(Finals *self, const VerifySealedInvoice *row, const char *what, const char *expected, const char *found, Err *err)
{
    char tenant[USAGE_NAME_BYTES_MAX + 1];
    char subject[96];
    snprintf(tenant, sizeof tenant, "%.*s", TEXT_ARG(row->sealed.tenant));
    snprintf(subject, sizeof subject, "invoice %.*s", TEXT_ARG(row->sealed.number));
    const VerifyFinding finding = {
        .tenant = tenant, .subject = subject, .what = what, .expected = expected, .found = found};
    return verify_note(self->report, VERIFY_INVOICES, &finding, err);
}

MUST_CHECK bool
finals_check_sealed(Finals *self, const VerifySealedInvoice *row, Err *err)
{
    char what[96];
    char expected[DIGEST_HEX_BYTES + 16];
    char found[DIGEST_HEX_BYTES + 16];
    char hex[DIGEST_HEX_BYTES];
    char number[96];
    snprintf(what, sizeof what, "final invoice that head %" PRId64 " was signed over", row->sealed.head_number);
    snprintf(expected, sizeof expected, "SHA-256 %s", digest_hex(&row->sealed.document, hex));
    if (!row->is_there)
        return note(self, row, what, expected, "none: it was deleted, or replaced by another", err);
    if (!row->is_final)
        return note(self, row, what, "final", "a preview", err);
    snprintf(found, sizeof found, "SHA-256 %s", digest_hex(&row->document, hex));
    if (strcmp(expected, found) != 0 && !note(self, row, what, expected, found, err))
        return false;
    snprintf(number, sizeof number, "%.*s", TEXT_ARG(row->sealed.number));
    return text_equal(row->number, row->sealed.number) || note(self, row, what, number, row->number.data, err);
}

/* ---- what the heads file lists ---- */

static bool
keep(Finals *self, SealInvoice *invoice, Err *err)
{
    char *tenant = arena_copy(self->texts, invoice->tenant);
    char *number = arena_copy(self->texts, invoice->number);
    if (tenant == NULL || number == NULL ||
        !array_grow(&self->listed, &self->capacity, self->count, sizeof *self->listed, err))
        return err_set(err, ERR_NOMEM, "no memory for a final invoice of the heads file");
    invoice->tenant.data = tenant;
    invoice->number.data = number;
    self->listed[self->count++] = *invoice;
    return true;
}

MUST_CHECK bool
finals_take_listed(Finals *self, const HeadsLine *line, Err *err)
{
    DigestState state;
    size_t before = self->count;
    size_t count = heads_line_invoices(line);
    bool good = true;
    digest_start(&state);
    for (size_t i = 0; good && i < count && self->count < VERIFY_DIFFERENCES_KEPT; i++) {
        SealInvoice invoice;
        if (!heads_line_invoice(line, i, &invoice))
            break;
        seal_head_add_invoice(&state, &invoice);
        good = keep(self, &invoice, err);
    }
    const Digest digest = digest_end(&state);
    if (good && count > 0 && self->count - before == count &&
        memcmp(&digest, &line->head.invoices_digest, sizeof digest) != 0)
        self->count = before; /* not the list that was signed: it proves nothing, and its head is noted anyway */
    return good;
}

void
finals_set_back(Finals *self, int64_t head_number)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++)
        if (self->listed[i].head_number <= head_number)
            self->listed[kept++] = self->listed[i];
    self->count = kept;
}

static bool
check_if_missed(void *context, const VerifySealedInvoice *row, Err *err)
{
    return finals_check_sealed(context, row, err);
}

MUST_CHECK bool
finals_check_listed(Finals *self, Err *err)
{
    for (size_t i = 0; i < self->count; i++)
        if (!verify_listed_invoice(self->db, &self->listed[i], check_if_missed, self, err))
            return false;
    return true;
}

/* ---- not yet ---- */

MUST_CHECK bool
finals_note_unsealed(Finals *self, Err *err)
{
    char text[96];
    int64_t unsealed = 0;
    if (!verify_unsealed_invoices(self->db, &unsealed, err))
        return false;
    if (unsealed == 0)
        return true;
    snprintf(text, sizeof text, "%" PRId64 " final invoice%s under no signed head yet", unsealed,
             unsealed == 1 ? " is" : "s are");
    Json *sentence = json_object_new_string(text);
    return sentence == NULL ? err_set(err, ERR_NOMEM, "no memory for a note")
                            : json_append(self->report->notes, sentence, err);
}
