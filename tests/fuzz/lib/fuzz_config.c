/* A millibill.yaml that somebody wrote: refused with a message, or settings. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Config config; /* 30 KiB: not on a sanitizer's stack for every input */
    Err err = {0};
    config = (Config){.data = "/var/lib/millibill"};
    if (!config_defaults(&config, &err))
        abort();
    if (!config_parse((Text){(const char *) data, size}, "fuzz.yaml", &config, &err) && !err_is_set(&err))
        abort();
    return 0;
}
