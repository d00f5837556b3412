/* savings - compare functions with what else could do the work */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/options.h"
#include "reports/commands.h"
#include "reports/savings_material.h"

static bool
print_report(bool as_json, const SavingsReport *report, Err *err)
{
    if (as_json) {
        Json *json = savings_json(report, err);
        bool done = json != NULL && json_print(json, stdout, err);
        json_object_put(json);
        return done;
    }
    Buffer text = {0};
    bool done = savings_text(report, &text, err);
    if (done && fwrite(text.data, 1, text.length, stdout) != text.length)
        done = err_set(err, ERR_IO, "cannot write the report");
    buffer_free(&text);
    return done;
}

static bool
check(SavingsAsked *asked, Err *err)
{
    if (asked->usage != NULL && asked->tenant != NULL)
        return err_set(err, ERR_USAGE, "--tenant chooses among the stack's usage and does not go with --usage");
    if (asked->catalogue != NULL)
        asked->fleet = true;
    return true;
}

static bool
run(SavingsAsked *asked, bool as_json, Err *err)
{
    SavingsMaterial material = {.answer = NULL};
    SavingsReport *report = NULL;
    bool done = check(asked, err) && savings_material_gather(asked, &material, err);
    if (done) {
        report = savings_material_compare(&material, err);
        done = report != NULL && print_report(as_json, report, err);
    }
    savings_free(&report);
    savings_material_clear(&material);
    return done;
}

static const char DETAIL[] =
    "Alternatives are YAML files (doc/alternatives.md); shipped ones go by their name: t3-small and other servers,\n"
    "arm64, right-size, google-cloud-functions and other ways to run the same functions. An empty usage ([])\n"
    "compares what the file itself says of both sides.\n"
    "\n"
    "--fleet sizes servers of every type of a catalogue (doc/fleets.md) by what ran at a time, and replays every\n"
    "execution on a fleet that scales itself; the options below --catalogue are its assumptions.";

int
savings_command(int argc, char **argv)
{
    SavingsAsked asked = {.rules = fleet_rules_default()};
    bool as_json = false;
    FleetRules *rules = &asked.rules;
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &asked.month_text, "YYYY-MM",
         "month to compare; default that of the records in --usage, else this month (UTC)"},
        {"tenant", 't', OPTION_TEXT, &asked.tenant, "NAME", "one tenant; default all"},
        {"usage", 'u', OPTION_TEXT, &asked.usage, "FILE",
         "quote rows or usage records instead of the stack's usage; - for stdin"},
        {"alternative", 'a', OPTION_LIST, &asked.alternatives, "FILE|NAME",
         "what to compare with, repeatable; default t3-small"},
        {"no-free-tier", 0, OPTION_FLAG, &asked.no_free_tier, NULL, "leave the free tier out"},
        {"price-book", 'b', OPTION_TEXT, &asked.book, "FILE|NAME", "price book of the functions; default aws-lambda"},
        {"fleet", 'f', OPTION_FLAG, &asked.fleet, NULL, "what each type of server would cost, sorted by cost"},
        {"catalogue", 0, OPTION_TEXT, &asked.catalogue, "FILE|NAME",
         "types and prices of servers, with --fleet; default aws-us-east-1"},
        {"headroom", 0, OPTION_INTEGER, &rules->headroom_percent, "PERCENT", "spare room above what ran (20)"},
        {"mb-per-vcpu", 0, OPTION_INTEGER, &rules->mb_per_vcpu, "MB", "configured memory that takes one vCPU (1769)"},
        {"minimum", 0, OPTION_INTEGER, &rules->minimum, "N", "instances of an autoscaled fleet, at least (2)"},
        {"maximum", 0, OPTION_INTEGER, &rules->maximum, "N", "and at most (50)"},
        {"alarm", 0, OPTION_INTEGER, &rules->alarm_s, "SECONDS", "too few for so long: more are launched (30)"},
        {"scale-out-delay", 0, OPTION_INTEGER, &rules->scale_out_delay_s, "SECONDS", "from then to the launch (60)"},
        {"boot", 0, OPTION_INTEGER, &rules->boot_s, "SECONDS", "from the launch until it takes work (90)"},
        {"cooldown", 0, OPTION_INTEGER, &rules->cooldown_s, "SECONDS", "between two decisions (60)"},
        {"scale-in", 0, OPTION_INTEGER, &rules->scale_in_s, "SECONDS", "too many for so long: some go (900)"},
        {"wait", 0, OPTION_INTEGER, &rules->wait_s, "SECONDS", "a request waits at most, then it is refused (30)"},
        {"json", 0, OPTION_FLAG, &as_json, NULL, "print JSON"},
        {"data", 0, OPTION_TEXT, &asked.data, "DIR", "the stack's directory"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {
        .command = "millibill savings",
        .arguments = "",
        .summary = "Compare what functions cost with what else could do the work.",
        .detail = DETAIL,
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&asked, as_json, &err) ? EXIT_SUCCESS : err_report(&err, "millibill savings");
}
