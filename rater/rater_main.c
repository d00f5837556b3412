/* millibill-rater - price books, quotes and invoices */
#include "lib/log.h"
#include "lib/options.h"
#include "rater/commands.h"

static const Command COMMANDS[] = {
    {"quote", "rate given usage, without a database", quote_command},
    {"rate", "make the invoices of a month", rate_command},
    {"close", "take a month from open to final", close_command},
    {"price-book", "list, show and validate price books", price_book_command},
    {"verify", "prove streams, evidence, rollups and final invoices", verify_command},
    {"explain", "what a line is made of, what became of a record", explain_command},
    {"reconcile", "a customer's own log against the bill", reconcile_command},
    {"backfill", "what an import would change (import --backfill --dry-run)", backfill_command},
    {"reverse", "take a record that is wrong out of what is billed", reverse_command},
    {"contract", "contracts of tenants", contract_command},
    {"invoice", "take a final invoice back", invoice_command},
    {"deliver", "hand final invoices and alerts to the configured commands and webhooks", deliver_command},
    {"alerts", "thresholds of free tiers, commitments, credits and spending limits", alerts_command},
    {NULL, NULL, NULL},
};

int
main(int argc, char **argv)
{
    log_start("rater", LOG_LEVEL_INFO);
    return command_dispatch("millibill", "Rating: what usage costs", COMMANDS, argc, argv);
}
