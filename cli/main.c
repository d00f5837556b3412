/*
 * millibill - the face: `millibill COMMAND …` runs the program that owns the command, as git does
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/near.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/share.h"

typedef struct Entry {
    const char *group; /* heads the list where it changes */
    const char *name;
    const char *summary;
    const char *program;               /* the sibling that owns it, or NULL */
    int (*run)(int argc, char **argv); /* else our own */
} Entry;

static const Entry ENTRIES[] = {
    {"The stack", "up", "start PostgreSQL, a collector and an agent on this machine", NULL, command_up},
    {"The stack", "down", "stop them", NULL, command_down},
    {"The stack", "status", "what runs, and where", NULL, command_status},
    {"The stack", "migrate", "bring the database schema up to date", NULL, command_migrate},
    {"Metering", "exec", "run a command and meter it as an invocation", "millibill-agent", NULL},
    {"Metering", "emit", "send usage records (NDJSON) from standard input to the agent", "millibill-agent", NULL},
    {"Metering", "import", "load history: NDJSON, CSV, AWS Lambda REPORT lines", "millibill-agent", NULL},
    {"Metering", "simulate", "make the load that a scenario describes", "millibill-agent", NULL},
    {"Metering", "quarantine", "what could not be billed: list, show, replay", "millibill-collector", NULL},
    {"Billing", "quote", "price given usage, without a database", "millibill-rater", NULL},
    {"Billing", "rate", "make a month's invoices, as preview or final", "millibill-rater", NULL},
    {"Billing", "close", "take a month from open to final invoices", "millibill-rater", NULL},
    {"Billing", "price-book", "list, show, validate, compare or add price books", "millibill-rater", NULL},
    {"Billing", "invoice", "list, show, render or void invoices; what was written off", "millibill-report", NULL},
    {"Billing", "verify", "prove streams, evidence, rollups, seals and every final invoice", "millibill-rater", NULL},
    {"Billing", "explain", "a line down to its invocations; what became of a record", "millibill-rater", NULL},
    {"Billing", "contract", "contracts of tenants: discounts, commitments, credits, tax", "millibill-rater", NULL},
    {"Billing", "reconcile", "compare a customer's own log with the bill, row by row", "millibill-rater", NULL},
    {"Billing", "reverse", "take a record that is wrong out of what is billed", "millibill-rater", NULL},
    {"Billing", "deliver", "hand final invoices and alerts to a command or webhook", "millibill-rater", NULL},
    {"Billing", "alerts", "thresholds that free tiers and contracts' limits reached", "millibill-rater", NULL},
    {"Billing", "seal", "seal closed hours, or a month, now", "millibill-collector", NULL},
    {"Reports", "savings", "what servers would have cost, with the verdict", "millibill-report", NULL},
    {"Reports", "free-tier", "free units used, left, and when they run out", "millibill-report", NULL},
    {"Reports", "usage", "usage and cost by tenant, function, day, …", "millibill-report", NULL},
    {"Reports", "export", "charges for other systems: FOCUS 1.2", "millibill-report", NULL},
    {"Reports", "dashboard", "a month as one page that works offline", "millibill-report", NULL},
    {"Administration", "tenant", "add and list tenants, give one a login", NULL, command_tenant},
    {"Administration", "account", "accounts, their tenants, moves and service", NULL, command_account},
    {"Administration", "agent", "agents' keys and the tenants they speak for", NULL, command_agent},
};
enum { ENTRY_COUNT = sizeof(ENTRIES) / sizeof(ENTRIES[0]) };

static void
help_print(FILE *out)
{
    const char *group = "";
    fprintf(out, "Usage: millibill COMMAND [OPTION…]\n\n"
                 "Meters and bills serverless invocations: from a worker's usage record to an exact invoice.\n");
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        if (strcmp(group, ENTRIES[i].group) != 0)
            fprintf(out, "\n%s\n", ENTRIES[i].group);
        group = ENTRIES[i].group;
        fprintf(out, "  %-12s %s\n", ENTRIES[i].name, ENTRIES[i].summary);
    }
    fprintf(out,
            "\n'millibill COMMAND --help' tells more. A stack is found by --data DIR, else MILLIBILL_DATA, else the\n"
            "configuration file, else the default directory.\n");
}

static const Entry *
entry_find(const char *name)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        if (strcmp(ENTRIES[i].name, name) == 0)
            return &ENTRIES[i];
    return NULL;
}

static int
unknown(const char *name)
{
    const char *names[ENTRY_COUNT + 1] = {NULL};
    char near[256];
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        names[i] = ENTRIES[i].name;
    fprintf(stderr, "millibill: there is no command '%s'\n", name);
    if (near_names(name, names, near, sizeof(near)) > 0)
        fprintf(stderr, "Did you mean %s?\n", near);
    fprintf(stderr, "'millibill --help' lists the commands.\n");
    return 2;
}

/* The sibling takes our place; it comes back only on failure. */
static int
hand_over(const char *program, char **argv)
{
    char path[PATH_MAX];
    Err err = {0};
    if (!share_program(program, path, &err))
        return err_report(&err, "millibill");
    (void) execv(path, argv);
    err_set(&err, ERR_NOT_FOUND, "cannot run '%s': %s", path, strerror(errno));
    err_hint(&err, "build it with `make`, or install all of millibill's programs in one folder");
    return err_report(&err, "millibill");
}

/* What an import would change is a question to the database, which the agent's programs do not know: the rater answers it. */
static bool
asks_what_import_changes(int argc, char **argv)
{
    bool dry_run = false;
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return false; /* the whole command's */
        dry_run |= strcmp(argv[i], "--dry-run") == 0;
    }
    return dry_run && strcmp(argv[1], "import") == 0;
}

static int
entry_run(const Entry *entry, int argc, char **argv)
{
    static char backfill[] = "backfill"; /* outlives us: argv names it */
    if (asks_what_import_changes(argc, argv)) {
        argv[1] = backfill;
        return hand_over("millibill-rater", argv);
    }
    return entry->program == NULL ? command_finish(entry->run(argc - 1, argv + 1), "millibill")
                                  : hand_over(entry->program, argv);
}

/* `millibill help COMMAND` is `millibill COMMAND --help`. */
static int
help(int argc, char **argv)
{
    if (argc < 3) {
        help_print(stdout);
        return command_finish(0, "millibill");
    }
    const Entry *entry = entry_find(argv[2]);
    if (entry == NULL)
        return unknown(argv[2]);
    char option[] = "--help";
    char *asked[] = {argv[0], argv[2], option, NULL};
    return entry_run(entry, 3, asked);
}

int
main(int argc, char **argv)
{
    log_start("millibill", LOG_LEVEL_WARN); /* what the schema code logs at work is for daemons */
    if (argc < 2) {
        help_print(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return help(strcmp(argv[1], "help") == 0 ? argc : 2, argv);
    if (strcmp(argv[1], "--version") == 0) {
        printf("millibill %s\n", MILLIBILL_VERSION);
        return command_finish(0, "millibill");
    }
    const Entry *entry = entry_find(argv[1]);
    return entry == NULL ? unknown(argv[1]) : entry_run(entry, argc, argv);
}
