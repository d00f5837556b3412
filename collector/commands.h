/**
 * commands - the commands of millibill-collector
 *
 * Each gets argv with argv[0] = its name and returns the exit status.
 */
#ifndef COLLECTOR_COMMANDS_H
#define COLLECTOR_COMMANDS_H

int run_command(int argc, char **argv);
int quarantine_command(int argc, char **argv);
int seal_command(int argc, char **argv);

#endif
