/**
 * commands - what the program millibill-agent can be asked to do
 *
 * Each takes argv with argv[0] = the command's own name and returns the exit status (0 done, 1 failed, 2 wrong usage).
 */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

/** `run`: the daemon; returns when it is told to stop. */
int agent_run_command(int argc, char **argv);
/** `exec`: run a command as one metered invocation. */
int exec_command(int argc, char **argv);
/** `emit`: NDJSON lines from standard input to the daemon. */
int emit_command(int argc, char **argv);
/** `import`: load files of history through the daemon. */
int import_command(int argc, char **argv);
/** `simulate`: deterministic load through the daemon. */
int simulate_command(int argc, char **argv);

#endif
