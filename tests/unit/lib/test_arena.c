/* Packed texts and aligned memory come from one arena and never overlap; what was given is given back at once. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/arena.h"

static void
packed_texts_and_aligned_memory_do_not_overlap(void **state)
{
    enum { COUNT = 20000 };
    static const char *texts[COUNT];
    static uint64_t *numbers[COUNT];
    char text[32];
    Arena *arena = arena_new(SIZE_MAX);
    (void) state;
    assert_non_null(arena);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%.*s%zu", (int) (i % 13), "............", i);
        texts[i] = arena_pack(arena, text_of(text));
        assert_non_null(texts[i]);
        numbers[i] = i % 3 == 0 ? arena_alloc(arena, sizeof **numbers) : NULL;
        if (numbers[i] != NULL) {
            assert_int_equal((uintptr_t) numbers[i] % alignof(max_align_t), 0);
            *numbers[i] = i;
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%.*s%zu", (int) (i % 13), "............", i);
        assert_string_equal(texts[i], text);
        assert_true(numbers[i] == NULL || *numbers[i] == i);
    }
    arena_free(&arena);
}

static void
a_limit_holds_for_both(void **state)
{
    Arena *arena = arena_new(64);
    (void) state;
    assert_non_null(arena_pack(arena, TEXT_LITERAL("0123456789012345678901234567890")));
    assert_null(arena_alloc(arena, 48));
    assert_null(arena_pack(arena, TEXT_LITERAL("012345678901234567890123456789012")));
    assert_non_null(arena_alloc(arena, 32));
    assert_null(arena_pack(arena, TEXT_LITERAL("")));
    assert_false(arena_lacked_memory(arena));
    arena_reset(arena);
    assert_non_null(arena_alloc(arena, 64));
    arena_free(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_texts_and_aligned_memory_do_not_overlap),
        cmocka_unit_test(a_limit_holds_for_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
