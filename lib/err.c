#include "lib/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct ErrKind {
    const char *name;
    int exit_status;
    bool retryable;
} ErrKind;

static const ErrKind KINDS[ERR_CODE_COUNT] = {
    [ERR_NONE] = {"none", 0, false},
    [ERR_USAGE] = {"usage", 2, false},
    [ERR_INPUT] = {"input", 1, false},
    [ERR_RANGE] = {"range", 1, false},
    [ERR_NOT_FOUND] = {"not_found", 1, false},
    [ERR_EXISTS] = {"exists", 1, false},
    [ERR_CONFLICT] = {"conflict", 1, false},
    [ERR_DENIED] = {"denied", 1, false},
    [ERR_FULL] = {"full", 1, true},
    [ERR_IO] = {"io", 1, false},
    [ERR_CORRUPT] = {"corrupt", 1, false},
    [ERR_NOMEM] = {"no_memory", 1, true},
    [ERR_DATABASE] = {"database", 1, false},
    [ERR_BUSY] = {"busy", 1, true},
    [ERR_PROTOCOL] = {"protocol", 1, false},
    [ERR_DIFFERENCE] = {"difference", 3, false},
    [ERR_INTERRUPTED] = {"interrupted", 130, false}, /* as a shell says it of a program that SIGINT ended */
    [ERR_INTERNAL] = {"internal", 1, false},
};

static const ErrKind *
err_kind(ErrCode code)
{
    assert(code < ERR_CODE_COUNT);
    return &KINDS[code];
}

bool
err_set(Err *err, ErrCode code, const char *format, ...)
{
    assert(code != ERR_NONE);
    if (err == NULL || err->code != ERR_NONE)
        return false;
    err->code = code;
    err->hint[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->message, sizeof(err->message), format, arguments);
    va_end(arguments);
    return false;
}

bool
err_hint(Err *err, const char *format, ...)
{
    if (err == NULL || err->code == ERR_NONE || err->hint[0] != '\0')
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->hint, sizeof(err->hint), format, arguments);
    va_end(arguments);
    return false;
}

bool
err_prefix(Err *err, const char *format, ...)
{
    if (err == NULL || err->code == ERR_NONE)
        return false;
    char prefixed[ERR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(prefixed, sizeof(prefixed), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t) length >= sizeof(prefixed))
        return false;
    size_t room = sizeof(prefixed) - (size_t) length - 1;
    size_t rest = strnlen(err->message, room);
    memcpy(prefixed + length, err->message, rest);
    prefixed[(size_t) length + rest] = '\0';
    memcpy(err->message, prefixed, sizeof(prefixed));
    return false;
}

void
err_clear(Err *err)
{
    err->code = ERR_NONE;
    err->message[0] = '\0';
    err->hint[0] = '\0';
}

bool
err_is_set(const Err *err)
{
    return err->code != ERR_NONE;
}

bool
err_is_retryable(const Err *err)
{
    return err_kind(err->code)->retryable;
}

int
err_exit_status(const Err *err)
{
    return err_kind(err->code)->exit_status;
}

const char *
err_code_name(ErrCode code)
{
    return err_kind(code)->name;
}

int
err_report(const Err *err, const char *program)
{
    fprintf(stderr, "%s: %s\n", program, err->message);
    if (err->hint[0] != '\0')
        fprintf(stderr, "  %s\n", err->hint);
    return err_exit_status(err);
}
