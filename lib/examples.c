#include "lib/examples.h"

#include <string.h>

static const struct {
    const char *command;
    const char *lines;
} EXAMPLES[] = {
    {"up", "  millibill up\n"
           "  millibill up --data ~/stack --foreground\n"},
    {"down", "  millibill down\n"},
    {"status", "  millibill status\n"},
    {"migrate", "  millibill migrate\n"},
    {"exec", "  millibill exec --tenant acme --function checksum --memory 128 -- sha256sum README.md\n"},
    {"emit",
     "  millibill emit <records.ndjson\n"
     "  echo '{\"tenant\":\"acme\",\"function\":\"thumb\",\"memory_mb\":512,\"started_at\":\"2026-10-01T00:00:00Z\",\n"
     "         \"duration_ms\":\"120.5\"}' | tr -d '\\n' | millibill emit\n"},
    {"import", "  millibill import --tenant acme --function orders --region us-east-1 lambda.log\n"
               "  millibill import --format csv october.csv.gz\n"
               "  millibill import --backfill --dry-run --tenant acme august.ndjson\n"},
    {"simulate", "  millibill simulate --scenario thumbnails --month 2026-10\n"
                 "  millibill simulate --scenario constant --scale 1/1000 --tenant acme\n"
                 "  millibill simulate --trace AzureFunctionsInvocationTraceForTwoWeeksJan2021.txt --records 100000\n"},
    {"quarantine list", "  millibill quarantine list --tenant acme --reason malformed\n"},
    {"quarantine show", "  millibill quarantine show 17 --raw\n"},
    {"quarantine replay", "  millibill quarantine replay --reason unknown_tenant\n"},
    {"quote",
     "  echo '[{\"memory_mb\":512,\"invocations\":300000,\"duration_ms\":\"3000\"}]' | millibill quote --usage -\n"
     "  millibill quote --usage usage.json --price-book aws-lambda --price-book azure-functions\n"},
    {"rate", "  millibill rate --month 2026-10 --preview\n"
             "  millibill rate --month 2026-10 --final\n"
             "  millibill rate --month 2026-10 --what-if --price-book new-prices.yaml\n"},
    {"close", "  millibill close --month 2026-10 --output invoices/\n"},
    {"price-book list", "  millibill price-book list\n"},
    {"price-book add", "  millibill price-book add ours.yaml --from 2027-01-01T00:00:00Z\n"},
    {"price-book show", "  millibill price-book show aws-lambda\n"},
    {"price-book validate", "  millibill price-book validate ours.yaml\n"},
    {"price-book diff", "  millibill price-book diff aws-lambda ours.yaml\n"},
    {"invoice list", "  millibill invoice list --month 2026-10\n"},
    {"invoice show", "  millibill invoice show latest --tenant acme\n"},
    {"invoice render", "  millibill invoice render MB-2026-000002 --format pdf -o invoice.pdf\n"
                       "  millibill invoice render --month 2026-10 --final --format html --output-dir invoices/\n"},
    {"invoice void", "  millibill invoice void MB-2026-000002 --reason \"wrong price book\"\n"},
    {"invoice remake", "  millibill invoice remake MB-2026-000002\n"},
    {"invoice write-offs", "  millibill invoice write-offs --month 2026-08 --csv\n"},
    {"verify", "  millibill verify\n"
               "  millibill verify --month 2026-10 --tenant acme\n"},
    {"explain", "  millibill explain latest 2\n"
                "  millibill explain MB-2026-000002 2 --function thumb --hour 2026-10-03T10\n"
                "  millibill explain --record c286c20e-302f-4ae0-a661-ddfe99635f3e --tenant acme --month 2026-10\n"},
    {"contract set", "  millibill contract set --tenant acme --from 2026-11 acme.yaml\n"},
    {"contract show", "  millibill contract show --tenant acme\n"},
    {"contract history", "  millibill contract history --tenant acme\n"},
    {"contract terms", "  millibill contract terms --tenant acme\n"},
    {"contract validate", "  millibill contract validate acme.yaml\n"},
    {"contract period", "  millibill contract period --month 2026-11 acme.yaml\n"},
    {"reconcile", "  millibill reconcile --month 2026-10 --tenant acme their-log.ndjson\n"
                  "  millibill reconcile --month 2026-10 --csv --tenant acme lambda.log >differences.csv\n"},
    {"reverse",
     "  millibill reverse --tenant acme --record r-4711 --month 2026-10 --reason \"test traffic\" --dry-run\n"},
    {"deliver", "  millibill deliver --list\n"},
    {"alerts list", "  millibill alerts list --month 2026-10\n"},
    {"alerts check", "  millibill alerts check\n"},
    {"seal", "  millibill seal --month 2026-10\n"},
    {"savings", "  millibill savings --month 2026-10 --tenant acme --alternative t3-medium\n"
                "  millibill savings --month 2026-10 --fleet\n"
                "  millibill savings --usage usage.json --alternative arm64 --format pdf -o savings.pdf\n"},
    {"free-tier", "  millibill free-tier --month 2026-10\n"},
    {"usage", "  millibill usage --by tenant,function --month 2026-10\n"
              "  millibill usage --by day,region --tenant acme\n"},
    {"export focus", "  millibill export focus --month 2026-10 -o october.csv\n"},
    {"dashboard", "  millibill dashboard --month 2026-10 -o october.html\n"
                  "  millibill dashboard --month 2026-10 --tenant acme --alternative t3-medium\n"},
    {"tenant add", "  millibill tenant add acme\n"
                   "  millibill tenant add acme-test --account acme\n"},
    {"tenant list", "  millibill tenant list\n"},
    {"tenant login", "  millibill tenant login acme\n"},
    {"account list", "  millibill account list --month 2026-10\n"},
    {"account move", "  millibill account move acme-test group --from 2026-11\n"},
    {"account history", "  millibill account history acme\n"},
    {"account service", "  millibill account service acme --from 2026-10-12T00:00:00Z\n"},
    {"agent add", "  millibill agent add host-7 --tenant acme --tenant globex\n"},
    {"agent list", "  millibill agent list\n"},
    {"agent allow", "  millibill agent allow host-7 --tenant initech\n"},
    {"agent deny", "  millibill agent deny host-7 --tenant globex\n"},
    {"agent rotate", "  millibill agent rotate host-7 --grace 3600\n"},
    {"agent revoke", "  millibill agent revoke host-7\n"},
};

const char *
examples_of(const char *command)
{
    static const char program[] = "millibill ";
    if (strncmp(command, program, sizeof(program) - 1) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof(EXAMPLES) / sizeof(EXAMPLES[0]); i++)
        if (strcmp(EXAMPLES[i].command, command + sizeof(program) - 1) == 0)
            return EXAMPLES[i].lines;
    return NULL;
}
