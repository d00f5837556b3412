/**
 * commands - what the program `millibill` does itself; all else it hands to its siblings
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdbool.h>

#include "lib/config.h"
#include "lib/err.h"

/* Each gets argv with argv[0] = its name and returns the exit status. */
int command_up(int argc, char **argv);
int command_down(int argc, char **argv);
int command_status(int argc, char **argv);
int command_migrate(int argc, char **argv);
int command_tenant(int argc, char **argv);
int command_account(int argc, char **argv);
int command_agent(int argc, char **argv);

/** Stop the stack, and what an unclean end left of it. `*was_running` may be NULL. */
MUST_CHECK bool stack_stop(const Config *config, bool *was_running, Err *err);

/** Print where the stack is and how to use it, for people. */
void stack_print(const Config *config);

/** Print the same as one JSON document. `*running`: does everything run? */
MUST_CHECK bool stack_print_json(const Config *config, bool *running, Err *err);

/** The command that opens the dashboard views. */
void stack_psql(const Config *config, char *out, size_t size);

/** Does something listen on this Unix socket? */
bool socket_is_open(const char *path);

/** The path in an ipc:// endpoint, NULL for another transport. */
const char *endpoint_path(const char *endpoint);

#endif
