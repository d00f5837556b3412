/* decoders, packer and batch: the N-th malloc fails, for N = 1, 2, ... until none does. No crash, no leak, and what was not
 * refused is right: a record is never half decoded, half packed or half unpacked. */
#include <stdio.h>
#include <string.h>

#include "agent/packer.h"
#include "formats/decode_csv.h"
#include "formats/decode_lambda.h"
#include "proto/wire.h"
#include "tests/unit/agent/support_calls.h"
#include "tests/unit/agent/support_spool.h"

enum { OBJECTS = 3, RECORDS = OBJECTS + 2, LONG_BYTES = 3000, MEMORY_MB = 256, LEAST_CALLS = 40 };

typedef struct Work {
    Spool *spool;
    Packer *packer;
    Err err;
} Work;

static const DecodeDefaults DEFAULTS = {
    .tenant = TEXT_LITERAL("acme"), .function = TEXT_LITERAL("thumb"), .at_us = INT64_C(1790000000000000)};

/* The record with this number, as every decoder has to read it. */
static bool
is_record(const UsageRecord *record, int number)
{
    char id[16];
    snprintf(id, sizeof(id), "r-%d", number);
    return text_is(record->tenant, "acme") && text_is(record->function, "thumb") && text_is(record->request_id, id) &&
           record->memory_mb == MEMORY_MB && record->duration_us == 1000 * (int64_t) (number + 1);
}

/* A wrong record ends the child at once; what is right goes into the packer. */
static bool
add(Work *self, const UsageRecord *record, int number)
{
    if (!is_record(record, number))
        exit(CALLS_BROKEN);
    return packer_add(self->packer, record, 1, &self->err);
}

static bool
refused(Work *self, const UsageFault *fault)
{
    return err_set(&self->err, ERR_INPUT, "%s: %s", fault->field, fault->message);
}

/* Names and values with escapes, so that they have to be written anew. */
static bool
decode_objects(Work *self)
{
    DecodeScratch *scratch = decode_scratch_new(&self->err);
    bool done = scratch != NULL;
    for (int i = 0; i < OBJECTS && done; i++) {
        char line[256];
        UsageRecord record;
        UsageFault fault = {0};
        snprintf(line, sizeof(line), "{\"request_id\":\"r\\u002d%d\",\"memory_mb\":%d,\"dur\\u0061tion_ms\":\"%d\"}", i,
                 MEMORY_MB, i + 1);
        done = decode_ndjson(scratch, text_of(line), &DEFAULTS, &record, &fault) ? add(self, &record, i)
                                                                                 : refused(self, &fault);
    }
    decode_scratch_free(&scratch);
    return done;
}

/* A quoted cell over two lines, and one that makes the row's memory grow. */
static bool
decode_rows(Work *self)
{
    static const char *const ignored[] = {"note"};
    char line[LONG_BYTES + 64];
    CsvDecoder *decoder = NULL;
    CsvRow *row = csv_row_new(&self->err);
    UsageRecord record;
    UsageFault fault = {0};
    int number = OBJECTS;
    snprintf(line, sizeof(line), "%0*d\",%d,%d", LONG_BYTES, 0, MEMORY_MB, number + 1);
    bool done = row != NULL &&
                csv_row_feed(row, TEXT_LITERAL("request_id,note,memory_mb,duration_ms"), &self->err) == CSV_ROW &&
                (decoder = csv_decoder_new(row, ignored, 1, &self->err)) != NULL &&
                csv_row_feed(row, TEXT_LITERAL("r-3,\"two lines,"), &self->err) == CSV_MORE &&
                csv_row_feed(row, text_of(line), &self->err) == CSV_ROW;
    if (done)
        done =
            decode_csv(decoder, row, &DEFAULTS, &record, &fault) ? add(self, &record, number) : refused(self, &fault);
    csv_decoder_free(&decoder);
    csv_row_free(&row);
    return done;
}

static bool
decode_log(Work *self)
{
    LambdaDecoder *decoder = lambda_decoder_new(&DEFAULTS, &self->err);
    UsageRecord record;
    UsageFault fault = {0};
    bool done = decoder != NULL;
    if (done && lambda_decode(decoder, TEXT_LITERAL("START RequestId: r-4 Version: 7"), NULL, &record, &fault) !=
                    LAMBDA_SKIPPED)
        exit(CALLS_BROKEN);
    static const char report[] =
        "REPORT RequestId: r-4\tDuration: 5.00 ms\tBilled Duration: 5 ms\tMemory Size: 256 MB\t"
        "Max Memory Used: 60 MB";
    if (done)
        done = lambda_decode(decoder, text_of(report), NULL, &record, &fault) == LAMBDA_RECORD
                   ? add(self, &record, RECORDS - 1)
                   : refused(self, &fault);
    lambda_decoder_free(&decoder);
    return done;
}

/* What the spool holds is what was decoded. */
static bool
unpack(Work *self)
{
    Buffer value = {0};
    UsageBatch *usage = NULL;
    if (!spool_read(self->spool, 1, &value, &self->err)) {
        buffer_free(&value);
        return false;
    }
    Millibill__Batch *batch = millibill__batch__unpack(NULL, value.length, (const uint8_t *) value.data);
    if (batch != NULL)
        usage = usage_batch_unpack(batch->payload.data, batch->payload.len, &self->err);
    else
        err_set(&self->err, ERR_NOMEM, "no memory for the envelope");
    bool done = usage != NULL;
    for (int i = 0; i < RECORDS && done; i++) {
        UsageRecord record;
        if (usage_batch_records(usage) != RECORDS)
            exit(CALLS_BROKEN);
        usage_batch_record(usage, (size_t) i, &record);
        if (!is_record(&record, i))
            exit(CALLS_BROKEN);
    }
    usage_batch_free(&usage);
    if (batch != NULL)
        millibill__batch__free_unpacked(batch, NULL);
    buffer_free(&value);
    return done;
}

static int
decode_and_pack(const char *path)
{
    Work self = {.spool = NULL};
    self.spool = spool_open(path, SPOOL_MAX_MB_LEAST, SPOOL_TEST_NOW_US, &self.err);
    if (self.spool != NULL)
        self.packer = packer_new(self.spool, "import", "tested", USAGE_BATCH_RECORDS, 1000, &self.err);
    bool done = self.packer != NULL && decode_objects(&self) && decode_rows(&self) && decode_log(&self) &&
                packer_flush(self.packer, &self.err) && spool_commit(self.spool, true, &self.err) && unpack(&self);
    packer_free(&self.packer);
    spool_free(&self.spool);
    if (!done && !err_is_set(&self.err))
        return CALLS_BROKEN;
    return done ? CALLS_DONE : CALLS_REFUSED;
}

static void
matrix_38_every_malloc_of_decoders_packer_and_batch_can_fail(void **state)
{
    const CallsSeries series = {.child = "decode", .point = "malloc", .how = "ENOMEM", .least = LEAST_CALLS};
    (void) state;
    calls_fail_each(&series);
}

int
main(int argc, char **argv)
{
    static const CallsChild children[] = {{"decode", decode_and_pack}, {NULL, NULL}};
    calls_begin(argc, argv, children);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrix_38_every_malloc_of_decoders_packer_and_batch_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
