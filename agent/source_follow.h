/**
 * source_follow - the files of `follow:` in millibill.yaml, read as they grow
 *
 * Records go through a packer into the spool; the marks of the files (table SPOOL_FILES) change in the same transaction as
 * the batch that holds their lines, so that a crash neither repeats nor leaves out a line. When the spool has no room, or
 * enough of it waits for the collector, nothing is read: the files keep what they hold. A rule that names a tenant binds its
 * files to it. Also sees to it that old marks are forgotten, whoever made them. Owner thread of the spool only.
 */
#ifndef AGENT_SOURCE_FOLLOW_H
#define AGENT_SOURCE_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/packer.h"
#include "agent/spool.h"
#include "lib/config.h"
#include "lib/err.h"

enum { SOURCE_FOLLOW_AHEAD_BATCHES = 64 /* that may wait while a collector takes them */ };

typedef struct SourceFollow SourceFollow;

/** Follow what `config` says (borrowed, like packer and spool). Caller frees. NULL: ERR_INPUT (a rule that cannot be),
 *  ERR_NOMEM, ERR_IO. */
MUST_CHECK SourceFollow *source_follow_open(const Config *config, Packer *packer, Spool *spool, Err *err);
void source_follow_free(SourceFollow **self);

/** Once in a turn; `now_us` is monotonic, `delivering`: a collector takes batches. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool source_follow_poll(SourceFollow *self, int64_t now_us, bool delivering, Err *err);
int64_t source_follow_due_us(const SourceFollow *self);
/** The spool committed. */
void source_follow_committed(SourceFollow *self);

#endif
