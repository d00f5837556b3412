#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/table.h"

static const TableColumn COLUMNS[] = {{"What", TABLE_FLEXIBLE}, {"Quantity", TABLE_RIGHT}, {"USD", TABLE_RIGHT}};

/* The table of some rows of three cells at a width; the caller frees the buffer. */
static void
print(const char *const (*rows)[3], size_t count, size_t width, Buffer *out)
{
    Err err = {0};
    Table *table = table_new(COLUMNS, 3, &err);
    assert_non_null(table);
    for (size_t i = 0; i < count; i++)
        assert_true(table_row(table, rows[i], &err));
    assert_true(table_print(table, width, out, &err));
    table_free(&table);
}

static void
a_long_name_goes_on_over_further_lines_and_is_whole(void **state)
{
    (void) state;
    Buffer out = {0};
    print((const char *const[][3]){{"  Ephemeral storage above 512 MB", "250", "0.00"},
                                   {"make-thumbnail-of-photo", "1", "7.56"}},
          2, 34, &out);
    assert_string_equal(out.data, "  What              Quantity   USD\n"
                                  "  ────────────────────────────────\n"
                                  "    Ephemeral            250  0.00\n"
                                  "    storage above\n"
                                  "    512 MB\n"
                                  "  make-thumbnail-          1  7.56\n"
                                  "  of-photo\n");
    buffer_free(&out);
}

static void
a_text_spreads_over_the_empty_cells_behind_it(void **state)
{
    (void) state;
    Buffer out = {0};
    print((const char *const[][3]){{"us-east-1, x86_64, on demand", NULL, NULL},
                                   {"Total, of everything above", NULL, "7.56"},
                                   {"a", "1", "7.56"}},
          3, 80, &out);
    assert_string_equal(out.data, "  What  Quantity   USD\n"
                                  "  ────────────────────\n"
                                  "  us-east-1, x86_64,\n"
                                  "  on demand\n"
                                  "  Total, of       7.56\n"
                                  "  everything\n"
                                  "  above\n"
                                  "  a            1  7.56\n");
    buffer_free(&out);
}

static void
a_text_without_end_is_cut_and_what_paints_is_harmless(void **state)
{
    (void) state;
    char endless[4000];
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    Buffer out = {0};
    print((const char *const[][3]){{endless, "1", "2"},
                                   {"\033[2J\xff", "1", "2"},
                                   {"\xe7\x94\xbb\xe5\x83\x8f", "1", "2"}},
          3, 40, &out);
    size_t lines = 0;
    for (const char *at = out.data; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 2 + 8 + 1 + 1);
    assert_non_null(strstr(out.data, "xxx\xe2\x80\xa6\n"));
    assert_null(strchr(out.data, '\033'));
    assert_non_null(strstr(out.data, "  ?[2J?"));
    buffer_free(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_name_goes_on_over_further_lines_and_is_whole),
        cmocka_unit_test(a_text_spreads_over_the_empty_cells_behind_it),
        cmocka_unit_test(a_text_without_end_is_cut_and_what_paints_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
