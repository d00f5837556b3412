/* Waiting until agents have reported past the end of the month. See close_parts.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/array.h"
#include "lib/harmless.h"
#include "lib/patience.h"
#include "rater/close_parts.h"
#include "schema/watermark_store.h"

enum { PAUSES_BETWEEN_LOOKS = 10, MS = 1000, NAMED_MAX = 3 };

static bool
is_excepted(const Close *self, const char *agent)
{
    for (size_t i = 0; i < self->request->without->count; i++)
        if (strcmp(self->request->without->items[i], agent) == 0)
            return true;
    return false;
}

static bool
take_agent(void *context, const AgentWatermark *row, Err *err)
{
    Close *self = context;
    if (!array_grow(&self->agents, &self->agent_capacity, self->agent_count, sizeof *self->agents, err))
        return false;
    CloseAgent *agent = &self->agents[self->agent_count];
    *agent = (CloseAgent){
        .name = strdup(row->agent),
        .last_us = row->last_us,
        .behind = row->last_us >= self->start_us && row->last_us < self->end_us,
        .excepted = is_excepted(self, row->agent),
    };
    if (agent->name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the agents");
    self->agent_count++;
    return true;
}

static void
forget_agents(Close *self)
{
    for (size_t i = 0; i < self->agent_count; i++)
        free(self->agents[i].name);
    self->agent_count = 0;
}

static bool
look(Close *self, Err *err)
{
    forget_agents(self);
    return agent_watermark_visit(self->db, take_agent, self, err);
}

static bool
excepted_exist(const Close *self, Err *err)
{
    for (size_t e = 0; e < self->request->without->count; e++) {
        bool found = false;
        for (size_t i = 0; i < self->agent_count; i++)
            found = found || strcmp(self->agents[i].name, self->request->without->items[e]) == 0;
        if (found)
            continue;
        err_set(err, ERR_NOT_FOUND, "--without: no agent '%s' has sent anything", self->request->without->items[e]);
        return err_hint(err, "millibill agent list shows the names");
    }
    return true;
}

/* "'edge-7' since 2026-10-31T23:50:00Z, 'edge-9' since … and 4 more". Returns how many are missed. */
static size_t
name_missed(const Close *self, char *out, size_t size)
{
    char since[UTC_TEXT_BYTES];
    size_t missed = 0;
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; i < self->agent_count; i++) {
        const CloseAgent *agent = &self->agents[i];
        if (!agent->behind || agent->excepted || ++missed > NAMED_MAX || length >= size)
            continue;
        int written = snprintf(out + length, size - length, "%s'%.40s' since %s", length == 0 ? "" : ", ", agent->name,
                               utc_format(agent->last_us, since));
        length += written > 0 ? (size_t) written : 0;
    }
    if (missed > NAMED_MAX && length < size)
        snprintf(out + length, size - length, " and %zu more", missed - NAMED_MAX);
    return missed;
}

static bool
stop_waiting(const char *missed, Err *err)
{
    err_set(err, ERR_CONFLICT, "waited in vain for agents that sent usage of the month and nothing since it ended: %s",
            missed);
    return err_hint(err,
                    "what they hold would come after the invoices; look after them. --without AGENT goes on when one "
                    "has nothing to send, --no-wait without them all");
}

static void
say_waiting(const Close *self, const char *missed)
{
    Buffer line = {0};
    if (line_append_harmless(&line, NULL,
                             "millibill close: waiting at most %" PRId64 " s for agents that are silent: %s",
                             self->request->wait_s, missed))
        fputs(line.data, stderr);
    buffer_free(&line);
}

static bool
wait_for_agents(Close *self, CloseStep *step, Err *err)
{
    char missed[CLOSE_DETAIL_BYTES / 2];
    Patience patience = {.stop = self->request->stop, .wait_ms = self->request->wait_s * MS};
    bool said = false;
    size_t count = 0;
    while ((count = name_missed(self, missed, sizeof missed)) > 0 && self->request->wait) {
        if (!said)
            say_waiting(self, missed);
        said = true;
        Err ignored = {0};
        for (int pause = 0; pause < PAUSES_BETWEEN_LOOKS; pause++)
            if (!patience_pause(&patience, "agents", &ignored))
                return stop_waiting(missed, err);
        if (!look(self, err))
            return false;
    }
    if (count > 0)
        snprintf(step->detail, sizeof step->detail, "not waited for agents that are silent: %s", missed);
    else
        snprintf(step->detail, sizeof step->detail, "%zu agent%s: none holds usage of the month back",
                 self->agent_count, self->agent_count == 1 ? "" : "s");
    return true;
}

static bool
note_open_records(Close *self, CloseStep *step, Err *err)
{
    int64_t quarantined = 0;
    int64_t lost = 0;
    size_t length = strlen(step->detail);
    if (!watermark_open_records(self->db, self->start_us, self->end_us, &quarantined, &lost, err))
        return false;
    if (quarantined > 0)
        length += (size_t) snprintf(step->detail + length, sizeof step->detail - length,
                                    "; %" PRId64 " record%s in quarantine", quarantined,
                                    quarantined == 1 ? " waits" : "s wait");
    if (lost > 0 && length < sizeof step->detail)
        snprintf(step->detail + length, sizeof step->detail - length,
                 "; %" PRId64 " record%s reported lost in the month", lost, lost == 1 ? " was" : "s were");
    return true;
}

bool
close_wait(Close *self, CloseStep *step, Err *err)
{
    return look(self, err) && excepted_exist(self, err) && wait_for_agents(self, step, err) &&
           note_open_records(self, step, err);
}
