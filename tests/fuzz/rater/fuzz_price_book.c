/* A price book that somebody wrote: refused with a message, or a book. */
#include <stdint.h>
#include <stdlib.h>

#include "rater/price_book.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    PriceBook *book = price_book_parse((Text){(const char *) data, size}, "fuzz.yaml", &err);
    if (book == NULL && !err_is_set(&err))
        abort();
    price_book_free(&book);
    return 0;
}
