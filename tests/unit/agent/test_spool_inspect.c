/* spool: the look at a whole file, where it has pages that lead to others. A sound file is never taken for a damaged one, and damage
 * in those pages is seen, or does no harm. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/spool_internal.h"
#include "tests/unit/agent/support_spool.h"

enum {
    NOTES = 150,
    NOTE_BYTES = 120,
    BATCHES = 260,
    PAGE_BYTES = 4096,
    HEAD_BYTES = 16,
    ENTRY_HEAD_BYTES = 8,
    BRANCH = 1,
    ROUNDS = 150 / SPOOL_TEST_STEP,
    STEPS = 12
};

static void
expect_whole(const char *path, const char *when)
{
    bool whole;
    char why[ERR_MESSAGE_BYTES];
    Err err = {0};
    assert_true(spool_probe(path, &whole, why, &err));
    if (!whole)
        fail_msg("%s: %s", when, why);
}

/* ---- a sound file ---- */

static uint32_t
roll(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t) (*seed >> 33) % below;
}

/* A full spool refuses some; that is no matter here. */
static void
do_something(Spool *spool, uint64_t *seed)
{
    static char bytes[20000];
    char key[SPOOL_NOTE_KEY_BYTES_MAX + 1];
    uint64_t appended;
    Err err = {0};
    memset(key, 'k', sizeof(key));
    const Text name = {key, 8 + roll(seed, 200)};
    (void) snprintf(key, 8, "%07u", roll(seed, 400));
    key[7] = '-';
    switch (roll(seed, 6)) {
    case 0:
        (void) !spool_append(spool, (Text){bytes, 1 + roll(seed, roll(seed, 3) == 0 ? sizeof(bytes) : 300)}, &appended,
                             &err);
        break;
    case 1:
        spool_acknowledge(spool, spool_first(spool) + roll(seed, 4) - 1);
        break;
    case 2:
        (void) !spool_note_forget(spool, (SpoolTable) roll(seed, SPOOL_TABLE_COUNT), name, &err);
        break;
    default:
        (void) !spool_note_set(spool, (SpoolTable) roll(seed, SPOOL_TABLE_COUNT), name,
                               (Text){bytes, roll(seed, roll(seed, 9) == 0 ? 8000 : 400)}, &err);
    }
}

static void
a_file_is_whole_after_every_kind_of_work(void **state)
{
    SpoolFixture *fixture = *state;
    uint64_t seed = 29;
    Err err = {0};
    for (int i = 0; i < ROUNDS; i++) {
        for (uint32_t step = roll(&seed, STEPS); step > 0; step--)
            do_something(fixture->spool, &seed);
        spool_retain(fixture->spool, i % 3 == 0 ? 0 : 3600);
        assert_true(spool_commit(fixture->spool, true, &err));
        char when[64];
        (void) snprintf(when, sizeof(when), "after round %d", i);
        expect_whole(fixture->path, when);
    }
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    expect_whole(fixture->path, "opened again");
}

/* ---- pages that lead to others ---- */

static void
note_of(int number, char key[16], char value[NOTE_BYTES])
{
    (void) snprintf(key, 16, "note-%05d", number * 7);
    memset(value, 'a' + number % 26, NOTE_BYTES);
}

static void
fill(Spool *spool)
{
    char key[16];
    char value[NOTE_BYTES];
    Err err = {0};
    for (int i = 0; i < NOTES; i++) {
        note_of(i, key, value);
        assert_true(spool_note_set(spool, SPOOL_FILES, text_of(key), (Text){value, sizeof(value)}, &err));
    }
    for (int i = 0; i < BATCHES; i++)
        (void) support_append(spool, "a batch of no great length");
    support_commit(spool);
}

/* Is there a notice that notes are missing? */
static bool
is_reported(Spool *spool)
{
    static const char notice[] = "positions of rings and files, identities";
    Buffer read = {0};
    Err err = {0};
    bool found = false;
    for (uint64_t at = BATCHES + 1; at <= spool_last(spool) && !found; at++)
        found = spool_read(spool, at, &read, &err) && memmem(read.data, read.length, notice, strlen(notice)) != NULL;
    buffer_free(&read);
    return found;
}

/* All batches can be had, and all notes, or that some are missing is reported; a note that was not there cannot. */
static bool
holds_all(Spool *spool)
{
    char key[16];
    char value[NOTE_BYTES];
    Buffer read = {0};
    Err err = {0};
    bool found = true;
    bool good = true;
    int missing = 0;
    for (int i = 0; i < NOTES && good; i++) {
        note_of(i, key, value);
        good = spool_note_get(spool, SPOOL_FILES, text_of(key), &read, &found, &err) &&
               (!found || text_equal(buffer_text(&read), (Text){value, sizeof(value)}));
        missing += !found;
    }
    for (uint64_t at = 1; at <= BATCHES && good; at++)
        good = spool_read(spool, at, &read, &err) && text_is(buffer_text(&read), "a batch of no great length");
    buffer_free(&read);
    return good && (missing == 0 || is_reported(spool));
}

static bool
can_be_changed(Spool *spool)
{
    char key[16];
    char value[NOTE_BYTES];
    uint64_t appended;
    Err err = {0};
    for (int i = 0; i < BATCHES; i++) {
        note_of(NOTES + i, key, value);
        if (!spool_note_set(spool, SPOOL_FILES, text_of(key), (Text){value, sizeof(value)}, &err) ||
            !spool_append(spool, text_of("one more"), &appended, &err))
            return false;
    }
    return spool_commit(spool, true, &err);
}

typedef struct Copy {
    char path[64];
    char file[96];
    Buffer bytes; /* of the sound file */
} Copy;

/* Change a byte of the copy, and open it: what can be had comes from it, or from the file that it was salvaged to. */
static void
try_byte(const Copy *copy, size_t at, char changed)
{
    Err err = {0};
    FILE *out = fopen(copy->file, "w");
    assert_non_null(out);
    char before = copy->bytes.data[at];
    copy->bytes.data[at] = changed;
    assert_int_equal(fwrite(copy->bytes.data, 1, copy->bytes.length, out), copy->bytes.length);
    copy->bytes.data[at] = before;
    assert_int_equal(fclose(out), 0);
    Spool *spool = spool_open(copy->path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
    if (spool == NULL)
        fail_msg("byte %zu: %s", at, err.message);
    if (!holds_all(spool))
        fail_msg("byte %zu of %zu: something is missing and not reported", at, copy->bytes.length);
    if (!can_be_changed(spool))
        fail_msg("byte %zu of %zu: it cannot be changed", at, copy->bytes.length);
    spool_free(&spool);
    char command[128];
    (void) snprintf(command, sizeof(command), "rm -f '%s'/*", copy->path);
    assert_int_equal(system(command), 0);
}

/* Its head, the places of its entries, and what stands there. */
static void
try_branch(const Copy *copy, size_t page)
{
    uint16_t lower;
    memcpy(&lower, copy->bytes.data + page + 12, sizeof(lower));
    for (size_t at = page; at < page + lower; at += SPOOL_TEST_STEP)
        try_byte(copy, at, (char) (copy->bytes.data[at] ^ (1 << at % 8)));
    for (size_t place = page + HEAD_BYTES; place < page + lower; place += 2) {
        uint16_t entry;
        memcpy(&entry, copy->bytes.data + place, sizeof(entry));
        for (size_t at = page + entry; at < page + entry + ENTRY_HEAD_BYTES + 8 && at < page + PAGE_BYTES;
             at += SPOOL_TEST_STEP)
            try_byte(copy, at, (char) (copy->bytes.data[at] ^ (1 << at % 8)));
    }
}

static void
matrix_29_a_changed_byte_in_a_page_that_leads_to_others_costs_no_batch_and_is_reported(void **state)
{
    SpoolFixture *fixture = *state;
    Copy copy = {.path = "/dev/shm/test_inspect.XXXXXX"};
    Err err = {0};
    int branches = 0;
    fill(fixture->spool);
    spool_free(&fixture->spool);
    (void) snprintf(copy.file, sizeof(copy.file), "%s/data.mdb", fixture->path);
    assert_true(file_read(copy.file, 1 << 24, &copy.bytes, &err));
    assert_non_null(mkdtemp(copy.path));
    (void) snprintf(copy.file, sizeof(copy.file), "%s/data.mdb", copy.path);
    for (size_t page = 2 * (size_t) PAGE_BYTES; page < copy.bytes.length; page += PAGE_BYTES) {
        uint16_t flags;
        memcpy(&flags, copy.bytes.data + page + 10, sizeof(flags));
        if (flags != BRANCH)
            continue;
        try_branch(&copy, page);
        branches++;
    }
    assert_true(branches >= 2); /* notes and batches have one each */
    assert_int_equal(rmdir(copy.path), 0);
    buffer_free(&copy.bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(a_file_is_whole_after_every_kind_of_work),
        SPOOL_TEST(matrix_29_a_changed_byte_in_a_page_that_leads_to_others_costs_no_batch_and_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
