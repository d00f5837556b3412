/* Lines of plain and gzip files, and the bound on their length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "formats/line_reader.h"

/* A temporary file with these bytes; the caller unlinks and frees. */
static char *
make_file(const void *bytes, size_t length)
{
    char *path = strdup("/tmp/millibill-test-XXXXXX");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, length), (ssize_t) length);
    close(descriptor);
    return path;
}

static void
drop_file(char *path)
{
    unlink(path);
    free(path);
}

/* Append gzip members to a file. */
static void
add_gzip(const char *path, const char *text)
{
    gzFile file = gzopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, (unsigned) strlen(text)), (int) strlen(text));
    assert_int_equal(gzclose(file), Z_OK);
}

static void
expect_lines(const char *path, const char *const *lines)
{
    Err err = {0};
    Text line;
    LineReader *reader = line_reader_open(path, &err);
    assert_non_null(reader);
    for (uint64_t number = 1; *lines != NULL; lines++, number++) {
        assert_int_equal(line_reader_next(reader, &line, &err), LINE_READ);
        assert_int_equal(line.length, strlen(*lines));
        assert_memory_equal(line.data, *lines, line.length);
        assert_int_equal(line_reader_number(reader), number);
    }
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_END);
    line_reader_free(&reader);
}

static void
every_kind_of_line_end_gives_the_same_lines(void **state)
{
    (void) state;
    static const char *const FILES[] = {"one\ntwo\n\nfour\n", "one\r\ntwo\r\n\r\nfour\r\n", "one\ntwo\n\nfour",
                                        "\xEF\xBB\xBFone\ntwo\n\nfour\n"};
    static const char *const LINES[] = {"one", "two", "", "four", NULL};
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char *path = make_file(FILES[i], strlen(FILES[i]));
        expect_lines(path, LINES);
        drop_file(path);
    }
}

static void
an_empty_file_has_no_lines(void **state)
{
    (void) state;
    static const char *const NOTHING[] = {NULL};
    char *path = make_file("", 0);
    expect_lines(path, NOTHING);
    drop_file(path);
}

static void
gzip_is_read_through_all_its_members(void **state)
{
    (void) state;
    static const char *const LINES[] = {"one", "two", "three", NULL};
    char *path = make_file("", 0);
    add_gzip(path, "one\ntw");
    add_gzip(path, "o\nthree\n");
    expect_lines(path, LINES);
    drop_file(path);
}

static void
gzip_that_is_cut_off_is_an_error(void **state)
{
    (void) state;
    char *path = make_file("", 0);
    char text[5001];
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char) ('a' + rand() % 26);
    text[sizeof text - 1] = '\0';
    add_gzip(path, text);
    assert_int_equal(truncate(path, 2000), 0);
    Err err = {0};
    Text line;
    LineReader *reader = line_reader_open(path, &err);
    LineResult result = LINE_FAILED;
    if (reader != NULL)
        while ((result = line_reader_next(reader, &line, &err)) == LINE_READ)
            ;
    assert_int_equal(result, LINE_FAILED);
    assert_int_equal(err.code, ERR_CORRUPT);
    line_reader_free(&reader);
    drop_file(path);
}

static void
a_line_of_the_greatest_length_passes_and_one_more_byte_does_not(void **state)
{
    (void) state;
    size_t size = 2 * LINE_BYTES_MAX + 8;
    char *bytes = malloc(size);
    memset(bytes, 'x', size);
    bytes[LINE_BYTES_MAX] = '\n';
    bytes[2 * LINE_BYTES_MAX + 2] = '\n';
    memcpy(bytes + 2 * LINE_BYTES_MAX + 3, "last", 4);
    char *path = make_file(bytes, 2 * LINE_BYTES_MAX + 7);
    Text line;
    Err err = {0};
    LineReader *reader = line_reader_open(path, &err);
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_READ);
    assert_int_equal(line.length, LINE_BYTES_MAX);
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_TOO_LONG);
    assert_int_equal(line.length, LINE_BYTES_MAX);
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_READ);
    assert_int_equal(line.length, 4);
    assert_memory_equal(line.data, "last", 4);
    assert_int_equal(line_reader_number(reader), 3);
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_END);
    line_reader_free(&reader);
    free(bytes);
    drop_file(path);
}

static void
a_line_of_megabytes_is_told_once_and_the_next_one_is_read(void **state)
{
    (void) state;
    size_t size = (size_t) 3 << 20;
    char *bytes = malloc(size + 4);
    memset(bytes, 'x', size);
    memcpy(bytes + size, "\nb\n", 3);
    char *path = make_file(bytes, size + 3);
    Text line;
    Err err = {0};
    LineReader *reader = line_reader_open(path, &err);
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_TOO_LONG);
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_READ);
    assert_int_equal(line.length, 1);
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_END);
    line_reader_free(&reader);
    free(bytes);
    drop_file(path);
}

static void
lines_that_cross_the_buffer_stay_whole(void **state)
{
    (void) state;
    Buffer all = {0};
    for (int i = 0; i < 50000; i++)
        assert_true(buffer_printf(&all, NULL, "line number %d of many\n", i));
    char *path = make_file(all.data, all.length);
    Text line;
    Err err = {0};
    LineReader *reader = line_reader_open(path, &err);
    for (int i = 0; i < 50000; i++) {
        char wanted[64];
        int length = snprintf(wanted, sizeof wanted, "line number %d of many", i);
        assert_int_equal(line_reader_next(reader, &line, &err), LINE_READ);
        assert_int_equal(line.length, (size_t) length);
        assert_memory_equal(line.data, wanted, line.length);
    }
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_END);
    line_reader_free(&reader);
    buffer_free(&all);
    drop_file(path);
}

static void
peeking_takes_nothing_and_skipping_counts_lines(void **state)
{
    (void) state;
    char *path = make_file("a\nb\nc\n", 6);
    Text line;
    Err err = {0};
    LineReader *reader = line_reader_open(path, &err);
    assert_true(line_reader_peek(reader, &line, &err));
    assert_int_equal(line.length, 6);
    line_reader_skip(reader, 3); /* "a\nb" */
    assert_int_equal(line_reader_number(reader), 1);
    assert_int_equal(line_reader_next(reader, &line, &err), LINE_READ);
    assert_int_equal(line.length, 0);
    assert_int_equal(line_reader_number(reader), 2);
    line_reader_free(&reader);
    drop_file(path);
}

static void
what_cannot_be_read_says_why(void **state)
{
    (void) state;
    Err err = {0};
    assert_null(line_reader_open("/nowhere/at/all", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    err_clear(&err);
    assert_null(line_reader_open("/tmp", &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.message, "directory"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_line_end_gives_the_same_lines),
        cmocka_unit_test(an_empty_file_has_no_lines),
        cmocka_unit_test(gzip_is_read_through_all_its_members),
        cmocka_unit_test(gzip_that_is_cut_off_is_an_error),
        cmocka_unit_test(a_line_of_the_greatest_length_passes_and_one_more_byte_does_not),
        cmocka_unit_test(a_line_of_megabytes_is_told_once_and_the_next_one_is_read),
        cmocka_unit_test(lines_that_cross_the_buffer_stay_whole),
        cmocka_unit_test(peeking_takes_nothing_and_skipping_counts_lines),
        cmocka_unit_test(what_cannot_be_read_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
