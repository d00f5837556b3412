/* Adjustments, credit notes and write-offs: made again from segments at both of their receipts. See verify.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rater/adjust_plan.h"
#include "rater/credit_note.h"
#include "rater/verify_invoice_parts.h"

/* Is this what the tables say cannot be, and so a difference and no error? */
static bool
is_difference(const Err *reason)
{
    return reason->code == ERR_CORRUPT || reason->code == ERR_INPUT || reason->code == ERR_RANGE;
}

static bool
differs(Json *derived, Text stored, bool *out, Err *err)
{
    char *canonical = derived == NULL ? NULL : json_canonical(derived, err);
    if (derived != NULL && canonical == NULL)
        return false;
    *out = canonical == NULL || !text_is(stored, canonical);
    free(canonical);
    return true;
}

/* ---- what a document carries ---- */

typedef struct Carried {
    AdjustRow row;
    char *document;
    size_t count;
} Carried;

static bool
keep_carried(void *context, const AdjustRow *row, Err *err)
{
    Carried *self = context;
    if (self->count++ > 0)
        return true;
    self->row = *row;
    self->row.base.book = text_duplicate(text_of(row->base.book));
    self->document = text_duplicate(row->document);
    self->row.document = (Text){self->document, row->document.length};
    self->row.disposition = adjust_disposition_name(ADJUST_CREDITED);
    return (self->row.base.book != NULL && self->document != NULL) ||
           err_set(err, ERR_NOMEM, "no memory for an adjustment");
}

static bool
compare_note(InvoiceCheck *self, const Carried *carried, Json *stored, Err *err)
{
    static const char what[] = "made again from segments";
    AdjustEvent event;
    Err reason = {0};
    bool different = false;
    bool done =
        adjust_event_again(&event, self->db, &self->members, &carried->row, self->invoice.invoice_id, NULL, 0, &reason);
    if (!done)
        done = is_difference(&reason) ? invoice_note(self, what, "the same document", reason.message, err)
                                      : err_set(err, reason.code, "%s", reason.message);
    else if (event.credit_note == NULL)
        done = invoice_note(self, what, "the same document", "nothing that became less", err);
    else
        done = credit_note_number(event.credit_note, self->invoice.number, err) &&
               invoice_compare(self, event.credit_note, stored, err) &&
               differs(event.document, carried->row.document, &different, err) &&
               (!different || invoice_note(self, "its adjustment", "what the evidence says", "another", err));
    adjust_event_free(&event);
    return done;
}

bool
invoice_check_credit_note(InvoiceCheck *self, Json *stored, Err *err)
{
    Carried carried = {.count = 0};
    bool done =
        adjust_carried(self->db, self->invoice.tenant_id, self->invoice.invoice_id, keep_carried, &carried, err);
    if (done && carried.count != 1)
        done = invoice_note(self, "adjustments on the credit note", "1", carried.count == 0 ? "none" : "several", err);
    else if (done)
        done = compare_note(self, &carried, stored, err);
    free(carried.row.base.book);
    free(carried.document);
    return done;
}

/* ---- write-offs ---- */

typedef struct WriteOffs {
    Db *db;
    AdjustMembers members;
    VerifyReport *report;
    AdjustRow *rows;
    size_t count;
} WriteOffs;

static bool
keep_write_off(void *context, const AdjustRow *row, Err *err)
{
    WriteOffs *self = context;
    AdjustRow *grown = reallocarray(self->rows, self->count + 1, sizeof *grown);
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for what was written off");
    self->rows = grown;
    AdjustRow *kept = &grown[self->count++];
    *kept = *row;
    char *document = text_duplicate(row->document);
    kept->base.book = text_duplicate(text_of(row->base.book));
    kept->tenant = text_duplicate(text_of(row->tenant));
    kept->document = (Text){document, row->document.length};
    kept->disposition = adjust_disposition_name(ADJUST_WRITTEN_OFF);
    kept->sha256 = NULL;
    return (document != NULL && kept->base.book != NULL && kept->tenant != NULL) ||
           err_set(err, ERR_NOMEM, "no memory for what was written off");
}

static bool
check_write_off(WriteOffs *self, const AdjustRow *row, Err *err)
{
    AdjustEvent event;
    Err reason = {0};
    char subject[64];
    char month[UTC_TEXT_BYTES];
    bool different = false;
    self->report->checks[VERIFY_INVOICES].checked++;
    bool made = adjust_event_again(&event, self->db, &self->members, row, row->before_id, NULL, 0, &reason);
    bool done = made || is_difference(&reason) || err_set(err, reason.code, "%s", reason.message);
    if (done)
        done = differs(made ? event.written_off : NULL, row->document, &different, err);
    snprintf(subject, sizeof subject, "write-off of %s", utc_month_format(row->base.month, month));
    const VerifyFinding finding = {.tenant = row->tenant,
                                   .subject = subject,
                                   .what = "made again from segments",
                                   .expected = "the same document",
                                   .found = made ? "another" : reason.message};
    if (done && different)
        done = verify_note(self->report, VERIFY_INVOICES, &finding, err);
    adjust_event_free(&event);
    return done;
}

MUST_CHECK bool
verify_write_offs(Db *db, const char *tenant, const UtcMonth *month, VerifyReport *report, Err *err)
{
    WriteOffs self = {.db = db, .report = report};
    bool done = adjust_write_offs(db, tenant, month, keep_write_off, &self, err);
    for (size_t i = 0; done && i < self.count; i++)
        done = check_write_off(&self, &self.rows[i], err);
    for (size_t i = 0; i < self.count; i++) {
        free(self.rows[i].base.book);
        free((char *) (uintptr_t) self.rows[i].tenant);
        free((char *) (uintptr_t) self.rows[i].document.data);
    }
    free(self.rows);
    adjust_members_free(&self.members);
    return done;
}
