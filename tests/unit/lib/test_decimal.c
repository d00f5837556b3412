/* Exact numbers: parse, round and print, by the table in tests/data/lib/decimal.tsv. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/decimal.h"

enum { COLUMNS = 7 };

static void
check_format(const mpq_t value, int scale, RoundingMode mode, const char *expected)
{
    Err err = {0};
    char *text = decimal_format(value, scale, mode, &err);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void
check_row(char *columns[COLUMNS])
{
    Err err = {0};
    mpq_t value;
    mpq_init(value);
    assert_true(decimal_parse(text_of(columns[0]), value, &err));
    int scale = (int) strtol(columns[1], NULL, 10);
    const RoundingMode modes[] = {ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_UP, ROUND_DOWN};
    for (size_t i = 0; i < 4; i++)
        check_format(value, scale, modes[i], columns[2 + i]);
    char *exact = decimal_format_exact(value, &err);
    assert_string_equal(exact, columns[6]);
    free(exact);
    mpq_clear(value);
}

static void
every_row_of_the_table_rounds_as_written(void **state)
{
    (void) state;
    FILE *file = fopen("tests/data/lib/decimal.tsv", "r");
    assert_non_null(file);
    char line[512];
    int rows = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#')
            continue;
        char *columns[COLUMNS] = {0};
        char *rest = line;
        for (int i = 0; i < COLUMNS; i++)
            columns[i] = strtok_r(i == 0 ? line : NULL, "\t\n", &rest);
        assert_non_null(columns[COLUMNS - 1]);
        check_row(columns);
        rows++;
    }
    fclose(file);
    assert_true(rows >= 18);
}

static void
what_is_not_a_number_is_refused(void **state)
{
    (void) state;
    static const char *const WRONG[] = {"",   "-",   ".",  ".5", "5.",   "1.2.3", "1,000", "abc",      "0x10", " 1",
                                        "1 ", "--1", "+1", "1e", "1e99", "1e-31", "NaN",   "Infinity", "1e+-2"};
    mpq_t value;
    mpq_init(value);
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        Err err = {0};
        assert_false(decimal_parse(text_of(WRONG[i]), value, &err));
        assert_int_equal(err.code, ERR_INPUT);
    }
    Err err = {0};
    char long_number[DECIMAL_DIGITS_MAX + 2];
    memset(long_number, '9', sizeof(long_number));
    long_number[sizeof(long_number) - 1] = '\0';
    assert_false(decimal_parse(text_of(long_number), value, &err));
    assert_int_equal(err.code, ERR_RANGE);
    mpq_clear(value);
}

static void
milliseconds_become_microseconds_from_their_digits(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int64_t expected;
        bool exact;
    } CASES[] = {{"469.4", 469400, true},
                 {"0.001", 1, true},
                 {"0.0005", 1, false},
                 {"0.0004", 0, false},
                 {"86400000", 86400000000, true},
                 {"1e3", 1000000, true},
                 {"-5", -5000, true},
                 {"11455.17", 11455170, true},
                 {"3", 3000, true},
                 {"0.1230000", 123, true}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        Err err = {0};
        int64_t value = 0;
        bool exact = false;
        assert_true(decimal_parse_scaled(text_of(CASES[i].text), 3, ROUND_HALF_UP, &value, &exact, &err));
        assert_int_equal(value, CASES[i].expected);
        assert_int_equal(exact, CASES[i].exact);
    }
    static const struct {
        const char *text;
        int64_t up;
    } UP[] = {
        {"1.0004", 1001}, {"1.000", 1000}, {"0.0001", 1}, {"1.00000000000000000000001", 1001}, {"-1.0004", -1001}};
    for (size_t i = 0; i < sizeof(UP) / sizeof(UP[0]); i++) {
        Err none = {0};
        int64_t rounded = 0;
        assert_true(decimal_parse_scaled(text_of(UP[i].text), 3, ROUND_UP, &rounded, NULL, &none));
        assert_int_equal(rounded, UP[i].up);
    }
    Err err = {0};
    int64_t value = 0;
    assert_false(decimal_parse_scaled(text_of("9223372036854775808"), 0, ROUND_HALF_UP, &value, NULL, &err));
    assert_int_equal(err.code, ERR_RANGE);
}

static void
a_fraction_without_end_keeps_twenty_digits(void **state)
{
    (void) state;
    Err err = {0};
    mpq_t third;
    mpq_init(third);
    mpq_set_si(third, -2, 3);
    mpq_canonicalize(third);
    char *text = decimal_format_exact(third, &err);
    assert_string_equal(text, "-0.66666666666666666667");
    free(text);
    mpq_clear(third);
}

static void
thousands_are_grouped_for_people(void **state)
{
    (void) state;
    static const char *const CASES[][2] = {
        {"0", "0"}, {"999", "999"}, {"1000", "1,000"}, {"-1234567.891", "-1,234,567.891"}, {"100000.00", "100,000.00"}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        Err err = {0};
        char *grouped = decimal_group_thousands(CASES[i][0], &err);
        assert_string_equal(grouped, CASES[i][1]);
        free(grouped);
    }
}

static void
currencies_have_their_minor_units(void **state)
{
    (void) state;
    assert_int_equal(currency_scale("USD"), 2);
    assert_int_equal(currency_scale("JPY"), 0);
    assert_int_equal(currency_scale("KWD"), 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_rounds_as_written),
        cmocka_unit_test(what_is_not_a_number_is_refused),
        cmocka_unit_test(milliseconds_become_microseconds_from_their_digits),
        cmocka_unit_test(a_fraction_without_end_keeps_twenty_digits),
        cmocka_unit_test(thousands_are_grouped_for_people),
        cmocka_unit_test(currencies_have_their_minor_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
