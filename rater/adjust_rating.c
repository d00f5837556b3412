#include "rater/adjust_rating.h"

#include <stdlib.h>
#include <string.h>

bool
adjust_members_read(AdjustMembers *self, Db *db, UtcMonth month, Err *err)
{
    if (self->read && self->month.year == month.year && self->month.month == month.month)
        return true;
    adjust_members_free(self);
    self->month = month;
    self->read = rate_tenants_read(&self->tenants, db, NULL, month, err);
    return self->read;
}

void
adjust_members_free(AdjustMembers *self)
{
    rate_tenants_free(&self->tenants);
    *self = (AdjustMembers){.read = false};
}

typedef struct Spans {
    EvidenceSpan *all;
    size_t count;
} Spans;

static bool
read_written_off(const AdjustRequest *request, Spans *spans, Err *err)
{
    int64_t *numbers = NULL;
    if (!adjust_written_off(request->db, request->base, request->before_id, &numbers, &spans->count, err))
        return false;
    spans->all = calloc(spans->count + 1, sizeof *spans->all);
    for (size_t i = 0; spans->all != NULL && i < spans->count; i++)
        spans->all[i] = (EvidenceSpan){numbers[2 * i], numbers[2 * i + 1]};
    free(numbers);
    return spans->all != NULL || err_set(err, ERR_NOMEM, "no memory for what was written off");
}

/* Steps add up: what counts at one counts at those that follow. */
static EvidenceView
view_of(const AdjustRequest *request, AdjustStep step)
{
    int64_t from = request->base->from_receipt;
    int64_t to = request->to_receipt;
    return (EvidenceView){.records_to = step >= ADJUST_LATE ? to : from,
                          .copies_to = step >= ADJUST_COPIES ? to : from,
                          .conflicts_to = step >= ADJUST_CONFLICTS ? to : from,
                          .reversals_to = step >= ADJUST_REVERSALS ? to : from};
}

/* "{1,2}": the account's members as PostgreSQL reads a list. */
static bool
list_members(const AdjustRequest *request, Buffer *out, Err *err)
{
    bool done = buffer_append_text(out, "{", err);
    for (size_t i = 0; done && i < request->tenants->count; i++)
        if (strcmp(request->tenants->all[i].account, request->tenant->account) == 0)
            done = buffer_printf(out, err, "%s%lld", out->length > 1 ? "," : "",
                                 (long long) request->tenants->all[i].tenant_id);
    return done && buffer_append_text(out, "}", err);
}

static bool
read_kinds(const AdjustRequest *request, AdjustKinds *kinds, Err *err)
{
    Buffer members = {0};
    const AdjustBase *base = request->base;
    bool done =
        list_members(request, &members, err) && adjust_kinds(request->db, members.data, base->start_us, base->end_us,
                                                             base->from_receipt, request->to_receipt, kinds, err);
    buffer_free(&members);
    return done;
}

static bool
happened(const AdjustKinds *kinds, AdjustStep step)
{
    switch (step) {
    case ADJUST_COPIES:
        return kinds->copies;
    case ADJUST_CONFLICTS:
        return kinds->conflicts;
    case ADJUST_REVERSALS:
        return kinds->reversals;
    case ADJUST_LATE:
        return kinds->records;
    default:
        return true;
    }
}

static bool
derive(const AdjustRequest *request, const Spans *spans, AdjustStep step, const PriceBook *book, RatingRows *rows,
       Err *err)
{
    const VerifyPeriod period = {request->base->start_us, request->base->end_us};
    for (size_t i = 0; i < request->tenants->count; i++) {
        const RateTenant *tenant = &request->tenants->all[i];
        EvidenceView view = view_of(request, step);
        if (strcmp(tenant->account, request->tenant->account) != 0)
            continue;
        if (tenant->tenant_id == request->tenant->tenant_id) {
            view.left_out = spans->all;
            view.left_out_count = spans->count;
        }
        if (!verify_derive_view(request->db, tenant, &period, &view, book, rows, err))
            return err_prefix(err, "tenant '%s': ", tenant->name);
    }
    return true;
}

static void
find_slice(const Rated *rated, const char *tenant, RatedSlice *slice)
{
    *slice = (RatedSlice){0};
    while (rated_next_tenant(rated, slice))
        if (strcmp(rated->functions[slice->function].tenant, tenant) == 0)
            return;
    *slice = (RatedSlice){0};
}

static bool
rate_step(AdjustRating *self, const AdjustRequest *request, const Spans *spans, AdjustStep step, Err *err)
{
    const RateOptions options =
        rate_options_of(request->tenant, request->base->start_us, request->base->end_us, request->base->free_tier);
    self->rows[step] = rating_rows_new(err);
    if (self->rows[step] == NULL || !derive(request, spans, step, self->book, self->rows[step], err))
        return false;
    self->rated[step] =
        rate(rating_rows_all(self->rows[step]), rating_rows_count(self->rows[step]), self->book, &options, err);
    if (self->rated[step] != NULL)
        find_slice(self->rated[step], request->tenant->name, &self->slices[step]);
    return self->rated[step] != NULL;
}

bool
adjust_rate(AdjustRating *self, const AdjustRequest *request, Err *err)
{
    const AdjustBase *base = request->base;
    AdjustKinds kinds;
    Spans spans = {0};
    *self = (AdjustRating){.book = price_book_parse(text_of(base->book), "price_books.source", err)};
    bool done = self->book != NULL && read_kinds(request, &kinds, err) && read_written_off(request, &spans, err);
    for (AdjustStep step = ADJUST_SETTLED; done && step < ADJUST_STEP_COUNT; step++) {
        if (happened(&kinds, step))
            done = rate_step(self, request, &spans, step, err);
        else
            self->slices[step] = self->slices[step - 1];
    }
    free(spans.all);
    return done;
}

void
adjust_rating_free(AdjustRating *self)
{
    for (int step = 0; step < ADJUST_STEP_COUNT; step++) {
        rated_free(&self->rated[step]);
        rating_rows_free(&self->rows[step]);
    }
    price_book_free(&self->book);
}

const Rated *
adjust_rated(const AdjustRating *self, AdjustStep step)
{
    while (self->rated[step] == NULL)
        step--;
    return self->rated[step];
}
