/* Slices, buffers, UTF-8, files. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/text.h"
#include "lib/yaml.h"

static void
an_id_is_named_by_itself_and_not_within_a_longer_one(void **state)
{
    (void) state;
    static const struct {
        const char *line;
        bool named;
    } CASES[] = {
        {"ab-1", true},       {"{\"id\": \"ab-1\"}", true},
        {"ab-1,ab-12", true}, {"xab-1 ab-1", true},
        {"ab-12", false},     {"cab-1", false},
        {"_ab-1", false},     {"ab-1-", false},
        {"ab-12 ab-1", true}, {"", false},
        {"ab-", false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
        if (text_names(text_of(CASES[i].line), TEXT_LITERAL("ab-1")) != CASES[i].named)
            fail_msg("'%s'", CASES[i].line);
}

static void
only_utf8_passes_and_clean_is_without_control_characters(void **state)
{
    (void) state;
    static const struct {
        const char *bytes;
        size_t length;
        bool clean;
        bool utf8;
    } CASES[] = {
        {"plain", 5, true, true},
        {"", 0, true, true},
        {"gr\xc3\xbc\xc3\x9f", 6, true, true},
        {"\xe6\x97\xa5", 3, true, true},
        {"\xf0\x9f\x98\x80", 4, true, true},
        {"tab\t", 4, false, true},
        {"nul\0", 4, false, true},
        {"\x7f", 1, false, true},
        {"\xc3", 1, false, false},
        {"\xc0\xaf", 2, false, false},
        {"\xe0\x80\xaf", 3, false, false},
        {"\xed\xa0\x80", 3, false, false},
        {"\xf4\x90\x80\x80", 4, false, false},
        {"\x80", 1, false, false},
        {"\xff", 1, false, false},
        {"\xf0\x9f\x98", 3, false, false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const Text text = {CASES[i].bytes, CASES[i].length};
        assert_int_equal(text_is_clean_utf8(text), CASES[i].clean);
        assert_int_equal(text_is_utf8(text), CASES[i].utf8);
    }
}

static void
numbers_are_read_whole_or_not_at_all(void **state)
{
    (void) state;
    uint64_t value = 7;
    assert_true(text_to_u64(text_of("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    static const char *const WRONG[] = {"", "-1", "1a", " 1", "18446744073709551616", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
        assert_false(text_to_u64(text_of(WRONG[i]), UINT64_MAX, &value));
    assert_false(text_to_u64(text_of("11"), 10, &value));
}

static void
a_file_is_replaced_as_a_whole(void **state)
{
    (void) state;
    char path[] = "/tmp/millibill-text-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    Err err = {0};
    Buffer read_back = {0};
    assert_true(file_write(path, "first", 5, 0600, &err));
    assert_true(file_write(path, "second!", 7, 0640, &err));
    assert_true(file_read(path, 100, &read_back, &err));
    assert_string_equal(read_back.data, "second!");
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_false(file_read(path, 3, &read_back, &err));
    assert_int_equal(err.code, ERR_RANGE);
    buffer_free(&read_back);
    unlink(path);
}

static void
what_standard_output_does_not_take_is_an_error(void **state)
{
    (void) state;
    Err err = {0};
    Buffer buffer = {0};
    assert_true(buffer_append_text(&buffer, "a line\n", &err));
    int saved = dup(STDOUT_FILENO);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(saved >= 0 && full >= 0);
    fflush(stdout);
    assert_true(dup2(full, STDOUT_FILENO) >= 0);
    bool printed = buffer_save(&buffer, "-", &err);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    clearerr(stdout);
    close(full);
    close(saved);
    assert_false(printed);
    assert_int_equal(err.code, ERR_IO);
    buffer_free(&buffer);
}

static void
json_numbers_keep_their_digits(void **state)
{
    (void) state;
    Err err = {0};
    Json *value =
        json_parse(text_of("{\"a\":469.40,\"b\":\"0.1\",\"c\":12345678901234567,\"d\":1e3,\"e\":true}"), &err);
    assert_non_null(value);
    Text digits;
    static const char *const EXPECTED[][2] = {{"a", "469.40"}, {"b", "0.1"}, {"c", "12345678901234567"}, {"d", "1e3"}};
    for (size_t i = 0; i < 4; i++) {
        assert_true(json_number_text(json_member(value, EXPECTED[i][0]), &digits));
        assert_true(text_is(digits, EXPECTED[i][1]));
    }
    assert_false(json_number_text(json_member(value, "e"), &digits));
    assert_false(json_number_text(json_member(value, "missing"), &digits));
    json_object_put(value);
}

static void
broken_json_is_refused_with_its_place(void **state)
{
    (void) state;
    static const char *const WRONG[] = {"", "{", "{\"a\":1} x", "[1,]", "nul", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        Err err = {0};
        assert_null(json_parse(text_of(WRONG[i]), &err));
        assert_int_equal(err.code, ERR_INPUT);
    }
    char deep[2 * JSON_DEPTH_MAX + 3];
    memset(deep, '[', sizeof(deep));
    deep[sizeof(deep) - 1] = '\0';
    Err err = {0};
    assert_null(json_parse(text_of(deep), &err));
}

static void
yaml_mistakes_name_their_line(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        const char *message;
    } CASES[] = {
        {"a: 1\nb: 2\na: 3\n", "book.yaml:3: key 'a' stands twice, first in line 1"},
        {"a: [1, 2\n", "book.yaml:2: not YAML"},
        {"", "book.yaml: is empty"},
        {"a: &a [&b [&c [&d [1,1,1,1,1,1,1,1,1],*d,*d,*d,*d,*d,*d,*d,*d],*c,*c,*c,*c,*c,*c,*c,*c],*b,*b,*b,*b,*b,*b,*b,*b]\n"
         "b: [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n",
         "once aliases are followed"},
        {"--- 1\n--- 2\n", "more than one YAML document"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        Err err = {0};
        assert_null(yaml_parse(text_of(CASES[i].text), "book.yaml", &err));
        if (strstr(err.message, CASES[i].message) == NULL)
            fail_msg("'%s' does not say '%s'", err.message, CASES[i].message);
    }
    Err err = {0};
    Yaml *yaml = yaml_parse(text_of("name: x\nprize: 3\n"), "book.yaml", &err);
    assert_non_null(yaml);
    static const char *const KNOWN[] = {"name", "price", NULL};
    assert_false(yaml_keys_check(yaml_root(yaml), NULL, KNOWN, &err));
    assert_string_equal(err.message, "book.yaml:2: unknown key 'prize'; known keys are: name, price");
    yaml_close(&yaml);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_named_by_itself_and_not_within_a_longer_one),
        cmocka_unit_test(only_utf8_passes_and_clean_is_without_control_characters),
        cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(a_file_is_replaced_as_a_whole),
        cmocka_unit_test(what_standard_output_does_not_take_is_an_error),
        cmocka_unit_test(json_numbers_keep_their_digits),
        cmocka_unit_test(broken_json_is_refused_with_its_place),
        cmocka_unit_test(yaml_mistakes_name_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
