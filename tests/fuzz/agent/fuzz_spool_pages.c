/* What a damaged disk may give back of the spool's pages, before LMDB is let near them, and of the notes that stand in it: how far a
 * file was read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/file_mark.h"
#include "agent/spool_inspect_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE_BYTES = 4096 };

/* The page lies at the end of its memory: a byte too far is noticed. */
static void
look_at_page(const uint8_t *data, size_t size)
{
    char *page = calloc(1, PAGE_BYTES);
    if (page == NULL)
        abort();
    memcpy(page, data, size < PAGE_BYTES ? size : PAGE_BYTES);
    bool leaf = spool_leaf_is_sound(page, PAGE_BYTES);
    if (leaf && spool_branch_is_sound(page, PAGE_BYTES))
        abort();
    if (leaf && spool_overflow_is_sound(page, 1))
        abort();
    (void) !spool_is_branch(page, 7);
    free(page);
}

/* A mark that is taken is one that can be written and read again as it is. */
static void
look_at_mark(Text bytes)
{
    FileMark mark, again;
    Buffer packed = {0};
    Err err = {0};
    if (!file_mark_unpack(bytes, &mark, &err)) {
        if (!err_is_set(&err))
            abort();
        return;
    }
    if (mark.head.bytes > FILE_PRINT_BYTES || mark.tail.bytes > FILE_PRINT_BYTES || mark.offset < 0 ||
        strnlen(mark.path, sizeof(mark.path)) == sizeof(mark.path))
        abort();
    if (!file_mark_pack(&mark, &packed, &err) || !file_mark_unpack(buffer_text(&packed), &again, &err) ||
        again.offset != mark.offset || again.line != mark.line || strcmp(again.path, mark.path) != 0)
        abort();
    buffer_free(&packed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    look_at_page(data, size);
    look_at_mark((Text){(const char *) data, size});
    return 0;
}
