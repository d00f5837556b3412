#include "lib/options.h"

#include <errno.h>
#include <inttypes.h>
#include <popt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/examples.h"
#include "lib/output.h"

const char MILLIBILL_VERSION[] = "0.1.0";

enum { OPTIONS_MAX = 48, VALUE_HELP = 1000, VALUE_VERSION = 1001 };

static void
print_option(const Option *option)
{
    char left[64];
    char letter[8] = "    ";
    if (option->letter != 0)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name, option->argument == NULL ? "" : " ",
             option->argument == NULL ? "" : option->argument);
    printf("  %-30s %s\n", left, option->help);
}

static void
print_help(const CommandLine *line)
{
    printf("Usage: %s [OPTION…]%s%s\n\n%s\n", line->command, line->arguments[0] == '\0' ? "" : " ", line->arguments,
           line->summary);
    if (line->detail != NULL)
        printf("\n%s\n", line->detail);
    printf("\nOptions:\n");
    for (const Option *option = line->options; option != NULL && option->name != NULL; option++)
        print_option(option);
    print_option(&(Option){.name = "help", .help = "show this help"});
    print_option(&(Option){.name = "version", .help = "show the version"});
    const char *examples = examples_of(line->command);
    if (examples != NULL)
        printf("\nExamples:\n%s", examples);
    printf("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 verification found a difference, 130 interrupted.\n");
}

static PRINTF_LIKE(2, 3) OptionsResult wrong(const CommandLine *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", line->command);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nTry '%s --help'.\n", line->command);
    va_end(arguments);
    return OPTIONS_WRONG;
}

static size_t
fill_table(const CommandLine *line, struct poptOption *table)
{
    size_t count = 0;
    for (const Option *option = line->options; option != NULL && option->name != NULL; option++) {
        if (count == OPTIONS_MAX)
            abort(); /* our own mistake: enlarge OPTIONS_MAX */
        unsigned kind = option->kind == OPTION_FLAG ? POPT_ARG_NONE : POPT_ARG_STRING;
        table[count] = (struct poptOption){option->name, option->letter, kind, NULL, (int) count + 1, NULL, NULL};
        count++;
    }
    table[count++] = (struct poptOption){"help", 0, POPT_ARG_NONE, NULL, VALUE_HELP, NULL, NULL};
    table[count++] = (struct poptOption){"version", 0, POPT_ARG_NONE, NULL, VALUE_VERSION, NULL, NULL};
    return count;
}

static bool
store_integer(int64_t *target, const char *text)
{
    char *end = NULL;
    errno = 0;
    int64_t value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return false;
    *target = value;
    return true;
}

/* Put one parsed option into its target; the argument string lives as long as the process. */
static bool
store(const Option *option, char *argument)
{
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *) option->target = true;
        return true;
    case OPTION_TEXT:
        *(const char **) option->target = argument;
        return true;
    case OPTION_INTEGER:
        return store_integer(option->target, argument);
    case OPTION_LIST: {
        OptionList *list = option->target;
        if (list->count == OPTION_LIST_MAX)
            return false;
        list->items[list->count++] = argument;
        return true;
    }
    }
    return false;
}

static OptionsResult
check_rest(const CommandLine *line, const char *const *given, const char *const **rest)
{
    static const char *const NOTHING[] = {NULL};
    size_t count = 0;
    while (given != NULL && given[count] != NULL)
        count++;
    if (count < line->arguments_min)
        return wrong(line, "%s is missing", line->arguments);
    if (count > line->arguments_max)
        return wrong(line, "unexpected argument '%s'", given[line->arguments_max]);
    if (rest != NULL)
        *rest = given == NULL ? NOTHING : given;
    return OPTIONS_RUN;
}

OptionsResult
options_parse(const CommandLine *line, int argc, char **argv, const char *const **rest)
{
    struct poptOption table[OPTIONS_MAX + 3] = {0};
    fill_table(line, table);
    unsigned flags = line->stop_at_first ? POPT_CONTEXT_POSIXMEHARDER : 0;
    /* The context is kept: the positional arguments live in it. */
    poptContext context = poptGetContext(line->command, argc, (const char **) (void *) argv, table, flags);
    if (context == NULL)
        return wrong(line, "no memory");
    for (int value = poptGetNextOpt(context); value != -1; value = poptGetNextOpt(context)) {
        if (value == VALUE_HELP) {
            print_help(line);
            return OPTIONS_HELP;
        }
        if (value == VALUE_VERSION) {
            printf("millibill %s\n", MILLIBILL_VERSION);
            return OPTIONS_HELP;
        }
        if (value < 0)
            return wrong(line, "%s: %s", poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(value));
        const Option *option = &line->options[value - 1];
        char *argument = poptGetOptArg(context);
        if (!store(option, argument))
            return wrong(
                line, option->kind == OPTION_INTEGER ? "--%s: '%s' is no whole number" : "--%s: '%s' is one too many",
                option->name, argument);
    }
    return check_rest(line, poptGetArgs(context), rest);
}

int
options_exit_status(OptionsResult result)
{
    return result == OPTIONS_WRONG ? 2 : 0;
}

static void
print_commands(FILE *out, const char *program, const char *summary, const Command *commands)
{
    fprintf(out, "Usage: %s COMMAND [OPTION…]\n\n%s\n\nCommands:\n", program, summary);
    for (; commands->name != NULL; commands++)
        fprintf(out, "  %-14s %s\n", commands->name, commands->summary);
    fprintf(out, "\n'%s COMMAND --help' tells more.\n", program);
}

int
command_finish(int status, const char *program)
{
    Err err = {0};
    if (status != 0 || output_flush(&err))
        return status;
    return err_report(&err, program);
}

int
command_dispatch(const char *program, const char *summary, const Command *commands, int argc, char **argv)
{
    if (argc < 2) {
        print_commands(stderr, program, summary, commands);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_commands(stdout, program, summary, commands);
        return command_finish(0, program);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("millibill %s\n", MILLIBILL_VERSION);
        return command_finish(0, program);
    }
    for (const Command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, argv[1]) == 0)
            return command_finish(command->run(argc - 1, argv + 1), program);
    }
    if (argv[1][0] == '-')
        fprintf(stderr, "%s: options stand behind the command: %s COMMAND %s; commands are:", program, program,
                argv[1]);
    else
        fprintf(stderr, "%s: there is no command '%s'; there are:", program, argv[1]);
    for (const Command *command = commands; command->name != NULL; command++)
        fprintf(stderr, "%s %s", command == commands ? "" : ",", command->name);
    fprintf(stderr, "\nTry '%s --help'.\n", program);
    return 2;
}
