/* Evidence as whoever owns a database or a file may have left it: where a segment's records came from, and lines of the heads file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/heads_line.h"
#include "schema/segment_sources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Merging writes them anew: each record has the same batch and receipt before and after. */
static void
merge(Text sources, int64_t records)
{
    SegmentSourcesBuilder builder = {0};
    SegmentRuns runs, merged;
    Err err = {0};
    bool fits = true;
    segment_runs_start(&runs, sources);
    while (fits && segment_runs_next(&runs)) {
        SegmentRun run = runs.run;
        run.receipt = segment_runs_receipt(&runs, 9);
        fits = segment_sources_add(&builder, &run, &err);
    }
    if (!fits && err.code != ERR_RANGE)
        abort();
    if (fits) {
        if (!segment_sources_finish(&builder, &err) || segment_sources_records(buffer_text(&builder.bytes)) != records)
            abort();
        segment_runs_start(&runs, sources);
        segment_runs_start(&merged, buffer_text(&builder.bytes));
        for (int64_t at = 0; at < records && segment_runs_reach(&runs, at); at = runs.end)
            if (!segment_runs_reach(&merged, at) || merged.run.stream_id != runs.run.stream_id ||
                merged.run.sequence != runs.run.sequence ||
                segment_runs_receipt(&merged, 9) != segment_runs_receipt(&runs, 9))
                abort();
    }
    buffer_free(&builder.bytes);
}

static void
look_at_sources(Text sources)
{
    SegmentRun run;
    int64_t records = segment_sources_records(sources);
    bool found = segment_run_of(sources, 3, &run);
    if (records >= 0 && found != (records > 3))
        abort();
    if (records >= 0)
        merge(sources, records);
}

/* A line that is taken says the same when it is written again. */
static void
look_at_line(Text text)
{
    HeadsLine line = {.number = 1}, again = {.number = 1};
    Err err = {0};
    heads_line_parse(text, &line);
    for (size_t i = 0; i < heads_line_invoices(&line); i++) {
        SealInvoice invoice;
        if (heads_line_invoice(&line, i, &invoice) && (invoice.tenant_id < 0 || invoice.invoice_id < 0))
            abort();
    }
    Json *written = line.kind == HEADS_HEAD       ? heads_line_of_head(&line.head, &(HeadsMade){0}, &err)
                    : line.kind == HEADS_RESTORED ? heads_line_of_restored(&line.restored, &err)
                                                  : NULL;
    if (written != NULL) {
        heads_line_parse(text_of(json_object_to_json_string(written)), &again);
        if (again.kind != line.kind || memcmp(&again.head.digest, &line.head.digest, sizeof(line.head.digest)) != 0 ||
            again.restored.from != line.restored.from)
            abort();
    }
    json_object_put(written);
    heads_line_free(&again);
    heads_line_free(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const Text bytes = {(const char *) data, size};
    look_at_sources(bytes);
    look_at_line(bytes);
    return 0;
}
