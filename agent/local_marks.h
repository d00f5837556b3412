/**
 * local_marks - what command-line sources say and ask about files (proto/local.proto: Put.files, Find, Found)
 */
#ifndef AGENT_LOCAL_MARKS_H
#define AGENT_LOCAL_MARKS_H

#include "agent/spool.h"
#include "lib/err.h"
#include "lib/text.h"
#include "proto/wire.h"

enum { LOCAL_MARKS_MAX = 1024 /* in one message */ };

/** Can the marks of this Put be stored, and is there room for them? ERR_PROTOCOL, ERR_FULL. */
MUST_CHECK bool local_marks_check(const Spool *spool, const Millibill__Put *put, Err *err);
/** Stage them; checked before. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool local_marks_put(Spool *spool, const Millibill__Put *put, Err *err);

/** Append the answer to `find`; `allowed` false: as if nothing were known. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool local_marks_answer(Buffer *out, Spool *spool, const Millibill__Find *find, bool allowed, Err *err);

#endif
