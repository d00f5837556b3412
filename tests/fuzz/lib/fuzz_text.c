/* Numbers, times, JSON and YAML as a person or a peer may write them. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/decimal.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "lib/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
parse_number(Text text)
{
    Err err = {0};
    int64_t scaled = 0;
    mpq_t value;
    mpq_init(value);
    if (decimal_parse(text, value, &err)) {
        char *exact = decimal_format_exact(value, &err);
        if (exact == NULL)
            abort();
        free(exact);
    }
    mpq_clear(value);
    err_clear(&err);
    if (!decimal_parse_scaled(text, 3, ROUND_HALF_UP, &scaled, NULL, &err) && !err_is_set(&err))
        abort();
}

static void
parse_time(Text text)
{
    Err err = {0};
    int64_t time_us = 0, again_us = 0;
    char out[UTC_TEXT_BYTES];
    if (utc_parse(text, &time_us, &err) && time_us <= INT64_C(253402300799999999) &&
        (!utc_parse(text_of(utc_format(time_us, out)), &again_us, &err) || again_us != time_us))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Text text = {(const char *) data, size};
    Err err = {0};
    parse_number(text);
    parse_time(text);
    Json *json = json_parse(text, &err);
    json_object_put(json);
    err_clear(&err);
    Yaml *yaml = yaml_parse(text, "fuzz.yaml", &err);
    yaml_close(&yaml);
    return 0;
}
