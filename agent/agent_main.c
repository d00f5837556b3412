/* millibill-agent: the daemon on a worker's host and the command-line sources that feed it */
#include "agent/commands.h"
#include "lib/options.h"

int
main(int argc, char **argv)
{
    static const Command commands[] = {
        {"run", "take usage records from all sources and deliver them to a collector", agent_run_command},
        {"exec", "run and meter a command", exec_command},
        {"emit", "send usage records (NDJSON on standard input) to the agent", emit_command},
        {"import", "load history from files", import_command},
        {"simulate", "produce deterministic load from a scenario", simulate_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch("millibill", "usage of serverless invocations, from a worker to the collector", commands,
                            argc, argv);
}
