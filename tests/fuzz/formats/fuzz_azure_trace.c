/* Files of the public Azure Functions traces: a header row, then rows of that kind. */
#include "formats/azure_trace.h"
#include "tests/fuzz/formats/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require_curve(const AzureCurve *curve)
{
    int64_t last = azure_curve_at(curve, 0);
    for (uint32_t place = 0; place < UINT32_MAX - (UINT32_C(1) << 28); place += UINT32_C(1) << 28) {
        int64_t value = azure_curve_at(curve, place);
        if (value < last || value < curve->values[0] || value > curve->values[curve->points - 1])
            abort();
        last = value;
    }
}

static void
require_invocation(const AzureInvocation *invocation)
{
    if (invocation->duration_us < 0 || invocation->duration_us > USAGE_DURATION_US_MAX ||
        invocation->start_us < -USAGE_DURATION_US_MAX || text_is_empty(invocation->names.function))
        abort();
}

static void
require_minutes(const AzureMinutes *minutes)
{
    int64_t sum = 0;
    for (size_t i = 0; i < AZURE_MINUTES; i++)
        sum += minutes->counts[i];
    if (sum != minutes->total)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static AzureMinutes minutes;
    Text text = {(const char *) data, size};
    AzureFile kind = azure_file_of(next_line(&text));
    while (text.length > 0) {
        Text line = next_line(&text);
        Err err = {0};
        AzureInvocation invocation;
        AzureCurve curve;
        if (azure_invocation_decode(line, &invocation, &err))
            require_invocation(&invocation);
        err_clear(&err);
        if (azure_minutes_decode(line, &minutes, &err))
            require_minutes(&minutes);
        err_clear(&err);
        if (kind != AZURE_UNKNOWN && azure_curve_decode(kind, line, &curve, &err))
            require_curve(&curve);
    }
    return 0;
}
