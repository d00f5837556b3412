#include "reports/focus_terms.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"
#include "lib/utc.h"
#include "reports/document.h"
#include "reports/figures.h"
#include "reports/focus.h"
#include "reports/rater_call.h"
#include "schema/document_store.h"

/** A fee: of a tenant, an entry's name and its term, whatever revision of the contract names it. */
typedef struct Fee {
    const char *tenant, *name; /* of the rater's answer */
    int64_t from_us, until_us;
    int64_t start_us; /* of the period that billed it; INT64_MAX: none did */
    mpq_t amount;
} Fee;

/** An entry of a revision. */
typedef struct Entry {
    const char *tenant, *name, *revision;
    size_t fee;
} Entry;

struct FocusTerms {
    Json *answer;
    Entry *entries;
    size_t entry_count, entry_capacity;
    Fee *fees;
    size_t fee_count, fee_capacity;
};

static bool
instant(Json *object, const char *key, int64_t *out, Err *err)
{
    Text text;
    return (json_text(json_member(object, key), &text) && utc_parse(text, out, err)) ||
           err_set(err, ERR_INPUT, "'%s' is no instant", key);
}

static bool
find_fee(FocusTerms *self, const Fee *like, size_t *place, Err *err)
{
    for (*place = 0; *place < self->fee_count; ++*place) {
        const Fee *fee = &self->fees[*place];
        if (strcmp(fee->tenant, like->tenant) == 0 && strcmp(fee->name, like->name) == 0 &&
            fee->from_us == like->from_us && fee->until_us == like->until_us)
            return true;
    }
    if (!array_grow(&self->fees, &self->fee_capacity, self->fee_count, sizeof *self->fees, err))
        return false;
    Fee *fee = &self->fees[self->fee_count++];
    *fee = *like;
    mpq_init(fee->amount);
    return true;
}

static bool
take_term(FocusTerms *self, Json *term, Err *err)
{
    Fee like = {
        .tenant = document_member(term, "tenant"), .name = document_member(term, "name"), .start_us = INT64_MAX};
    Entry entry = {.tenant = like.tenant, .name = like.name, .revision = document_member(term, "revision")};
    if (!instant(term, "from", &like.from_us, err) || !instant(term, "until", &like.until_us, err) ||
        !find_fee(self, &like, &entry.fee, err) ||
        !array_grow(&self->entries, &self->entry_capacity, self->entry_count, sizeof *self->entries, err))
        return false;
    self->entries[self->entry_count++] = entry;
    return true;
}

static bool
is_of(const Entry *entry, Json *document)
{
    return strcmp(entry->tenant, document_member(json_member(document, "invoice"), "tenant")) == 0 &&
           strcmp(entry->revision, document_member(json_member(document, "contract"), "revision")) == 0;
}

/* What a document bills of a fee, in the currency that is paid in, is added to `out`. */
static bool
add_billed(Json *document, const char *name, mpq_t out, bool *found, Err *err)
{
    Json *items = json_member(document, "statement");
    Json *payable = json_member(document, "payable");
    mpq_t amount, rate;
    mpq_inits(amount, rate, NULL);
    mpq_set_ui(rate, 1, 1);
    bool done = payable == NULL || figure_read_optional(payable, "rate", rate, err);
    for (size_t i = 0; done && i < document_length(items); i++) {
        Json *item = json_object_array_get_idx(items, i);
        if (strcmp(document_member(item, "kind"), "prepaid_fee") != 0 ||
            strcmp(document_member(item, "name"), name) != 0)
            continue;
        *found = true;
        done = figure_read(item, "amount", amount, err);
        mpq_mul(amount, amount, rate);
        mpq_add(out, out, amount);
    }
    mpq_clears(amount, rate, NULL);
    return done;
}

static bool
take_document(void *context, const DocumentRow *row, Err *err)
{
    FocusTerms *self = context;
    Json *document = json_parse(row->document, err);
    bool done = document != NULL;
    for (size_t i = 0; done && i < self->entry_count; i++) {
        Fee *fee = &self->fees[self->entries[i].fee];
        bool found = false;
        if (!is_of(&self->entries[i], document))
            continue;
        done = add_billed(document, fee->name, fee->amount, &found, err);
        if (found && row->period_start_us < fee->start_us)
            fee->start_us = row->period_start_us;
    }
    json_object_put(document);
    return done;
}

FocusTerms *
focus_terms_read(Db *db, const char *data, const char *tenant, Err *err)
{
    const char *arguments[RATER_ARGUMENTS_MAX] = {"contract", "terms", "--json"};
    size_t count = 3;
    const char *const more[][2] = {{"--data", data}, {"--tenant", tenant}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        if (more[i][1] == NULL)
            continue;
        arguments[count++] = more[i][0];
        arguments[count++] = more[i][1];
    }
    FocusTerms *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for terms");
        return NULL;
    }
    const DocumentFilter billed = {.tenant = tenant, .state = "final", .with_item = "prepaid_fee"};
    self->answer = rater_call(arguments, (Text){NULL, 0}, false, err);
    bool done = self->answer != NULL;
    for (size_t i = 0; done && i < document_length(self->answer); i++)
        done = take_term(self, json_object_array_get_idx(self->answer, i), err);
    if (!done || (self->entry_count > 0 && !document_visit(db, &billed, take_document, self, err)))
        focus_terms_free(&self);
    return self;
}

void
focus_terms_free(FocusTerms **self)
{
    if (*self == NULL)
        return;
    for (size_t i = 0; i < (*self)->fee_count; i++)
        mpq_clear((*self)->fees[i].amount);
    free((*self)->fees);
    free((*self)->entries);
    json_object_put((*self)->answer);
    free(*self);
    *self = NULL;
}

bool
focus_terms_next(const FocusTerms *self, Json *document, size_t *at, FocusTerm *out)
{
    while (*at < self->entry_count) {
        const Entry *entry = &self->entries[(*at)++];
        if (!is_of(entry, document))
            continue;
        *out = (FocusTerm){entry->name, entry->fee};
        return true;
    }
    return false;
}

bool
focus_terms_is_fee(const FocusTerms *self, Json *document, const char *name)
{
    FocusTerm term;
    for (size_t at = 0; focus_terms_next(self, document, &at, &term);)
        if (strcmp(term.name, name) == 0)
            return true;
    return false;
}

/* Of the fee, what belongs to the time up to an instant. */
static void
up_to(const mpq_t amount, int64_t start_us, int64_t until_us, int64_t at_us, mpq_t out)
{
    mpq_t share;
    const int64_t within_us = at_us < start_us ? start_us : at_us > until_us ? until_us : at_us;
    if (within_us == until_us) {
        mpq_set(out, amount);
        return;
    }
    mpq_init(share);
    decimal_set_i64(share, until_us - start_us);
    decimal_set_i64(out, within_us - start_us);
    mpq_div(out, out, share);
    mpq_mul(out, out, amount);
    decimal_round(out, FOCUS_SHARE_SCALE, ROUND_HALF_UP);
    mpq_clear(share);
}

bool
focus_terms_part(const FocusTerms *self, const FocusTerm *term, Json *document, mpq_t out, Err *err)
{
    const Fee *fee = &self->fees[term->place];
    Json *head = json_member(document, "invoice");
    int64_t period_us[2] = {0, 0};
    mpq_t amount, before;
    bool own = false;
    if (!instant(head, "period_start", &period_us[0], err) || !instant(head, "period_end", &period_us[1], err))
        return false;
    mpq_inits(amount, before, NULL);
    mpq_set(amount, fee->amount);
    bool done = document_member(head, "number")[0] != '\0' || add_billed(document, term->name, amount, &own, err);
    const int64_t start_us = fee->start_us < period_us[0] || !own ? fee->start_us : period_us[0];
    mpq_set_ui(out, 0, 1);
    if (done && start_us < fee->until_us) {
        up_to(amount, start_us, fee->until_us, period_us[1], out);
        up_to(amount, start_us, fee->until_us, period_us[0], before);
        mpq_sub(out, out, before);
    }
    mpq_clears(amount, before, NULL);
    return done;
}
