/* `millibill exec`: run any command as one metered invocation. The command's own exit status is passed on, whatever becomes of
 * the record; only when the command could not be started at all is the status ours (126, 127), and nothing is billed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/commands.h"
#include "agent/upload.h"
#include "lib/config.h"
#include "lib/decimal.h"
#include "lib/digest.h"
#include "lib/options.h"
#include "lib/utc.h"

enum { STATUS_NOT_STARTED = 126, STATUS_NOT_FOUND = 127, UNSENT_MODE = 0660, AGENT_PATIENCE_S = 10 };

typedef struct ExecOptions {
    const char *tenant;
    const char *function;
    const char *region;
    const char *architecture;
    const char *version;
    const char *timeout;
    const char *data;
    int64_t memory_mb;
} ExecOptions;

static const char DETAIL[] =
    "The wall time is taken from a monotonic clock, peak memory and CPU time from the kernel. SIGINT, SIGTERM, SIGHUP "
    "and\n"
    "SIGQUIT reach the command. The exit status is the command's, 128 + N when signal N ended it, 126 or 127 when it "
    "could\n"
    "not be run (then nothing is billed). If the agent is away the record is kept in DATA/unsent.ndjson.";

/* This machine's architecture where it has a name in records. */
static UsageArchitecture
own_architecture(void)
{
    struct utsname machine;
    if (uname(&machine) == 0 && (strcmp(machine.machine, "aarch64") == 0 || strcmp(machine.machine, "arm64") == 0))
        return USAGE_ARM64;
    return USAGE_X86_64;
}

static bool
prepare_record(const ExecOptions *options, UsageRecord *record, Err *err)
{
    *record = usage_record_empty();
    record->tenant = text_of(options->tenant);
    record->function = text_of(options->function);
    record->version = text_of(options->version);
    record->region = text_of(options->region);
    record->memory_mb = options->memory_mb;
    record->architecture = own_architecture();
    if (options->architecture != NULL &&
        !usage_architecture_parse(text_of(options->architecture), &record->architecture))
        return err_set(err, ERR_USAGE, "--arch: '%s' is neither x86_64 nor arm64", options->architecture);
    if (options->tenant == NULL || options->function == NULL || options->memory_mb == USAGE_ABSENT)
        return err_set(err, ERR_USAGE, "--tenant, --function and --memory are needed to bill the invocation");
    /* What can be wrong is found before the command runs, not after. */
    UsageFault fault;
    record->started_at_us = utc_now_us();
    record->duration_us = 0;
    if (!usage_record_check(record, true, false, &fault))
        return err_set(err, ERR_USAGE, "%s %s", fault.field, fault.message);
    return true;
}

static bool
read_timeout(const char *text, int64_t *timeout_us, Err *err)
{
    *timeout_us = 0;
    if (text == NULL)
        return true;
    if (!decimal_parse_scaled(text_of(text), 6, ROUND_HALF_UP, timeout_us, NULL, NULL) || *timeout_us <= 0 ||
        *timeout_us > USAGE_DURATION_US_MAX)
        return err_set(err, ERR_USAGE, "--timeout: '%s' is not a number of seconds above 0, up to 86400", text);
    return true;
}

static void
take_result(const ChildResult *result, UsageRecord *record)
{
    record->started_at_us = result->started_at_us;
    record->duration_us = result->duration_us > USAGE_DURATION_US_MAX ? USAGE_DURATION_US_MAX : result->duration_us;
    record->cpu_us = result->cpu_us;
    record->max_memory_used_mb = (result->peak_memory_kb + 1023) / 1024;
    if (result->timed_out)
        record->status = USAGE_TIMEOUT;
    else
        record->status = result->exit_status == 0 ? USAGE_OK : USAGE_ERROR;
}

static bool
send_record(const Config *config, const UsageRecord *record, const char *command, Err *err)
{
    const char *name = strrchr(command, '/');
    char tenant[USAGE_NAME_BYTES_MAX + 1];
    snprintf(tenant, sizeof tenant, "%.*s", TEXT_ARG(record->tenant));
    const LocalBegin begin = {"exec", name == NULL ? command : name + 1, tenant, false, AGENT_PATIENCE_S};
    LocalOutcome outcome;
    Upload *upload = upload_open(config->import_socket, &begin, err);
    bool done = upload != NULL && upload_record(upload, record, err) && upload_finish(upload, false, &outcome, err);
    upload_free(&upload);
    return done;
}

/* One line, appended with a single write and synced. */
static bool
append_line(const char *path, const Buffer *line, Err *err)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, UNSENT_MODE);
    if (descriptor < 0)
        return err_set(err, ERR_IO, "cannot keep the record in '%s': %s", path, strerror(errno));
    bool written = write(descriptor, line->data, line->length) == (ssize_t) line->length && fsync(descriptor) == 0;
    if (!written)
        err_set(err, ERR_IO, "cannot keep the record in '%s': %s", path, strerror(errno));
    close(descriptor);
    return written;
}

/* The agent is away: keep the record where it can be imported from; failing that too, say it. */
static void
keep_unsent(const Config *config, const UsageRecord *record)
{
    Err err;
    err_clear(&err);
    Buffer line = {0};
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/unsent.ndjson", config->data);
    bool kept = usage_record_to_json(record, &line, &err) && buffer_append(&line, "\n", 1, &err) &&
                directory_make(config->data, 0755, &err) && append_line(path, &line, &err);
    if (kept) {
        fprintf(stderr,
                "millibill exec: the record is kept; when the agent runs: millibill import --tenant '%.*s' '%s'\n",
                TEXT_ARG(record->tenant), path);
    } else {
        err_report(&err, "millibill exec");
        fprintf(stderr, "millibill exec: NOT BILLED, keep this line: %.*s", (int) line.length,
                line.data == NULL ? "(no memory)\n" : line.data);
    }
    buffer_free(&line);
}

static int
run_metered(const Config *config, UsageRecord *record, const char *const *command, int64_t timeout_us)
{
    Err err;
    err_clear(&err);
    ChildResult result;
    uint8_t uuid[16];
    char id[37];
    uuid_make(uuid);
    record->request_id = text_of(uuid_format(uuid, id));
    if (!child_run(command, timeout_us, &result, &err)) {
        err_report(&err, "millibill exec");
        return err.code == ERR_NOT_FOUND ? STATUS_NOT_FOUND : STATUS_NOT_STARTED;
    }
    take_result(&result, record);
    if (!send_record(config, record, command[0], &err)) {
        err_report(&err, "millibill exec");
        keep_unsent(config, record);
    }
    return result.exit_status;
}

int
exec_command(int argc, char **argv)
{
    ExecOptions options = {.memory_mb = USAGE_ABSENT};
    const Option table[] = {
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "who is billed; required"},
        {"function", 'f', OPTION_TEXT, &options.function, "FUNCTION", "name of the function; required"},
        {"memory", 'm', OPTION_INTEGER, &options.memory_mb, "MB", "memory size that is billed; required"},
        {"region", 0, OPTION_TEXT, &options.region, "REGION", "region; default the price book's"},
        {"arch", 0, OPTION_TEXT, &options.architecture, "ARCH", "x86_64 or arm64; default this machine's"},
        {"version", 'V', OPTION_TEXT, &options.version, "VERSION", "version of the function"},
        {"timeout", 0, OPTION_TEXT, &options.timeout, "SECONDS", "end the command after that long"},
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {.command = "millibill exec",
                              .arguments = "-- COMMAND [ARGUMENT…]",
                              .summary = "Run a command and meter it as one invocation.",
                              .detail = DETAIL,
                              .options = table,
                              .arguments_min = 1,
                              .arguments_max = SIZE_MAX,
                              .stop_at_first = true};
    const char *const *command = NULL;
    OptionsResult parsed = options_parse(&line, argc, argv, &command);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err;
    err_clear(&err);
    Config config;
    UsageRecord record;
    int64_t timeout_us = 0;
    if (!prepare_record(&options, &record, &err) || !read_timeout(options.timeout, &timeout_us, &err) ||
        !config_load(options.data, &config, &err))
        return err_report(&err, "millibill exec");
    return run_metered(&config, &record, command, timeout_us);
}
