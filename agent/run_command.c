/* `millibill-agent run`: settings and log, then the daemon until a signal ends it. */
#include "agent/commands.h"
#include "agent/daemon.h"
#include "lib/config.h"
#include "lib/log.h"
#include "lib/options.h"

static int
serve(const char *data)
{
    Err err = {0};
    Config config;
    LogLevel level;
    if (!config_load(data, &config, &err) || !log_level_parse(config.log_level, &level, &err))
        return err_report(&err, "millibill agent");
    log_start("agent", level);
    Daemon *daemon = daemon_new(&config, &err);
    if (daemon != NULL && !daemon_run(daemon, &err) && err_is_set(&err))
        log_err(LOG_LEVEL_ERROR, "failed", &err);
    daemon_free(&daemon);
    return err_is_set(&err) ? err_report(&err, "millibill agent") : 0;
}

int
agent_run_command(int argc, char **argv)
{
    const char *data = NULL;
    const Option options[] = {
        OPTION_DATA(&data),
        {0},
    };
    const CommandLine line = {
        .command = "millibill-agent run",
        .arguments = "",
        .summary = "Take usage records from all sources of this host and deliver them to a collector.",
        .detail = "Runs in the foreground until SIGTERM or SIGINT; logs on standard error. Settings: millibill.yaml of "
                  "the stack.",
        .options = options,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    return result == OPTIONS_RUN ? serve(data) : options_exit_status(result);
}
