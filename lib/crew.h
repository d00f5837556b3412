/**
 * crew - independent pieces of work, divided among as many processes as there are processors
 *
 * For work that fills processors and leaves its results in files. The pieces share nothing: what a job changes in memory is gone with
 * its process. Little work is done in this process.
 */
#ifndef LIB_CREW_H
#define LIB_CREW_H

#include <stddef.h>

#include "lib/err.h"

enum { CREW_PIECES_MIN = 8 /* for each process: fewer are not worth one */ };

/** Do one piece; false with `err` ends the work of this process. It may not use connections that the caller opened. */
typedef bool (*CrewJob)(void *context, size_t piece, Err *err);

/** Do pieces 0 to count - 1, in no order. False when any failed: the error of one of them. ERR_IO (no process), ERR_INTERNAL (one
 *  was ended). */
MUST_CHECK bool crew_work(size_t count, CrewJob job, void *context, Err *err);

#endif
