/* quote_many - the quote command many times in one process: each line of standard input is a JSON array of its arguments
 *
 * It calls quote_command() itself, so what it prints is what `millibill quote` prints; ten thousand processes would take
 * minutes. After each answer (messages of a mistake included) comes a line of the byte 0x1e and the exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/json.h"
#include "rater/commands.h"

enum { ARGUMENTS_MAX = 32, END_OF_ANSWER = 0x1e };

/* Splits a line into argv (borrowed from the array that is given back). */
static Json *
read_arguments(char *line, size_t length, int *count, char **argv)
{
    static char name[] = "quote";
    Err err = {0};
    Json *array = json_parse((Text){line, length}, &err);
    size_t given =
        array != NULL && json_object_is_type(array, json_type_array) ? json_object_array_length(array) : ARGUMENTS_MAX;
    if (given + 2 > ARGUMENTS_MAX) {
        fprintf(stderr, "quote_many: each line is a JSON array of at most %d arguments\n", ARGUMENTS_MAX - 2);
        exit(EXIT_FAILURE);
    }
    argv[0] = name;
    for (size_t i = 0; i < given; i++)
        argv[i + 1] = (char *) json_object_get_string(json_object_array_get_idx(array, i));
    *count = (int) given + 1;
    argv[*count] = NULL;
    return array;
}

int
main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    char *argv[ARGUMENTS_MAX];
    int argc = 0;
    while ((length = getline(&line, &capacity, stdin)) > 0) {
        Json *arguments = read_arguments(line, (size_t) length, &argc, argv);
        int status = quote_command(argc, argv);
        fflush(stderr);
        printf("%c%d\n", END_OF_ANSWER, status);
        fflush(stdout);
        json_object_put(arguments);
    }
    free(line);
    return EXIT_SUCCESS;
}
