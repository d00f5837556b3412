/* millibill-collector: the daemon (run), what could not be billed (quarantine), sealing by hand (seal). */
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>

#include "collector/commands.h"
#include "collector/service.h"
#include "lib/config.h"
#include "lib/log.h"
#include "lib/options.h"

static atomic_bool stop; /* set by signals */

static void
on_signal(int number)
{
    (void) number;
    atomic_store(&stop, true);
}

static void
catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int
run_command(int argc, char **argv)
{
    const char *data = NULL;
    const Option options[] = {
        OPTION_DATA(&data),
        OPTION_END,
    };
    const CommandLine line = {.command = "millibill-collector run",
                              .arguments = "",
                              .summary = "Take batches from agents and commit them to the database, until SIGTERM.",
                              .options = options};
    OptionsResult parsed = options_parse(&line, argc, argv, NULL);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err = {0};
    Config config;
    LogLevel level;
    if (!config_load(data, &config, &err) || !log_level_parse(config.log_level, &level, &err))
        return err_report(&err, "millibill-collector");
    log_start("collector", level);
    catch_signals();
    bool done = service_run(&config, &stop, &err);
    if (!done && atomic_load(&stop) && err.code == ERR_BUSY)
        done = true; /* stopped while it waited for the database */
    if (!done) {
        log_err(LOG_LEVEL_ERROR, "failed", &err);
        return err_report(&err, "millibill-collector");
    }
    log_info("event=stopped");
    return 0;
}

int
main(int argc, char **argv)
{
    static const Command commands[] = {
        {"run", "take batches from agents and commit them (the daemon)", run_command},
        {"quarantine", "what arrived but could not be billed: list, show, replay", quarantine_command},
        {"seal", "seal closed hours, or a month, now", seal_command},
        {NULL, NULL, NULL},
    };
    if (sodium_init() < 0) {
        fputs("millibill-collector: libsodium cannot start\n", stderr);
        return 1;
    }
    return command_dispatch("millibill", "Collector: agents' batches into the database.", commands, argc, argv);
}
