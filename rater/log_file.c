#include "rater/log_file.h"

#include "lib/utc.h"

MUST_CHECK bool
log_reading_of(const LogOptions *options, LogReading *out, Err *err)
{
    DecodeDefaults *defaults = &out->settings.defaults;
    *out = (LogReading){.settings = {.quiet = true,
                                     .ignored_columns = options->ignored_columns.items,
                                     .ignored_count = options->ignored_columns.count}};
    *defaults = (DecodeDefaults){.tenant = text_of(options->tenant),
                                 .function = text_of(options->function),
                                 .region = text_of(options->region),
                                 .has_architecture = options->architecture != NULL,
                                 .at_us = USAGE_ABSENT};
    if (options->format != NULL && !import_format_parse(options->format, &out->format))
        return err_set(err, ERR_USAGE, "--format: '%s' is no format that import reads", options->format);
    if (defaults->tenant.length > USAGE_NAME_BYTES_MAX || defaults->function.length > USAGE_NAME_BYTES_MAX ||
        defaults->region.length > USAGE_REGION_BYTES_MAX)
        return err_set(err, ERR_USAGE, "--tenant, --function: at most %d bytes, --region: at most %d",
                       USAGE_NAME_BYTES_MAX, USAGE_REGION_BYTES_MAX);
    if (options->architecture != NULL &&
        !usage_architecture_parse(text_of(options->architecture), &defaults->architecture))
        return err_set(err, ERR_USAGE, "--arch: '%s' is neither x86_64 nor arm64", options->architecture);
    if (options->at != NULL && !utc_parse(text_of(options->at), &defaults->at_us, err)) {
        err->code = ERR_USAGE;
        return err_prefix(err, "--at: ");
    }
    return true;
}

MUST_CHECK bool
log_file_read(const char *path, const LogReading *reading, const ImportSink *sink, LineReader **reader,
              ImportFormat *format, ImportCounts *counts, Err *err)
{
    *format = reading->format;
    *counts = (ImportCounts){0};
    *reader = line_reader_open(path, err);
    bool done = *reader != NULL && (*format != IMPORT_UNKNOWN || import_format_guess(*reader, path, format, err));
    if (done && *format == IMPORT_LAMBDA_REPORT && reading->settings.defaults.tenant.length == 0) {
        done = err_set(err, ERR_USAGE, "%s: a Lambda log does not name its tenant", path);
        err_hint(err, "say whose it is with --tenant NAME");
    }
    done = done && import_file(*reader, path, *format, &reading->settings, sink, counts, err);
    line_reader_free(reader);
    return done;
}
