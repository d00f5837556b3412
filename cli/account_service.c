/* account service - when the service of an account begins and ends, for partial months */
#include "cli/account_service.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/admin.h"
#include "cli/stack_command.h"
#include "lib/author.h"
#include "lib/instant.h"
#include "lib/json.h"
#include "lib/output.h"
#include "lib/utc.h"
#include "schema/account_store.h"

typedef struct ServiceOptions {
    const char *from;
    const char *until;
} ServiceOptions;

static bool
read_time(const char *option, const char *text, int64_t *time_us, Err *err)
{
    Err ignored = {0};
    if (text == NULL || instant_parse(text_of(text), time_us, &ignored))
        return true;
    return err_set(err, ERR_USAGE, "--%s: '%s' is not a date; write it as 2026-12-01 or 2026-12-01T06:00:00Z", option,
                   text);
}

static bool
print_service(const StackCall *call, const AccountService *service, Err *err)
{
    char from[UTC_TEXT_BYTES];
    char until[UTC_TEXT_BYTES];
    const char *start = service->start_us == 0 ? NULL : utc_format(service->start_us, from);
    const char *end = service->end_us == 0 ? NULL : utc_format(service->end_us, until);
    if (!call->json) {
        printf("Account %s is in service %s%s%s%s%s", call->arguments[0], start == NULL ? "" : "from ",
               start == NULL ? "" : start, start == NULL || end == NULL ? "" : " ", end == NULL ? "" : "until ",
               end == NULL ? (start == NULL ? "always" : " on") : end);
        printf(service->revision == 0 ? ".\n" : " (revision %" PRId64 ").\n", service->revision);
        return output_flush(err);
    }
    Json *out = json_new_object(err);
    bool done = out != NULL && json_add_text(out, "account", call->arguments[0], err) &&
                json_add_text(out, "service_from", start, err) && json_add_text(out, "service_until", end, err) &&
                json_add_int(out, "revision", service->revision, err) && json_print(out, stdout, err);
    json_object_put(out);
    return done;
}

static bool
service_run(StackCall *call, void *context, Err *err)
{
    const ServiceOptions *options = context;
    AccountService service = {0};
    char author[AUTHOR_BYTES];
    Config config;
    const char *account = call->arguments[0];
    if (!read_time("from", options->from, &service.start_us, err) ||
        !read_time("until", options->until, &service.end_us, err))
        return false;
    if (options->from != NULL && options->until != NULL && service.end_us <= service.start_us)
        return err_set(err, ERR_USAGE, "--until %s is not after --from %s", options->until, options->from);
    Db *db = admin_connect(call->data, "millibill_owner", &config, err);
    bool done = db != NULL && (options->from == NULL && options->until == NULL
                                   ? account_store_service(db, account, &service, err)
                                   : account_store_set_service(db, account, &service, author_write(author), err));
    db_free(&db);
    return done && print_service(call, &service, err);
}

int
account_service_command(int argc, char **argv)
{
    ServiceOptions given = {NULL, NULL};
    const Option options[] = {
        {"from", 'f', OPTION_TEXT, &given.from, "TIME", "first instant of service (UTC)"},
        {"until", 'u', OPTION_TEXT, &given.until, "TIME", "first instant without service"},
        {0},
    };
    const StackCommand command = {
        .command = "millibill account service",
        .arguments = "ACCOUNT",
        .summary = "Say when an account's service begins and ends, or show it.",
        .detail =
            "Fees and free tiers with `partial_month` in the price book are for the part of a month that is in service.\n"
            "Usage outside of it is billed like any other. What is said replaces what was said before, which is kept;\n"
            "a month that is final does not change.",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = options,
        .run = service_run,
        .context = &given,
    };
    return stack_command(&command, argc, argv);
}
