/**
 * local_client - a command-line source's conversation with the agent on this host (proto/local.proto)
 *
 * Begin, put batches, finish. At most LOCAL_IN_FLIGHT batches wait for the spool; then a put waits, so a full spool slows
 * the source down instead of filling memory. One import for each connection. Not thread-safe. After an error only
 * local_client_free may be called: what the agent has not called spooled has to be sent again.
 */
#ifndef AGENT_LOCAL_CLIENT_H
#define AGENT_LOCAL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/file_mark.h"
#include "agent/follow_set.h"
#include "lib/err.h"
#include "lib/text.h"

enum { LOCAL_IN_FLIGHT = 8 };

/** How a source presents itself (all borrowed until local_client_open returns). */
typedef struct LocalBegin {
    const char *source; /* "import", "exec", "simulate" */
    const char *label;  /* file name, scenario, command */
    const char *tenant; /* named by an operator with --tenant: registered on first use; NULL none */
    bool history;       /* any age is accepted */
    int patience_s;     /* give up when the agent is silent for that long; 0: never */
} LocalBegin;

/** What became of it; the counts hold only when `settled`. */
typedef struct LocalOutcome {
    uint64_t accepted;
    uint64_t known;
    uint64_t conflicts;
    uint64_t quarantined;
    bool settled;
    char registered[256]; /* the tenant that was new, "" none */
} LocalOutcome;

typedef struct LocalClient LocalClient;

/** Connect to a Unix stream socket of the agent. -1: ERR_NOT_FOUND when no agent listens (the hint says how to start
 *  one), ERR_RANGE (path too long), ERR_IO. */
MUST_CHECK int agent_connect(const char *path, Err *err);

/** Connect and begin. Caller frees. NULL: as agent_connect; ERR_BUSY (the agent refuses now), ERR_PROTOCOL. */
MUST_CHECK LocalClient *local_client_open(const char *path, const LocalBegin *begin, Err *err);
void local_client_free(LocalClient **self);

/** Hand over one packed UsageBatch (borrowed until the call returns; may be empty when there are marks) together with how
 *  far files have been read with it. */
MUST_CHECK bool local_client_put(LocalClient *self, Text payload, const FileMark *marks, size_t mark_count, Err *err);

/** Wait until the spool has all that was put. */
MUST_CHECK bool local_client_sync(LocalClient *self, Err *err);

/** Ask what the agent knows of files: of one inode, or (`pattern` not NULL) of those whose path fits. */
MUST_CHECK bool local_client_find(LocalClient *self, uint64_t device, uint64_t inode, const char *pattern,
                                  FollowVisit visit, void *context, Err *err);

/** Wait until the agent's spool has everything, with `wait` until the collector has committed and counted. */
MUST_CHECK bool local_client_finish(LocalClient *self, bool wait, LocalOutcome *outcome, Err *err);

/** Batches that were put, are in the spool, are committed. For progress. */
uint64_t local_client_sent(const LocalClient *self);
uint64_t local_client_committed(const LocalClient *self);

/** Called whenever the agent reports; for a progress bar. */
void local_client_on_report(LocalClient *self, void (*report)(void *caller, const LocalClient *client), void *caller);

#endif
