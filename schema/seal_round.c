#include "schema/seal_round.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "schema/batch_store.h"
#include "schema/compact.h"
#include "schema/heads_file.h"
#include "schema/heads_follow.h"
#include "schema/seal_store.h"

typedef struct Invoices {
    DigestState state;
    int64_t count;
} Invoices;

/** One transaction. */
typedef struct Round {
    Db *db;
    const SealTools *tools;
    const SealScope *scope;
    SealReport *report;
    HeadsTail tail; /* of the heads file before it */
    SealHours hours;
    bool more_hours; /* there are more than these */
    CompactReport compacted;
    SealHead head;
    SealInvoiceKey *after; /* of the whole run */
    bool more_invoices;
    SealRoot roots[SEAL_ROOTS_MAX];
    size_t root_count;
} Round;

MUST_CHECK bool
seal_tools_open(const Config *config, SealTools *tools, Err *err)
{
    *tools = (SealTools){.stop = NULL};
    snprintf(tools->heads, sizeof tools->heads, "%s", config->seal_heads);
    return seal_key_read(config->seal_key, &tools->key, err);
}

void
seal_tools_close(SealTools *tools)
{
    seal_key_forget(&tools->key);
}

/* ---- one transaction ---- */

/** Chain the hours of each tenant, in their order, and count them into the head. */
static void
chain_hours(Round *self)
{
    const Seal *last = NULL;
    DigestState state;
    digest_start(&state);
    for (size_t i = 0; i < self->hours.count; i++) {
        Seal *seal = &self->hours.all[i].seal;
        if (self->hours.all[i].damaged || (seal->segments == 0 && seal->exclusions == 0))
            continue;
        if (last != NULL && last->tenant_id == seal->tenant_id) {
            seal->number = last->number;
            seal->previous = last->digest;
        }
        seal->number++;
        seal->head_number = self->head.number;
        seal->sealed_at_us = self->head.signed_at_us;
        seal->digest = seal_digest(seal);
        seal_head_add_seal(&state, seal->tenant_id, seal->number, &seal->digest);
        self->head.seals++;
        last = seal;
    }
    self->head.seals_digest = digest_end(&state);
}

static bool
write_seals(Round *self, Err *err)
{
    for (size_t i = 0; i < self->hours.count; i++) {
        SealHour *hour = &self->hours.all[i];
        if (hour->seal.head_number != 0 && !seal_insert(self->db, hour, err))
            return err_prefix(err, "tenant '%s': ", hour->name);
    }
    return true;
}

static bool
note_root(void *context, const SealRoot *root, Err *err)
{
    Round *self = context;
    SealRoot *made = &self->roots[self->root_count];
    int64_t seals = 0;
    *made = *root;
    made->head_number = self->head.number;
    memcpy(made->public_key, self->tools->key.public_key, sizeof made->public_key);
    if (!seal_root_digest(self->db, made, &made->digest, &seals, err))
        return false;
    seal_key_sign(&self->tools->key, &made->digest, made->signature);
    made->tenant = (Text){0};
    self->root_count++;
    return true;
}

static bool
make_roots(Round *self, Err *err)
{
    DigestState state;
    const UtcMonth *month = self->scope->month;
    if (month != NULL && !self->more_hours &&
        !seal_roots_due(self->db, *month, self->scope->tenant, note_root, self, err))
        return false;
    digest_start(&state);
    for (size_t i = 0; i < self->root_count; i++)
        seal_head_add_root(&state, self->roots[i].tenant_id, self->roots[i].month, self->roots[i].revision,
                           &self->roots[i].digest);
    self->head.roots = (int64_t) self->root_count;
    self->head.roots_digest = digest_end(&state);
    return true;
}

static bool
count_invoice(void *context, const SealInvoice *invoice, Err *err)
{
    Invoices *self = context;
    (void) err;
    seal_head_add_invoice(&self->state, invoice);
    self->count++;
    return true;
}

/** Put final invoices under the head. */
static bool
take_invoices(Round *self, Err *err)
{
    Invoices invoices = {.count = 0};
    digest_start(&invoices.state);
    if (!seal_invoices_take(self->db, self->head.number, self->after, count_invoice, &invoices, &self->more_invoices,
                            err))
        return false;
    self->head.invoices = invoices.count;
    self->head.invoices_digest = digest_end(&invoices.state);
    return true;
}

/** Does the head cover anything? */
static bool
has_work(const Round *self)
{
    return self->head.seals + self->head.roots + self->head.invoices > 0;
}

static bool
start_head(Round *self, Err *err)
{
    SealHead last;
    if (!seal_head_last(self->db, &last, err) || !heads_last_is_good(&last, &self->tail, err) ||
        !installation_incarnation(self->db, self->head.incarnation, err) ||
        !installation_last_receipt(self->db, &self->head.receipt_to, err))
        return false;
    self->report->last_head = last.number;
    self->head.version = SEAL_HEAD_VERSION;
    self->head.number = last.number + 1;
    self->head.previous = last.digest;
    self->head.receipt_from = last.receipt_to + 1;
    self->head.signed_at_us = self->scope->now_us / UTC_SECOND_US * UTC_SECOND_US;
    memcpy(self->head.public_key, self->tools->key.public_key, sizeof self->head.public_key);
    return true;
}

/** Sign and write the head with its roots. Seals refer to it, so it comes first. */
static bool
write_head(Round *self, Err *err)
{
    if (!seal_books_digest(self->db, &self->head, err))
        return false;
    self->head.digest = seal_head_digest(&self->head);
    seal_key_sign(&self->tools->key, &self->head.digest, self->head.signature);
    if (!seal_head_insert(self->db, &self->head, err))
        return false;
    for (size_t i = 0; i < self->root_count; i++)
        if (!seal_root_insert(self->db, &self->roots[i], err))
            return false;
    return true;
}

/* Damaged hours are put off for an hour; who names a month has mended them, maybe. What is put off in this run, after its
 * `now_us`, is not chosen again. */
enum { PUT_OFF_S = 3600 };

/** Which hours: closed, quiet, of the month. */
static SealChoice
choice_of(const SealScope *scope)
{
    int64_t closed_us = utc_hour_floor_us(scope->now_us - scope->after_s * UTC_SECOND_US);
    SealChoice choice = {.end_us = closed_us, .quiet_us = scope->now_us - scope->quiet_s * UTC_SECOND_US};
    if (scope->month != NULL) {
        choice.start_us = utc_month_start_us(*scope->month);
        int64_t end_us = utc_month_end_us(*scope->month);
        choice.end_us = end_us < closed_us ? end_us : closed_us;
        choice.quiet_us += PUT_OFF_S * UTC_SECOND_US;
    }
    return choice;
}

/** Choose hours, merge their small segments, and read what is to be sealed. */
static bool
take_hours(Round *self, Err *err)
{
    const SealChoice choice = choice_of(self->scope);
    bool cut = false;
    if (self->scope->invoices_only)
        return true;
    if (!seal_hours_choose(self->db, &choice, &self->hours, err))
        return false;
    self->more_hours = self->hours.count == SEAL_HOURS_MAX;
    if (!compact_hours(self->db, &self->hours, self->head.receipt_to, &self->compacted, &cut, err))
        return false;
    self->more_hours |= cut;
    return seal_hours_read(self->db, &self->hours, self->head.receipt_to, err);
}

static bool
transaction(Round *self, Err *err)
{
    if (!start_head(self, err) || !take_hours(self, err))
        return false;
    chain_hours(self);
    /* Roots are over rows that stand in the table: seals first, and they name the head, which is checked at the end. */
    if (!write_seals(self, err) || !make_roots(self, err) || !take_invoices(self, err))
        return false;
    if (has_work(self) && !write_head(self, err))
        return false;
    return seal_hours_done(self->db, &self->hours, self->head.receipt_to, err) && db_commit(self->db, err);
}

static void
count_up(const Round *self)
{
    SealReport *report = self->report;
    for (size_t i = 0; i < self->hours.count; i++) {
        const SealHour *hour = &self->hours.all[i];
        report->damaged += hour->damaged;
        if (hour->damaged)
            log_error("event=hour_not_sealed tenant=\"%s\" hour_us=%" PRId64
                      " reason=\"a segment is not what its digest says\"",
                      hour->name, hour->seal.hour_us);
        if (hour->seal.head_number == 0)
            continue;
        report->seals++;
        report->records += hour->seal.records;
        report->exclusions += hour->seal.exclusions;
    }
    report->roots += self->head.roots;
    report->invoices += self->head.invoices;
    report->merged += self->compacted.merged;
    report->made += self->compacted.made;
    if (!has_work(self))
        return;
    report->heads++;
    report->last_head = self->head.number;
}

static bool
follow(Round *self, Err *err)
{
    return heads_follow(self->db, self->tools->heads, self->tools->key.public_key, &self->tail, err);
}

/** Under the lock. `*more`: there may be more to do. */
static bool
round_locked(Round *self, bool *more, Err *err)
{
    if (!follow(self, err) || !seal_queue_scan(self->db, err))
        return false;
    bool done = db_begin(self->db, false, err) && transaction(self, err);
    db_rollback(self->db);
    if (!done)
        return false;
    count_up(self);
    *more = self->more_hours || self->root_count == SEAL_ROOTS_MAX || self->more_invoices;
    return follow(self, err);
}

/* ---- one sealer at a time ---- */

/** Of the database, and of the heads file: two databases (one restored beside the other) may have the same file. */
typedef struct SealLock {
    int heads_fd;
} SealLock;

static bool
lock_both(Db *db, const SealTools *tools, SealLock *lock, Err *err)
{
    Patience patience = {.stop = tools->stop, .wait_ms = SEAL_LOCK_WAIT_MS};
    if (!seal_lock(db, &patience, err))
        return false;
    lock->heads_fd = heads_file_lock(tools->heads, &patience, err);
    if (lock->heads_fd < 0)
        seal_unlock(db);
    return lock->heads_fd >= 0;
}

static void
unlock_both(Db *db, SealLock *lock)
{
    heads_file_unlock(lock->heads_fd);
    seal_unlock(db);
}

/* ---- the whole ---- */

MUST_CHECK bool
seal_run(Db *db, const SealTools *tools, const SealScope *scope, SealReport *report, Err *err)
{
    bool more = true;
    bool done = true;
    SealInvoiceKey after = {0};
    Round *self = calloc(1, sizeof *self);
    if (self == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %d hours", SEAL_HOURS_MAX);
    while (done && more && !patience_is_stopped(&(Patience){.stop = tools->stop})) {
        SealLock lock;
        *self = (Round){.db = db, .tools = tools, .scope = scope, .report = report, .after = &after};
        done = lock_both(db, tools, &lock, err);
        if (!done)
            break;
        done = round_locked(self, &more, err);
        unlock_both(db, &lock);
        seal_hours_free(&self->hours);
    }
    free(self);
    return done;
}

/* ---- a restore that was meant ---- */

/** The last head that file and database have in common. */
typedef struct Common {
    Db *db;
    SealHead head; /* number 0: none */
} Common;

static bool
look_for_common(void *context, const HeadsLine *line, Err *err)
{
    Common *self = context;
    SealHead there;
    if (line->kind != HEADS_HEAD || line->head.number <= self->head.number)
        return true;
    if (!seal_head_find(self->db, line->head.number, &there, err))
        return false;
    if (there.number != 0 && memcmp(&there.digest, &line->head.digest, sizeof there.digest) == 0)
        self->head = there;
    return true;
}

static bool
accept(Db *db, const SealTools *tools, const char *reason, Err *err)
{
    Common common = {.db = db};
    bool found = false;
    HeadsTail tail;
    Err state = {0};
    if (heads_tail(db, tools->heads, &tail, &state))
        return err_set(err, ERR_CONFLICT, "the database has every head of %s: it was not set back", tools->heads);
    if (state.code != ERR_CONFLICT)
        return err_set(err, state.code, "%s", state.message);
    if (!heads_file_read(tools->heads, INT64_MAX, &found, look_for_common, &common, err))
        return false;
    HeadsRestored restored = {.from = tail.number,
                              .from_digest = tail.digest,
                              .to = common.head.number,
                              .to_digest = common.head.digest,
                              .at_us = utc_now_us() / UTC_SECOND_US * UTC_SECOND_US};
    snprintf(restored.reason, sizeof restored.reason, "%s", reason);
    memcpy(restored.public_key, tools->key.public_key, sizeof restored.public_key);
    const Digest digest = heads_restored_digest(&restored);
    seal_key_sign(&tools->key, &digest, restored.signature);
    return heads_file_append_restored(tools->heads, &restored, err);
}

MUST_CHECK bool
seal_accept_restore(Db *db, const SealTools *tools, const char *reason, Err *err)
{
    Text text = text_of(reason);
    if (text.length == 0 || text.length >= HEADS_REASON_BYTES || !text_is_clean_utf8(text))
        return err_set(err, ERR_USAGE, "say in 1 to %d bytes why the database was set back", HEADS_REASON_BYTES - 1);
    SealLock lock;
    if (!lock_both(db, tools, &lock, err))
        return false;
    bool done = accept(db, tools, reason, err);
    unlock_both(db, &lock);
    return done;
}
