/* near: what a mistyped command may have meant */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/near.h"

static const char *const NAMES[] = {"up", "down", "status", "rate", "usage", "import", "invoice", NULL};

static void
swapped_letters_are_recognised(void **state)
{
    char out[64];
    (void) state;
    assert_int_equal(near_names("rtae", NAMES, out, sizeof(out)), 1);
    assert_string_equal(out, "'rate'");
}

static void
a_beginning_names_what_it_begins(void **state)
{
    char out[64];
    (void) state;
    assert_int_equal(near_names("i", NAMES, out, sizeof(out)), 2);
    assert_string_equal(out, "'import' or 'invoice'");
}

static void
a_stranger_is_near_to_nothing(void **state)
{
    char out[64];
    (void) state;
    assert_int_equal(near_names("frobnicate", NAMES, out, sizeof(out)), 0);
    assert_string_equal(out, "");
    assert_int_equal(near_names("", NAMES, out, sizeof(out)), 0);
}

static void
a_very_long_word_does_no_harm(void **state)
{
    char word[4096], out[64];
    (void) state;
    memset(word, 'u', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_int_equal(near_names(word, NAMES, out, sizeof(out)), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swapped_letters_are_recognised),
        cmocka_unit_test(a_beginning_names_what_it_begins),
        cmocka_unit_test(a_stranger_is_near_to_nothing),
        cmocka_unit_test(a_very_long_word_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
