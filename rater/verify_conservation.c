#include "rater/verify_conservation.h"

#include <inttypes.h>
#include <stdio.h>

#include "schema/verify_conserve.h"

static const char *const NUMBERS[] = {"emitted",  "billed",      "copies", "conflicts",
                                      "reversed", "quarantined", "lost",   "unaccounted"};
enum { NUMBER_COUNT = sizeof(NUMBERS) / sizeof(NUMBERS[0]) };

static bool
take_row(void *context, const Conserved *row, Err *err)
{
    const int64_t numbers[NUMBER_COUNT] = {row->emitted,  row->billed,      row->copies, row->conflicts,
                                           row->reversed, row->quarantined, row->lost,   row->unaccounted};
    Json *object = json_new_object(err);
    if (object == NULL || !json_append(context, object, err))
        return false;
    bool done = json_add_text(object, "agent", row->agent, err) &&
                json_add_int(object, "stream", row->stream_id, err) &&
                json_add_text(object, "source", row->source, err) && json_add_int(object, "batches", row->batches, err);
    for (size_t i = 0; done && i < NUMBER_COUNT; i++)
        done = json_add_int(object, NUMBERS[i], numbers[i], err);
    Json *reasons = done ? json_parse(text_of(row->lost_by_reason), err) : NULL;
    return reasons != NULL && json_add(object, "lost_by_reason", reasons, err);
}

MUST_CHECK Json *
conservation_read(Db *db, Err *err)
{
    Json *rows = json_new_array(err);
    if (rows == NULL || verify_conserve(db, take_row, rows, err))
        return rows;
    json_object_put(rows);
    return NULL;
}

static void
print_reasons(Json *row)
{
    json_object_object_foreach(json_member(row, "lost_by_reason"), reason, records)
        printf("%*s lost %" PRId64 ": %s\n", 40, "", json_object_get_int64(records), reason);
}

void
conservation_print(Json *rows)
{
    printf(
        "Records by agent, stream and source: emitted = billed + copies + conflicts + reversed + quarantined + lost\n");
    printf("  %-16s %6s %-12s", "agent", "stream", "source");
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        printf(" %11s", NUMBERS[i]);
    printf("\n");
    for (size_t r = 0; r < json_object_array_length(rows); r++) {
        Json *row = json_object_array_get_idx(rows, r);
        printf("  %-16s %6" PRId64 " %-12s", json_object_get_string(json_member(row, "agent")),
               json_object_get_int64(json_member(row, "stream")), json_object_get_string(json_member(row, "source")));
        for (size_t i = 0; i < NUMBER_COUNT; i++)
            printf(" %11" PRId64, json_object_get_int64(json_member(row, NUMBERS[i])));
        printf("\n");
        print_reasons(row);
    }
    printf("  In flight: what agents still hold in their spools is not in the database, and not counted here.\n");
}
