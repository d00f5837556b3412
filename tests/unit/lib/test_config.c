/* Finding a stack and its settings; command lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/config.h"
#include "lib/options.h"
#include "lib/text.h"

static char directory[64];

static int
make_directory(void **state)
{
    (void) state;
    snprintf(directory, sizeof(directory), "/tmp/millibill-config-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int
remove_directory(void **state)
{
    (void) state;
    char path[128];
    snprintf(path, sizeof(path), "%s/millibill.yaml", directory);
    unlink(path);
    return rmdir(directory);
}

static void
what_is_saved_is_loaded(void **state)
{
    (void) state;
    Err err = {0};
    Config saved, loaded;
    assert_true(config_load(directory, &saved, &err));
    saved.embedded = true;
    saved.spool_max_mb = 77;
    snprintf(saved.agent_name, sizeof(saved.agent_name), "it's: a #name");
    snprintf(saved.collectors[0], sizeof(saved.collectors[0]), "tcp://10.0.0.1:5570");
    snprintf(saved.collectors[1], sizeof(saved.collectors[1]), "tcp://10.0.0.2:5570");
    saved.collector_count = 2;
    snprintf(saved.bindings[0].socket, sizeof(saved.bindings[0].socket), "/run/it's.sock");
    snprintf(saved.bindings[0].group, sizeof(saved.bindings[0].group), "workers");
    snprintf(saved.bindings[0].tenant, sizeof(saved.bindings[0].tenant), "acme: #1");
    saved.follow_count = 1;
    snprintf(saved.follow[0].path, sizeof(saved.follow[0].path), "/var/log/it's/*.log");
    snprintf(saved.follow[0].format, sizeof(saved.follow[0].format), "csv");
    snprintf(saved.follow[0].tenant, sizeof(saved.follow[0].tenant), "acme");
    snprintf(saved.follow[0].region, sizeof(saved.follow[0].region), "eu-central-1");
    snprintf(saved.bindings[1].user, sizeof(saved.bindings[1].user), "1001");
    snprintf(saved.bindings[1].tenant, sizeof(saved.bindings[1].tenant), "shop");
    saved.binding_count = 2;
    snprintf(saved.allow_users[0], sizeof(saved.allow_users[0]), "1001");
    snprintf(saved.allow_users[1], sizeof(saved.allow_users[1]), "www-data");
    saved.allow_user_count = 2;
    assert_true(config_save(&saved, &err));
    assert_true(config_load(directory, &loaded, &err));
    assert_memory_equal(&saved, &loaded, sizeof(saved));
}

static void
write_settings(const char *text)
{
    char path[128];
    Err err = {0};
    snprintf(path, sizeof(path), "%s/millibill.yaml", directory);
    assert_true(file_write(path, text, strlen(text), 0644, &err));
}

static void
mistakes_name_file_line_and_key(void **state)
{
    (void) state;
    static const char *const CASES[][2] = {
        {"embedded: true\nspool_size: 3\n", "millibill.yaml:2: unknown key 'spool_size'"},
        {"spool_max_mb: plenty\n", "millibill.yaml:1: spool_max_mb: expected a whole number from 16 to 1048576"},
        {"embedded: maybe\n", "millibill.yaml:1: embedded: expected true or false"},
        {"collectors: []\n", "millibill.yaml:1: collectors: expected a list"},
        {"follow:\n  - {path: fn.log, format: csv}\n", "millibill.yaml:2: follow: path: expected the absolute path"},
        {"follow:\n  - {path: /fn.log}\n", "follow: format: expected ndjson, csv or lambda-report"},
        {"follow:\n  - {path: /fn.log, format: lambda-report}\n", "follow: tenant is missing"},
        {"follow:\n  - {path: /fn.log, format: csv, architecture: mips}\n", "expected x86_64 or arm64"},
        {"follow:\n  - {path: /fn.log, fromat: csv}\n", "follow: unknown key 'fromat'"},
        {"bindings: acme\n", "millibill.yaml:1: bindings: expected a list of at most 128 entries"},
        {"bindings:\n  - {user: 1001}\n", "millibill.yaml:2: bindings: tenant is missing"},
        {"bindings:\n  - tenant: a\n  - {user: 7, tennant: a}\n", "millibill.yaml:3: bindings: unknown key 'tennant'"},
        {"bindings:\n  - {socket: a.sock, tenant: a}\n", "bindings: socket: expected an absolute path, not 'a.sock'"},
        {"bindings:\n  - {group: g, tenant: a}\n", "millibill.yaml:2: bindings: group: belongs to a socket"},
        {"bindings:\n  - {user: [], tenant: a}\n", "millibill.yaml:2: bindings: user: expected text of 1 to 63 bytes"},
        {"bindings:\n  - acme\n", "millibill.yaml:2: bindings: expected keys with values here"},
        {"allow_users: 1001\n", "millibill.yaml:1: allow_users: expected a list of at most 64 user names or numbers"},
        {"allow_users:\n  - ''\n", "millibill.yaml:2: allow_users: expected a user's name or number"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        write_settings(CASES[i][0]);
        Config config;
        Err err = {0};
        assert_false(config_load(directory, &config, &err));
        assert_int_equal(err.code, ERR_INPUT);
        if (strstr(err.message, CASES[i][1]) == NULL)
            fail_msg("'%s' does not say '%s'", err.message, CASES[i][1]);
    }
    write_settings("embedded: true\n");
}

static void
sockets_fit_however_deep_the_directory(void **state)
{
    (void) state;
    Err err = {0};
    Config config = {0};
    memset(config.data, 'd', 300);
    config.data[0] = '/';
    assert_true(config_defaults(&config, &err));
    assert_true(strlen(config.import_socket) < 100);
    assert_true(strncmp(config.run, "/tmp/millibill-", 15) == 0);
}

static void
options_fill_their_targets(void **state)
{
    (void) state;
    bool json = false;
    const char *tenant = NULL;
    int64_t memory_mb = 0;
    OptionList books = {0};
    const Option options[] = {{"json", 'j', OPTION_FLAG, &json, NULL, "print JSON"},
                              {"tenant", 't', OPTION_TEXT, &tenant, "T", "who is billed"},
                              {"memory", 0, OPTION_INTEGER, &memory_mb, "MB", "memory"},
                              {"price-book", 0, OPTION_LIST, &books, "B", "book"},
                              {0}};
    const CommandLine line = {.command = "millibill test",
                              .arguments = "FILE…",
                              .summary = "A test.",
                              .options = options,
                              .arguments_max = SIZE_MAX,
                              .stop_at_first = true};
    char *argv[] = {"test", "--tenant", "acme",   "--memory=128", "-j", "--price-book", "a", "--price-book",
                    "b",    "cmd",      "--json", "-x",           NULL};
    const char *const *rest = NULL;
    assert_int_equal(options_parse(&line, 12, argv, &rest), OPTIONS_RUN);
    assert_true(json);
    assert_string_equal(tenant, "acme");
    assert_int_equal(memory_mb, 128);
    assert_int_equal(books.count, 2);
    assert_string_equal(rest[0], "cmd");
    assert_string_equal(rest[1], "--json");
    assert_string_equal(rest[2], "-x");
    assert_null(rest[3]);
}

static void
wrong_command_lines_exit_with_two(void **state)
{
    (void) state;
    int64_t memory_mb = 0;
    const Option options[] = {{"memory", 0, OPTION_INTEGER, &memory_mb, "MB", "memory"}, {0}};
    const CommandLine line = {.command = "millibill test", .arguments = "", .summary = "A test.", .options = options};
    char *cases[][4] = {{"test", "--nonsense", NULL},
                        {"test", "--memory", "12x", NULL},
                        {"test", "--memory", NULL},
                        {"test", "extra", NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int argc = 0;
        while (cases[i][argc] != NULL)
            argc++;
        OptionsResult result = options_parse(&line, argc, cases[i], NULL);
        assert_int_equal(result, OPTIONS_WRONG);
        assert_int_equal(options_exit_status(result), 2);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_is_loaded),
        cmocka_unit_test(mistakes_name_file_line_and_key),
        cmocka_unit_test(sockets_fit_however_deep_the_directory),
        cmocka_unit_test(options_fill_their_targets),
        cmocka_unit_test(wrong_command_lines_exit_with_two),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
