/* deliver - hand final invoices and alerts to the configured commands and webhooks */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harmless.h"
#include "lib/json.h"
#include "lib/options.h"
#include "rater/commands.h"
#include "rater/deliver.h"
#include "rater/stack.h"

static const char PROGRAM[] = "millibill deliver";

typedef struct DeliverOptions {
    const char *number;
    const char *data;
    bool list;
    bool all;
    bool json;
} DeliverOptions;

static bool
queue_again(Db *db, const Config *config, const char *number, Err *err)
{
    bool found = false;
    bool configured = false;
    for (const DeliveryTarget *target = DELIVERY_TARGETS; target->name != NULL; target++) {
        if (strcmp(target->event, DELIVERY_INVOICE) != 0 || target->address(config)[0] == '\0')
            continue;
        configured = true;
        if (!delivery_again(db, number, target->name, &found, err))
            return false;
    }
    if (!configured) {
        err_set(err, ERR_CONFLICT, "neither a command nor a webhook is configured");
        return err_hint(err, "set deliver_command or deliver_url, see doc/configuration.md");
    }
    if (!found) {
        err_set(err, ERR_NOT_FOUND, "there is no final invoice '%s'", number);
        return err_hint(err, "see: millibill invoice list");
    }
    return true;
}

static const char *
member(Json *entry, const char *key)
{
    Json *value = json_member(entry, key);
    return value == NULL ? "" : json_object_get_string(value);
}

static bool
print_text(Json *list, Err *err)
{
    Buffer out = {0};
    bool done = true;
    for (size_t i = 0; done && i < json_object_array_length(list); i++) {
        Json *entry = json_object_array_get_idx(list, i);
        bool open = json_member(entry, "delivered_at") == NULL;
        char what[32];
        snprintf(what, sizeof what, "%s%s", json_member(entry, "alert") == NULL ? "" : "alert ",
                 member(entry, json_member(entry, "alert") == NULL ? "number" : "alert"));
        done = line_append_harmless(&out, err, "%-16s  %-24s  %-8s  %s %s%s%s", what, member(entry, "tenant"),
                                    member(entry, "target"), open ? "open, attempts:" : "delivered",
                                    member(entry, open ? "attempts" : "delivered_at"), open ? "; " : "",
                                    open ? member(entry, "error") : "");
    }
    done = done && buffer_print(&out, err);
    buffer_free(&out);
    return done;
}

static bool
print(const DeliverOptions *options, Db *db, const DeliverReport *report, Err *err)
{
    Json *object = json_new_object(err);
    Json *list = json_new_array(err);
    bool done = object != NULL && list != NULL && delivery_list(db, !options->all, list, err);
    if (done && options->json)
        done = json_add_int(object, "delivered", report->delivered, err) &&
               json_add_int(object, "open", report->open, err) &&
               json_add(object, "deliveries", json_object_get(list), err) && json_print(object, stdout, err);
    else if (done && (done = print_text(list, err)) && !options->list)
        printf("%" PRId64 " delivered, %" PRId64 " open\n", report->delivered, report->open);
    json_object_put(list);
    json_object_put(object);
    return done;
}

static bool
run(const DeliverOptions *options, DeliverReport *report, Err *err)
{
    Config config;
    Db *db = rater_connect(options->data, &config, PROGRAM, err);
    bool done = db != NULL && (options->number == NULL || queue_again(db, &config, options->number, err));
    done = done && (options->list || deliver_open(db, &config, report, err)) && print(options, db, report, err);
    db_free(&db);
    return done;
}

int
deliver_command(int argc, char **argv)
{
    DeliverOptions options = {0};
    const Option table[] = {
        {"number", 'n', OPTION_TEXT, &options.number, "NUMBER",
         "this final invoice, though it was delivered or never was to be"},
        {"list", 'l', OPTION_FLAG, &options.list, NULL, "show what is open, deliver nothing"},
        {"all", 'a', OPTION_FLAG, &options.all, NULL, "show what was delivered as well"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = PROGRAM,
        .arguments = "",
        .summary = "Hand final invoices and alerts to the configured commands and webhooks.",
        .detail =
            "`rate` and `alerts check` do so themselves; this is for what could not be delivered then. Each goes to each target\n"
            "until it says yes, and then never again. Exit status 1: something is still open.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    DeliverReport report = {0};
    if (!run(&options, &report, &err))
        return err_report(&err, PROGRAM);
    return report.open > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
