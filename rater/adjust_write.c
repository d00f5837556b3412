/* What a plan comes to, written into the database. See adjust_plan.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rater/adjust_plan.h"
#include "rater/credit_note.h"
#include "rater/deliver.h"
#include "rater/rate_measures.h"
#include "schema/invoice_store.h"

/* A credit note has a rating run of its own: the invoice's period, and what had been received when it was corrected. */
static bool
record_run(Db *db, const AdjustBase *base, int64_t to_receipt, int64_t *run_id, Err *err)
{
    PriceBook *book = price_book_parse(text_of(base->book), "price_books.source", err);
    if (book == NULL)
        return false;
    const RatingRun run = {
        .final = true,
        .month = base->month,
        .period_start_us = base->start_us,
        .period_end_us = base->end_us,
        .receipt_watermark = to_receipt,
        .price_book = book->digest,
        .default_region = book->default_region,
        .free_tier = base->free_tier,
        .document_version = 2,
    };
    bool done = rate_measures_record(db, &run, book, run_id, err);
    price_book_free(&book);
    return done;
}

static const char *
note_number(const AdjustEvent *event)
{
    return json_object_get_string(json_member(json_member(event->credit_note, "invoice"), "number"));
}

static bool
write_note(const AdjustPlan *self, AdjustEvent *event, Db *db, const Config *config, int year, Err *err)
{
    char series[32];
    char number[64];
    int64_t next = 0;
    int64_t run_id = 0;
    snprintf(series, sizeof series, "MB-CN-%04d", year);
    if (!record_run(db, &event->base, event->to_receipt, &run_id, err) || !invoice_number_take(db, series, &next, err))
        return false;
    snprintf(number, sizeof number, "%s-%06" PRId64, series, next);
    char *canonical =
        credit_note_number(event->credit_note, number, err) ? json_canonical(event->credit_note, err) : NULL;
    bool done = canonical != NULL && invoice_write(db, self->tenant->tenant_id, run_id, canonical, err) &&
                deliver_queue(db, config, self->tenant->tenant_id, number, err);
    free(canonical);
    return done;
}

bool
adjust_plan_write_notes(AdjustPlan *self, Db *db, const Config *config, int year, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < self->count; i++)
        if (self->events[i].credit_note != NULL)
            done = write_note(self, &self->events[i], db, config, year, err);
    return done;
}

static bool
write_one(const AdjustPlan *self, Db *db, AdjustDisposition disposition, const char *carrier, Json *document, Err *err)
{
    char *canonical = json_canonical(document, err);
    bool done = canonical != NULL && adjust_write(db, self->tenant->tenant_id, adjust_disposition_name(disposition),
                                                  carrier, canonical, err);
    free(canonical);
    return done;
}

bool
adjust_plan_write(const AdjustPlan *self, Db *db, const char *number, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < self->count; i++) {
        const AdjustEvent *event = &self->events[i];
        const char *carrier = event->document == NULL ? NULL : event->credit_note != NULL ? note_number(event) : number;
        if (event->document != NULL)
            done = write_one(self, db, event->disposition, carrier, event->document, err);
        if (done && event->written_off != NULL)
            done = write_one(self, db, ADJUST_WRITTEN_OFF, carrier, event->written_off, err);
    }
    return done;
}
