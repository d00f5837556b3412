/**
 * options - command lines by popt, and commands with sub-commands
 *
 * One table for each command gives the parser and the help. Exit status: 0 done or help shown, 1 failed, 2 wrong
 * usage, 3 a difference was found.
 */
#ifndef LIB_OPTIONS_H
#define LIB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

typedef enum OptionKind {
    OPTION_FLAG,    /* target: bool * */
    OPTION_TEXT,    /* target: const char ** (lives as long as argv or the process) */
    OPTION_INTEGER, /* target: int64_t * */
    OPTION_LIST     /* target: OptionList *, may be given several times */
} OptionKind;

enum { OPTION_LIST_MAX = 64 };

typedef struct OptionList {
    const char *items[OPTION_LIST_MAX];
    size_t count;
} OptionList;

typedef struct Option {
    const char *name; /* long name without dashes */
    char letter;      /* short name, or 0 */
    OptionKind kind;
    void *target;
    const char *argument; /* name of the value in the help, NULL for a flag */
    const char *help;     /* one line */
} Option;

/** Options that many commands have, in the same words; `target` as the kind wants it. OPTION_END ends a table. */
#define OPTION_DATA(target)                                                \
    {                                                                      \
        "data", 'd', OPTION_TEXT, (target), "DIR", "the stack's directory" \
    }
#define OPTION_JSON(target)                                               \
    {                                                                     \
        "json", 0, OPTION_FLAG, (target), NULL, "print one JSON document" \
    }
#define OPTION_END                             \
    {                                          \
        NULL, 0, OPTION_FLAG, NULL, NULL, NULL \
    }

/** Static description of a command; `options` ends with OPTION_END. */
typedef struct CommandLine {
    const char *command;   /* as typed: "millibill import" */
    const char *arguments; /* "FILE…", "" when none */
    const char *summary;   /* one sentence */
    const char *detail;    /* further lines for --help, may be NULL */
    const Option *options;
    size_t arguments_min; /* positional arguments */
    size_t arguments_max; /* SIZE_MAX: any number */
    bool stop_at_first;   /* options end at the first positional argument (exec) */
} CommandLine;

typedef enum OptionsResult { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_WRONG } OptionsResult;

/** Parse argv (argv[0] is the command's own name). On OPTIONS_RUN `*rest` (may be NULL when no arguments are allowed)
 *  points to a NULL-terminated array of positional arguments that lives as long as the process. --help and --version
 *  print on standard output and give OPTIONS_HELP (exit 0); a mistake prints what is wrong and how to get help and
 *  gives OPTIONS_WRONG (exit 2). */
MUST_CHECK OptionsResult options_parse(const CommandLine *line, int argc, char **argv, const char *const **rest);

/** Exit status for a result other than OPTIONS_RUN. */
int options_exit_status(OptionsResult result);

/** A command of a program: `run` gets argv with argv[0] = the command's name and returns the exit status. */
typedef struct Command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} Command;

/** Choose by argv[1] among `commands` (ended by a NULL name) and run it with argv shifted; prints the list for --help,
 *  nothing, or an unknown name (exit 2). `program` is what stands in messages ("millibill invoice"). */
MUST_CHECK int
command_dispatch(const char *program, const char *summary, const Command *commands, int argc, char **argv);

/** The exit status of a program whose work ended with `status`: what was printed and did not get to standard output is a failure, which is
 *  said under the name `program`, whatever the command says. command_dispatch() does it too. */
MUST_CHECK int command_finish(int status, const char *program);

extern const char MILLIBILL_VERSION[];

#endif
