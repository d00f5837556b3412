/* What a file looks like, by its first bytes. */
#include <string.h>

#include "formats/import_file.h"

static const char *const NAMES[] = {"", "ndjson", "csv", "lambda-report"};

MUST_CHECK bool
import_format_parse(const char *name, ImportFormat *out)
{
    for (int i = IMPORT_NDJSON; i <= IMPORT_LAMBDA_REPORT; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            *out = (ImportFormat) i;
            return true;
        }
    }
    return false;
}

const char *
import_format_name(ImportFormat format)
{
    return NAMES[format];
}

static bool
contains(Text text, const char *needle)
{
    return text.length > 0 && memmem(text.data, text.length, needle, strlen(needle)) != NULL;
}

static ImportFormat
guess(Text ahead)
{
    Text trimmed = text_trim(ahead);
    bool is_json = trimmed.length > 0 && (trimmed.data[0] == '{' || trimmed.data[0] == '[');
    const char *feed = trimmed.length == 0 ? NULL : memchr(trimmed.data, '\n', trimmed.length);
    Text first = {trimmed.data, feed == NULL ? trimmed.length : (size_t) (feed - trimmed.data)};
    if (is_json &&
        (contains(first, "\"memory_mb\"") || contains(first, "\"duration_ms\"") || contains(first, "\"function\"")))
        return IMPORT_NDJSON;
    if (is_json && (contains(ahead, "\"message\"") || contains(ahead, "\"@message\"")))
        return IMPORT_LAMBDA_REPORT;
    if (contains(ahead, "REPORT RequestId:") || contains(ahead, "START RequestId:") || contains(first, "@message"))
        return IMPORT_LAMBDA_REPORT;
    if (!is_json && contains(first, ",") && (contains(first, "memory_mb") || contains(first, "started_at")))
        return IMPORT_CSV;
    return is_json || trimmed.length == 0 ? IMPORT_NDJSON : IMPORT_UNKNOWN;
}

static bool
ends_with(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    if (length > 3 && strcmp(path + length - 3, ".gz") == 0)
        length -= 3;
    return length > tail && memcmp(path + length - tail, ending, tail) == 0;
}

MUST_CHECK bool
import_format_guess(LineReader *reader, const char *path, ImportFormat *out, Err *err)
{
    Text ahead;
    if (!line_reader_peek(reader, &ahead, err))
        return false;
    *out = guess(ahead);
    if (*out != IMPORT_UNKNOWN)
        return true;
    if (ends_with(path, ".csv"))
        *out = IMPORT_CSV;
    else if (ends_with(path, ".ndjson") || ends_with(path, ".jsonl"))
        *out = IMPORT_NDJSON;
    else if (ends_with(path, ".log"))
        *out = IMPORT_LAMBDA_REPORT;
    if (*out != IMPORT_UNKNOWN)
        return true;
    err_set(err, ERR_INPUT, "'%s': cannot tell its format from its name or its first lines", path);
    return err_hint(err, "say it with --format ndjson, csv or lambda-report");
}
