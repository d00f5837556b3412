/**
 * err - one error value, set once, read by people
 *
 * Lives on the caller's stack, never allocates. The first error wins: setting an Err that already
 * holds one changes nothing, so a clean-up path cannot hide the cause. Every code stands in one
 * table (err.c) with its exit status, whether trying again may help, and a short name.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

#include <stdbool.h>
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))

typedef enum ErrCode {
    ERR_NONE = 0,
    ERR_USAGE,       /* wrong command line: exit 2 */
    ERR_INPUT,       /* a file or record says something that cannot be */
    ERR_RANGE,       /* a value outside its limits */
    ERR_NOT_FOUND,   /* a named thing does not exist */
    ERR_EXISTS,      /* a named thing exists already */
    ERR_CONFLICT,    /* the state does not allow it (a final invoice, a month that is not over) */
    ERR_DENIED,      /* a key, role or file mode forbids it */
    ERR_FULL,        /* a bounded store is full; room comes with time */
    ERR_IO,          /* a file, socket or device failed */
    ERR_CORRUPT,     /* stored bytes are not what was written */
    ERR_NOMEM,       /* memory was refused */
    ERR_DATABASE,    /* PostgreSQL refused, and will refuse again */
    ERR_BUSY,        /* PostgreSQL or a peer may take it later (lost connection, deadlock, disk full) */
    ERR_PROTOCOL,    /* a peer's message breaks the protocol */
    ERR_DIFFERENCE,  /* verification found a difference: exit 3 */
    ERR_INTERRUPTED, /* SIGINT or SIGTERM told the program to end: exit 130 */
    ERR_INTERNAL,    /* our own mistake */
    ERR_CODE_COUNT
} ErrCode;

enum { ERR_MESSAGE_BYTES = 1024, ERR_HINT_BYTES = 512 };

typedef struct Err {
    ErrCode code;
    char message[ERR_MESSAGE_BYTES];
    char hint[ERR_HINT_BYTES];
} Err;

/** Record an error, unless `err` holds one already. `err` may be NULL. Always returns false, so that
 *  a function can `return err_set(...)`. The message names the thing and what was expected. */
bool err_set(Err *err, ErrCode code, const char *format, ...) PRINTF_LIKE(3, 4);

/** Add what the reader should do next, once; keeps an existing hint. Always returns false. */
bool err_hint(Err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/** Put context ("file.yaml:12: ") before the message. Nothing happens when there is no error. Returns false. */
bool err_prefix(Err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/** Forget the error. */
void err_clear(Err *err);

/** Is there an error? */
bool err_is_set(const Err *err);

/** May the same call succeed later without a change of input? */
bool err_is_retryable(const Err *err);

/** The process exit status for this error: 0 none, 1 failed, 2 usage, 3 difference, 130 interrupted. */
int err_exit_status(const Err *err);

/** The short stable name of a code, for logs and JSON ("not_found"). */
const char *err_code_name(ErrCode code);

/** Print "program: message" and the hint on standard error and return the exit status. */
int err_report(const Err *err, const char *program);

#endif
