/**
 * stack_parts - the programs of a stack, and where each has its pid file and its log
 */
#ifndef CLI_STACK_PARTS_H
#define CLI_STACK_PARTS_H

#include <limits.h>
#include <stdbool.h>

#include "cli/process.h"
#include "lib/config.h"
#include "lib/err.h"

/** In the order of starting; stopping goes backwards. */
typedef enum StackPart { PART_POSTGRES, PART_COLLECTOR, PART_AGENT, PART_COUNT } StackPart;

/** "postgres", "collector", "agent"; "supervisor" for PART_COUNT. */
const char *part_name(StackPart part);

/** The pid file of a part, or of the supervisor itself (part = PART_COUNT). ERR_RANGE. */
MUST_CHECK bool part_pid_file(const Config *config, StackPart part, char out[PATH_MAX], Err *err);
/** What the pid file says when that process lives. */
MUST_CHECK bool part_find(const Config *config, StackPart part, Process *out);
/** The log file of a part or of the supervisor. ERR_RANGE. */
MUST_CHECK bool part_log(const Config *config, StackPart part, char out[PATH_MAX], Err *err);

#endif
