/* JSON objects on a line, against cases written by hand and, for all lines that both take, against json-c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/json_line.h"
#include "lib/json.h"

enum { ROOM_BYTES = 4096 };

/** What is read, one member after the other: name kind value; or what is wrong, with its byte. */
static const char *
read_all(const char *line)
{
    static char out[8192];
    char room[ROOM_BYTES];
    JsonLine json;
    JsonLineKind kind;
    Text name;
    Text value;
    bool is_object;
    if (!json_line_start(&json, text_of(line), room, sizeof room, &is_object)) {
        snprintf(out, sizeof out, "%zu: %s", json.at, json.wrong);
        return out;
    }
    size_t length = (size_t) snprintf(out, sizeof out, "%s", is_object ? "" : "no object");
    while (is_object && json_line_next(&json, &name, &kind, &value))
        length += (size_t) snprintf(out + length, sizeof out - length, "%.*s=%c%.*s ", TEXT_ARG(name), "snbz["[kind],
                                    TEXT_ARG(value));
    assert_null(json.wrong);
    return out;
}

static void
members_come_in_their_order_with_the_digits_that_were_written(void **state)
{
    (void) state;
    assert_string_equal(read_all("{}"), "");
    assert_string_equal(read_all(" { } \r\n"), "");
    assert_string_equal(read_all("{\"a\":1,\"b\":-0.10E+5 ,\t\"c\" : 123456789012345678901234567890}"),
                        "a=n1 b=n-0.10E+5 c=n123456789012345678901234567890 ");
    assert_string_equal(read_all("{\"a\":true,\"b\":false,\"c\":null,\"a\":\"\"}"), "a=btrue b=bfalse c=znull a=s ");
    assert_string_equal(read_all("{\"a\":[1,[],{\"x\":{\"y\":[\"}\"]}},\"]\"],\"b\":{},\"c\":2}"),
                        "a=[[1,[],{\"x\":{\"y\":[\"}\"]}},\"]\"] b=[{} c=n2 ");
    assert_string_equal(read_all("[1,{\"a\":2}]"), "no object");
    assert_string_equal(read_all("\"a\""), "no object");
}

static void
escapes_are_undone_and_texts_are_utf8(void **state)
{
    (void) state;
    assert_string_equal(read_all("{\"\\u0061\\n\":\"x\\\"\\\\\\/\\b\\f\\r\\ty\"}"), "a\n=sx\"\\/\b\f\r\ty ");
    assert_string_equal(read_all("{\"a\":\"\\u00e9\\u20AC\\ud83d\\ude00\"}"),
                        "a=s\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ");
    assert_string_equal(read_all("{\"a\":\"\\ud83dx\\ude00\",\"b\":\"\\ud83d\\u0041\"}"),
                        "a=s\xef\xbf\xbdx\xef\xbf\xbd b=s\xef\xbf\xbd"
                        "A ");
    assert_string_equal(read_all("{\"a\":\"\xc3\xa9\"}"), "a=s\xc3\xa9 ");
    assert_string_equal(read_all("{\"a\":\"\xc3\"}"), "6: a text is not UTF-8");
    assert_string_equal(read_all("{\"a\":\"b\x01\"}"), "7: a control character in a text must be escaped");
}

static void
what_is_not_json_is_refused_with_its_place(void **state)
{
    static const char *const wrong[][2] = {
        {"", "0: "},
        {"{", "1: "},
        {"{\"a\"", "4: "},
        {"{\"a\":", "5: "},
        {"{\"a\":tru", "8: "},
        {"{\"a\":\"b", "7: "},
        {"{\"a\":\"\\u12", "10: "},
        {"{\"a\":[1,", "8: "},
        {"{\"a\":1,}", "7: expected a text in quotes"},
        {"{,\"a\":1}", "1: expected a text in quotes"},
        {"{\"a\" 1}", "5: expected a colon"},
        {"{\"a\":1 \"b\":2}", "7: expected a comma or the end of the object"},
        {"{\"a\":[1 2]}", "8: expected a comma or the end of a list or object"},
        {"{\"a\":[1}", "7: expected a comma or the end of a list or object"},
        {"{\"a\":[1,]}", "8: expected a value"},
        {"{\"a\":{\"b\":1]}", "11: expected a comma or the end of a list or object"},
        {"{'a':1}", "1: expected a text in quotes"},
        {"{a:1}", "1: expected a text in quotes"},
        {"{\"a\":NaN}", "5: expected a value"},
        {"{\"a\":+1}", "5: expected a value"},
        {"{\"a\":01}", "6: a number begins with a zero too many"},
        {"{\"a\":1.}", "7: expected a digit"},
        {"{\"a\":.5}", "5: expected a value"},
        {"{\"a\":1e}", "7: expected a digit"},
        {"{\"a\":-}", "6: expected a digit"},
        {"{\"a\":\"\\x\"}", "7: expected an escape that JSON knows"},
        {"{\"a\":\"\\u12g4\"}", "10: expected four hexadecimal digits"},
        {"{\"a\":1}{", "7: text after the end of the value"},
        {"{\"a\":nul}", "8: expected a value"},
    };
    (void) state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_string_equal(read_all(wrong[i][0]), wrong[i][1]);
}

static void
depth_is_bounded(void **state)
{
    char line[256] = "{\"a\":";
    (void) state;
    memset(line + 5, '[', JSON_LINE_DEPTH_MAX);
    memset(line + 5 + JSON_LINE_DEPTH_MAX, ']', JSON_LINE_DEPTH_MAX);
    line[5 + 2 * JSON_LINE_DEPTH_MAX] = '}';
    assert_string_equal(read_all(line), "36: lists and objects in one another too deep");
    memmove(line + 5, line + 6, sizeof line - 6);
    line[5 + 2 * JSON_LINE_DEPTH_MAX - 2] = '}';
    line[5 + 2 * JSON_LINE_DEPTH_MAX - 1] = '\0';
    char expected[256];
    snprintf(expected, sizeof expected, "a=[%.*s ", 2 * (JSON_LINE_DEPTH_MAX - 1), line + 5);
    assert_string_equal(read_all(line), expected);
}

/** A line of pieces of JSON, dealt from a seed: mostly wrong, often nearly right. */
static void
deal_line(unsigned *seed, char *line, size_t bytes)
{
    static const char *const pieces[] = {
        "{", "}",    "[",     "]",    ":", ",",       "\"a\"",       "\"b\"",    "\"c\\n\\u00e9\"", "1", "-2.50e3",
        "0", "true", "false", "null", " ", "\"a\":1", "\"b\":\"x\"", "\"d\":{}", "\"e\":[1,2]",     "\\"};
    size_t length = 1;
    line[0] = '{';
    for (int left = rand_r(seed) % 8; left >= 0; left--) {
        const char *piece = pieces[(size_t) rand_r(seed) % (sizeof pieces / sizeof pieces[0])];
        const char *between = rand_r(seed) % 3 == 0 ? "" : left == 0 ? "}" : ",";
        length += (size_t) snprintf(line + length, bytes - length, "%s%s", piece, between);
    }
}

static void
what_json_c_takes_is_taken_with_the_same_members(void **state)
{
    unsigned seed = 7;
    int taken = 0;
    (void) state;
    for (int i = 0; i < 200000; i++) {
        char line[512];
        char room[512];
        JsonLine json;
        bool is_object;
        Err err = {0};
        deal_line(&seed, line, sizeof line);
        Json *theirs = json_parse(text_of(line), &err);
        bool ours = json_line_start(&json, text_of(line), room, sizeof room, &is_object);
        if (ours != (theirs != NULL))
            fail_msg("%s: json-c %s, json_line: %s", line, theirs ? "takes it" : err.message,
                     ours ? "takes it" : json.wrong);
        taken += ours;
        Text name;
        Text value;
        JsonLineKind kind;
        while (ours && json_line_next(&json, &name, &kind, &value)) {
            char key[64];
            Text number;
            snprintf(key, sizeof key, "%.*s", TEXT_ARG(name));
            Json *member = json_member(theirs, key); /* of several it keeps the last */
            if (kind == JSON_LINE_NUMBER && json_object_is_type(member, json_type_double) &&
                json_number_text(member, &number))
                assert_true(text_equal(value, number) || strstr(strstr(line, key) + 1, key) != NULL);
        }
        json_object_put(theirs);
    }
    assert_true(taken > 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_their_order_with_the_digits_that_were_written),
        cmocka_unit_test(escapes_are_undone_and_texts_are_utf8),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(what_json_c_takes_is_taken_with_the_same_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
