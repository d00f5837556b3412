/**
 * log - one line of key=value on standard error
 *
 * `2026-11-23T18:00:00.123456Z info collector event=commit batches=3 records=24576`
 * Levels: error, warn, info, debug. Never payloads, never secrets. An event is logged once, where it is
 * handled. Thread-safe: a line is one write(2). The level and program are set once at start.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>

#include "lib/err.h"

typedef enum LogLevel { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG } LogLevel;

/** Name the program (borrowed for the life of the process) and the least important level to print. */
void log_start(const char *program, LogLevel level);

/** Parse "error", "warn", "info" or "debug". ERR_INPUT otherwise. */
MUST_CHECK bool log_level_parse(const char *text, LogLevel *level, Err *err);

/** Write one line. `format` makes the key=value pairs, starting with event=NAME. Values that hold blanks
 *  are quoted by the caller with \"%s\". Control characters are replaced by '?'. */
void log_line(LogLevel level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/** Log an Err once: event=NAME code=... message="..." . */
void log_err(LogLevel level, const char *event, const Err *err);

#endif
