/* millibill-report - invoices as documents, and what the usage tells */
#include "lib/log.h"
#include "lib/options.h"
#include "reports/commands.h"

static const Command COMMANDS[] = {
    {"invoice", "list, show and render invoices", invoice_command},
    {"savings", "compare functions with what else could do the work", savings_command},
    {"free-tier", "used, left, and the day when it runs out", free_tier_command},
    {"usage", "usage and cost by tenant, function, day, ...", usage_command},
    {"export", "charges for other systems: FOCUS 1.2", export_command},
    {"dashboard", "a month as one page that works offline", dashboard_command},
    {NULL, NULL, NULL},
};

int
main(int argc, char **argv)
{
    log_start("report", LOG_LEVEL_INFO);
    return command_dispatch("millibill", "Reports: invoices, savings, free tier, usage, exports, dashboard", COMMANDS,
                            argc, argv);
}
