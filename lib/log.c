#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/utc.h"

enum { LOG_LINE_BYTES = 2048 };

/* Set once by log_start before any thread is made; read only afterwards. */
static const char *log_program = "millibill";
static LogLevel log_least = LOG_LEVEL_INFO;

static const char *const LEVEL_NAMES[] = {"error", "warn", "info", "debug"};

void
log_start(const char *program, LogLevel level)
{
    log_program = program;
    log_least = level;
}

bool
log_level_parse(const char *text, LogLevel *level, Err *err)
{
    for (size_t i = 0; i < sizeof(LEVEL_NAMES) / sizeof(LEVEL_NAMES[0]); i++) {
        if (strcmp(text, LEVEL_NAMES[i]) == 0) {
            *level = (LogLevel) i;
            return true;
        }
    }
    return err_set(err, ERR_INPUT, "log level '%s' is not known: use error, warn, info or debug", text);
}

void
log_line(LogLevel level, const char *format, ...)
{
    if (level > log_least)
        return;
    char line[LOG_LINE_BYTES];
    char now[UTC_TEXT_BYTES];
    int head =
        snprintf(line, sizeof(line), "%s %s %s ", utc_format(utc_now_us(), now), LEVEL_NAMES[level], log_program);
    size_t length = head < 0 ? 0 : (size_t) head;
    va_list arguments;
    va_start(arguments, format);
    int body = vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
    va_end(arguments);
    if (body > 0)
        length += (size_t) body < sizeof(line) - length - 1 ? (size_t) body : sizeof(line) - length - 2;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
    line[length++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, length); /* a log that cannot be written has nowhere to say so */
    (void) ignored;
}

void
log_err(LogLevel level, const char *event, const Err *err)
{
    log_line(level, "event=%s code=%s message=\"%s\"", event, err_code_name(err->code), err->message);
}
