#include "cli/stack_command.h"

#include <assert.h>

int
stack_command(const StackCommand *self, int argc, char **argv)
{
    static const char *const none[] = {NULL};
    StackCall call = {.arguments = none};
    Option options[STACK_OPTIONS_MAX + 3] = {
        OPTION_DATA(&call.data),
        OPTION_JSON(&call.json),
    };
    size_t count = 2;
    for (const Option *more = self->options; more != NULL && more->name != NULL; more++) {
        assert(count < STACK_OPTIONS_MAX + 2);
        options[count++] = *more;
    }
    const CommandLine line = {
        .command = self->command,
        .arguments = self->arguments == NULL ? "" : self->arguments,
        .summary = self->summary,
        .detail = self->detail,
        .options = options,
        .arguments_min = self->arguments_min,
        .arguments_max = self->arguments_max,
    };
    OptionsResult result = options_parse(&line, argc, argv, self->arguments_max == 0 ? NULL : &call.arguments);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return self->run(&call, self->context, &err) ? call.status : err_report(&err, self->command);
}
