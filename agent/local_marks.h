/**
 * local_marks - what command-line sources say and ask about files (proto/local.proto: Put.files, Find, Found)
 *
 * A mark that lies makes the agent pass over what was never read. So the mark of a file that is followed is changed by whoever
 * follows it: the agent itself, or the user whose `import --follow` set it; by root and the agent's own user always. A whole
 * import by another user is taken all the same, only without its mark: what is then read once more has the same ids.
 */
#ifndef AGENT_LOCAL_MARKS_H
#define AGENT_LOCAL_MARKS_H

#include <sys/types.h>

#include "agent/spool.h"
#include "lib/err.h"
#include "lib/text.h"
#include "proto/wire.h"

enum { LOCAL_MARKS_MAX = 1024 /* in one message */ };

/** Can the marks of this Put be stored, and is there room for them? ERR_PROTOCOL, ERR_FULL. */
MUST_CHECK bool local_marks_check(const Spool *spool, const Millibill__Put *put, Err *err);
/** Stage them for the user `uid`; checked before. `*refused`: how many belong to somebody else and were left as they are. ERR_FULL,
 *  ERR_IO, ERR_NOMEM. */
MUST_CHECK bool local_marks_put(Spool *spool, const Millibill__Put *put, uid_t uid, size_t *refused, Err *err);

/** Append the answer to `find`; `allowed` false: as if nothing were known. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool local_marks_answer(Buffer *out, Spool *spool, const Millibill__Find *find, bool allowed, Err *err);

#endif
