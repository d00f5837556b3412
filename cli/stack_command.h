/**
 * stack_command - what commands about a stack have in common: --data, --json, --help, and how they end
 */
#ifndef CLI_STACK_COMMAND_H
#define CLI_STACK_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/options.h"

/** One call, as parsed. */
typedef struct StackCall {
    const char *data; /* NULL: not given */
    bool json;
    const char *const *arguments; /* NULL-terminated */
    int status;                   /* exit status of a call that was done; 0 unless `run` sets it */
} StackCall;

typedef struct StackCommand {
    const char *command;   /* "millibill tenant list" */
    const char *arguments; /* NULL: none */
    const char *summary;
    const char *detail; /* may be NULL */
    size_t arguments_min;
    size_t arguments_max;
    const Option *options; /* besides --data and --json, ended by a NULL name; may be NULL. At most STACK_OPTIONS_MAX */
    /** Do it and print the result. False with err set: the message is printed and the exit status is the error's. */
    bool (*run)(StackCall *call, void *context, Err *err);
    void *context;
} StackCommand;

enum { STACK_OPTIONS_MAX = 8 };

/** Parse, run, report. Returns the exit status. */
MUST_CHECK int stack_command(const StackCommand *self, int argc, char **argv);

#endif
