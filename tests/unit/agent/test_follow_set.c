/* Files that grow, are renamed, truncated, deleted, while their reader is stopped at any moment: what was committed is each
 * line once. The owner here keeps in memory what the spool would: records and marks, staged and committed together. */
#include <fnmatch.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/follow_file.h"
#include "agent/follow_set.h"
#include "lib/log.h"

enum { MARKS_MAX = 64, NAME_BYTES = 600, SECOND = 1000000 };

typedef struct World {
    char folder[64];
    char pattern[128];
    FollowRule rule;
    FollowSet *set;
    int64_t now_us;
    Buffer committed; /* a line "ID FUNCTION" for each record, "rejected LINE REASON", "lost REASON" */
    Buffer taken;     /* the same, handed over and not committed */
    FileMark marks[MARKS_MAX];
    size_t mark_count;
    int room; /* how many records fit before the owner is full; negative: any number */
} World;

static bool
note(World *world, const char *text, Err *err)
{
    if (world->room == 0)
        return err_set(err, ERR_FULL, "full");
    world->room -= world->room > 0;
    return buffer_printf(&world->taken, err, "%s\n", text);
}

static bool
take_record(void *caller, const UsageRecord *record, Err *err)
{
    char text[NAME_BYTES];
    snprintf(text, sizeof(text), "%.*s %.*s", TEXT_ARG(record->request_id), TEXT_ARG(record->function));
    return note(caller, text, err);
}

static bool
take_rejected(void *caller, const UsageRejected *rejected, Err *err)
{
    char text[NAME_BYTES];
    snprintf(text, sizeof(text), "rejected %llu %.*s", (unsigned long long) rejected->line, TEXT_ARG(rejected->reason));
    return note(caller, text, err);
}

static bool
take_loss(void *caller, const UsageLoss *loss, Err *err)
{
    char text[NAME_BYTES];
    snprintf(text, sizeof(text), "lost %.*s", TEXT_ARG(loss->reason));
    return note(caller, text, err);
}

static bool
find_mark(void *caller, uint64_t device, uint64_t inode, FileMark *out, bool *found, Err *err)
{
    const World *world = caller;
    (void) err;
    *found = false;
    for (size_t i = 0; i < world->mark_count; i++)
        if (world->marks[i].device == device && world->marks[i].inode == inode) {
            *out = world->marks[i];
            *found = true;
        }
    return true;
}

static bool
find_marks(void *caller, const char *pattern, FollowVisit visit, void *context, Err *err)
{
    const World *world = caller;
    for (size_t i = 0; i < world->mark_count; i++)
        if (fnmatch(pattern, world->marks[i].path, FNM_PATHNAME) == 0 && !visit(context, &world->marks[i], err))
            return false;
    return true;
}

static void
begin(World *world)
{
    Err err = {0};
    const FollowOwner owner = {world, take_record, take_rejected, take_loss, find_mark, find_marks};
    world->set = follow_set_new(&world->rule, 1, &owner, &err);
    assert_non_null(world->set);
}

static bool
keep_mark(void *context, const FileMark *mark, Err *err)
{
    World *world = context;
    Buffer bytes = {0};
    FileMark copy;
    size_t at = 0;
    assert_true(file_mark_pack(mark, &bytes, err));
    assert_true(file_mark_unpack(buffer_text(&bytes), &copy, err));
    buffer_free(&bytes);
    while (at < world->mark_count && (world->marks[at].device != mark->device || world->marks[at].inode != mark->inode))
        at++;
    assert_true(at < MARKS_MAX);
    world->mark_count += at == world->mark_count;
    world->marks[at] = copy;
    return true;
}

/* The spool's transaction: records and marks together. */
static void
commit(World *world)
{
    Err err = {0};
    assert_true(buffer_append(&world->committed, world->taken.data == NULL ? "" : world->taken.data,
                              world->taken.length, &err));
    buffer_clear(&world->taken);
    assert_true(follow_set_stage(world->set, keep_mark, world, &err));
    follow_set_committed(world->set);
}

/* SIGKILL: what was not committed never was. */
static void
crash(World *world)
{
    follow_set_free(&world->set);
    buffer_clear(&world->taken);
    begin(world);
}

static void
poll_for(World *world, int64_t us)
{
    Err err = {0};
    for (int64_t until_us = world->now_us + us; world->now_us <= until_us;) {
        assert_true(follow_set_poll(world->set, world->now_us, &err));
        int64_t due_us = follow_set_due_us(world->set);
        world->now_us = due_us > world->now_us ? due_us : world->now_us + 1;
    }
}

/* Look at names and content at least once, and commit. */
static void
settle(World *world)
{
    poll_for(world, 3 * SECOND);
    commit(world);
}

static int
set_up(void **state)
{
    World *world = calloc(1, sizeof(*world));
    log_start("test", LOG_LEVEL_ERROR);
    snprintf(world->folder, sizeof(world->folder), "/tmp/millibill-follow-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->pattern, sizeof(world->pattern), "%s/fn*.log", world->folder);
    world->now_us = SECOND;
    world->room = -1;
    world->rule = (FollowRule){.pattern = world->pattern,
                               .format = IMPORT_NDJSON,
                               .settings = {.defaults = {.tenant = TEXT_LITERAL("acme"), .at_us = USAGE_ABSENT}}};
    begin(world);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    World *world = *state;
    char pattern[128];
    glob_t names = {0};
    snprintf(pattern, sizeof(pattern), "%s/*", world->folder);
    if (glob(pattern, 0, NULL, &names) == 0)
        for (size_t i = 0; i < names.gl_pathc; i++)
            unlink(names.gl_pathv[i]);
    globfree(&names);
    rmdir(world->folder);
    follow_set_free(&world->set);
    buffer_free(&world->committed);
    buffer_free(&world->taken);
    free(world);
    return 0;
}

static const char *
path_of(const World *world, const char *name)
{
    static char paths[2][128];
    static int turn;
    char *path = paths[turn++ % 2];
    snprintf(path, sizeof(paths[0]), "%s/%s", world->folder, name);
    return path;
}

static void
append(const World *world, const char *name, const char *text)
{
    FILE *file = fopen(path_of(world, name), "a");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static const char *
line_of(const char *id)
{
    static char text[512];
    snprintf(text, sizeof(text),
             "{\"request_id\":\"%s\",\"function\":\"f\",\"memory_mb\":128,\"started_at\":\"2026-10-01T00:00:00Z\","
             "\"duration_ms\":1}\n",
             id);
    return text;
}

static void
add(const World *world, const char *name, const char *id)
{
    append(world, name, line_of(id));
}

static void
move(const World *world, const char *from, const char *to)
{
    assert_int_equal(rename(path_of(world, from), path_of(world, to)), 0);
}

static void
expect(const World *world, const char *committed)
{
    assert_string_equal(world->committed.data == NULL ? "" : world->committed.data, committed);
}

static void
lines_are_taken_once_as_the_file_grows(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    settle(world);
    add(world, "fn.log", "2");
    add(world, "fn.log", "3");
    settle(world);
    expect(world, "1 f\n2 f\n3 f\n");
}

static void
matrix_36_a_renamed_file_is_read_to_its_end(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    settle(world);
    add(world, "fn.log", "2");
    move(world, "fn.log", "old.1");
    add(world, "fn.log", "3");
    settle(world);
    add(world, "old.1", "4"); /* the writer has not noticed yet */
    settle(world);
    expect(world, "1 f\n2 f\n3 f\n4 f\n");
    poll_for(world, 2 * FOLLOW_AWAY_US);
    commit(world);
    assert_int_equal(follow_set_files(world->set), 1);
    add(world, "old.1", "5"); /* nor now, after the file was left */
    poll_for(world, 2 * FOLLOW_AROUND_US);
    commit(world);
    expect(world, "1 f\n2 f\n3 f\n4 f\n5 f\n");
}

static void
matrix_36_a_renamed_file_is_found_again_after_a_crash(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    settle(world);
    add(world, "fn.log", "2");
    poll_for(world, SECOND);
    move(world, "fn.log", "fn.log.1");
    crash(world);
    add(world, "fn.log.1", "3");
    move(world, "fn.log.1", "fn.log.2");
    add(world, "fn.log", "4");
    settle(world);
    expect(world, "1 f\n4 f\n2 f\n3 f\n");
    crash(world);
    settle(world);
    expect(world, "1 f\n4 f\n2 f\n3 f\n");
}

static void
matrix_36_a_truncated_file_is_reported_and_read_anew(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    add(world, "fn.log", "2");
    settle(world);
    assert_int_equal(truncate(path_of(world, "fn.log"), 0), 0);
    add(world, "fn.log", "3");
    settle(world);
    expect(world, "1 f\n2 f\nlost file_truncated\n3 f\n");
}

static void
matrix_36_a_file_that_grew_past_the_offset_after_truncation_is_noticed(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    settle(world);
    assert_int_equal(truncate(path_of(world, "fn.log"), 0), 0);
    add(world, "fn.log", "2"); /* as long as before */
    settle(world);
    expect(world, "1 f\nlost file_truncated\n2 f\n");
    assert_int_equal(truncate(path_of(world, "fn.log"), 0), 0);
    add(world, "fn.log", "3");
    add(world, "fn.log", "4");
    crash(world); /* nor is it overlooked by who did not see it happen */
    settle(world);
    expect(world, "1 f\nlost file_truncated\n2 f\nlost file_truncated\n3 f\n4 f\n");
}

static void
what_a_truncation_leaves_of_a_writer_that_does_not_append_is_passed_over(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    settle(world);
    FILE *file = fopen(path_of(world, "fn.log"), "r+");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), 0), 0);
    assert_int_equal(fseek(file, 100000, SEEK_SET), 0);
    assert_true(fputs(line_of("2"), file) >= 0);
    assert_int_equal(fclose(file), 0);
    settle(world);
    expect(world, "1 f\nlost file_truncated\n2 f\n");
}

static void
matrix_36_a_deleted_file_is_read_to_its_end(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    settle(world);
    add(world, "fn.log", "2");
    FILE *writer = fopen(path_of(world, "fn.log"), "a");
    assert_int_equal(unlink(path_of(world, "fn.log")), 0);
    assert_true(fputs(line_of("3"), writer) >= 0);
    assert_int_equal(fclose(writer), 0);
    settle(world);
    expect(world, "1 f\n2 f\n3 f\n");
    poll_for(world, 2 * FOLLOW_AWAY_US);
    commit(world);
    assert_int_equal(follow_set_files(world->set), 0);
    crash(world);
    settle(world);
    expect(world, "1 f\n2 f\n3 f\n");
}

static void
matrix_36_a_file_that_vanished_unread_is_reported_once(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    settle(world);
    add(world, "fn.log", "2");
    assert_int_equal(unlink(path_of(world, "fn.log")), 0);
    add(world, "fn.new.log", "3"); /* may even have its inode */
    crash(world);
    settle(world);
    crash(world);
    settle(world);
    const char *rest = world->committed.data + strlen("1 f\n");
    if (strcmp(rest, "lost file_vanished\n3 f\n") != 0)
        assert_string_equal(rest, "3 f\nlost file_vanished\n");
}

static void
matrix_36_another_file_in_the_same_inode_is_read_from_its_start(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    settle(world);
    /* As if the mark belonged to an earlier file with this inode. */
    world->marks[0].born_us -= SECOND;
    memset(world->marks[0].head.hash, 7, FILE_HASH_BYTES);
    buffer_clear(&world->committed);
    crash(world);
    settle(world);
    expect(world, "lost file_vanished\n1 f\n");
}

static void
matrix_36_a_part_of_a_line_waits_for_the_rest(void **state)
{
    World *world = *state;
    const char *line = line_of("1");
    char part[64];
    snprintf(part, sizeof(part), "%.60s", line);
    append(world, "fn.log", part);
    settle(world);
    expect(world, "");
    crash(world);
    settle(world);
    expect(world, "");
    append(world, "fn.log", line_of("1") + strlen(part));
    settle(world);
    expect(world, "1 f\n");
}

static void
the_last_line_of_a_rotated_file_needs_no_end(void **state)
{
    World *world = *state;
    char line[512];
    snprintf(line, sizeof(line), "%s", line_of("1"));
    line[strlen(line) - 1] = '\0';
    append(world, "fn.log", line);
    settle(world);
    move(world, "fn.log", "fn.log.1");
    add(world, "fn.log", "2");
    settle(world);
    expect(world, "2 f\n");
    poll_for(world, 2 * FOLLOW_AWAY_US);
    commit(world);
    expect(world, "2 f\n1 f\n");
}

static void
a_line_that_is_too_long_is_rejected_once_however_it_arrives(void **state)
{
    World *world = *state;
    char *piece = malloc(LINE_BYTES_MAX + 2);
    memset(piece, 'x', LINE_BYTES_MAX + 1);
    piece[LINE_BYTES_MAX + 1] = '\0';
    add(world, "fn.log", "1");
    append(world, "fn.log", piece);
    settle(world);
    crash(world);
    append(world, "fn.log", piece);
    settle(world);
    append(world, "fn.log", "\n");
    add(world, "fn.log", "2");
    append(world, "fn.log", piece);
    append(world, "fn.log", "\n");
    add(world, "fn.log", "3");
    append(world, "fn.log", "nonsense\n");
    settle(world);
    free(piece);
    expect(world, "1 f\nrejected 2 malformed\n2 f\nrejected 4 malformed\n3 f\nrejected 6 malformed\n");
}

static void
a_full_owner_gets_the_rest_later_and_nothing_twice(void **state)
{
    World *world = *state;
    for (int i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        add(world, "fn.log", id);
    }
    for (int i = 0; i < 12; i++) {
        world->room = 9;
        poll_for(world, SECOND);
        commit(world);
        if (i % 3 == 0)
            crash(world);
    }
    const char *at = world->committed.data;
    for (int i = 0; i < 100; i++) {
        char line[32];
        snprintf(line, sizeof(line), "%d f\n", i);
        assert_memory_equal(at, line, strlen(line));
        at += strlen(line);
    }
    assert_string_equal(at, "");
}

static void
lines_without_id_get_the_same_one_whenever_they_are_read(void **state)
{
    World *world = *state;
    const char *line =
        "{\"function\":\"f\",\"memory_mb\":128,\"started_at\":\"2026-10-01T00:00:00Z\",\"duration_ms\":1}\n";
    append(world, "fn.log", line);
    append(world, "fn.log", line);
    poll_for(world, 3 * SECOND);
    char *first = strdup(world->taken.data);
    crash(world);
    settle(world);
    expect(world, first);
    char *second = strchr(first, '\n') + 1;
    second[-1] = '\0';
    assert_true(strncmp(first, "f-", 2) == 0);
    assert_string_not_equal(first, second); /* two equal lines are two invocations */
    assert_memory_equal(first, second, 30); /* of the same content */
    assert_int_equal(truncate(path_of(world, "fn.log"), 0), 0);
    append(world, "fn.log", line);
    buffer_clear(&world->committed);
    settle(world);
    const char *lost = "lost file_truncated\n";
    assert_memory_equal(world->committed.data, lost, strlen(lost));
    assert_null(strstr(world->committed.data, first)); /* another generation of the file, other ids */
    free(first);
}

/* As an import leaves it: read to the end, never followed. */
static void
mark_as_imported(World *world, const char *name)
{
    FileMark mark = {.last_time_us = USAGE_ABSENT, .tag = {.from = INT64_MAX}};
    int64_t size = 0;
    Err err = {0};
    int fd = follow_open(path_of(world, name), &mark, &size, &err);
    assert_true(fd >= 0);
    assert_true(file_mark_set_offset(&mark, fd, size, &err));
    snprintf(mark.path, sizeof(mark.path), "%s", path_of(world, name));
    assert_true(keep_mark(world, &mark, &err));
    close(fd);
}

static void
files_that_were_imported_go_on_behind_it_with_ids_of_their_own(void **state)
{
    World *world = *state;
    const char *line =
        "{\"function\":\"f\",\"memory_mb\":128,\"started_at\":\"2026-10-01T00:00:00Z\",\"duration_ms\":1}\n";
    append(world, "fn-1.log", line);
    append(world, "fn-2.log", line);
    mark_as_imported(world, "fn-1.log");
    mark_as_imported(world, "fn-2.log");
    append(world, "fn-1.log", line);
    append(world, "fn-2.log", line);
    settle(world);
    char *second = strchr(world->committed.data, '\n') + 1;
    size_t length = strlen(second);
    assert_int_equal(world->committed.length, 2 * length); /* two lines of the same content, at the same place */
    assert_memory_not_equal(world->committed.data, second, length);
    append(world, "fn-3.log", line);
    mark_as_imported(world, "fn-3.log");
    unlink(path_of(world, "fn-3.log"));
    crash(world);
    settle(world);
    assert_null(strstr(world->committed.data, "lost")); /* nobody followed it */
}

static void
a_csv_file_keeps_its_columns_over_a_restart(void **state)
{
    World *world = *state;
    world->rule.format = IMPORT_CSV;
    crash(world);
    append(world, "fn.log", "\xEF\xBB\xBFrequest_id,function,memory_mb,started_at,duration_ms\r\n");
    append(world, "fn.log", "1,f,128,2026-10-01T00:00:00Z,1\r\n2,g,128,2026-10-01T00:00:00Z");
    append(world, "fn2.log", "started_at,function,memory_mb,request_id,duration_ms\n");
    settle(world);
    crash(world);
    append(world, "fn.log", ",1\r\n3,h,128,2026-10-01T00:00:00Z,1,extra\n");
    settle(world);
    append(world, "fn2.log", "2026-10-01T00:00:00Z,i,128,4,1\n");
    settle(world);
    append(world, "fn.log", "5,k,128,2026-10-01T00:00:00Z,1\n");
    settle(world);
    expect(world, "1 f\n2 g\nrejected 4 malformed\n4 i\n5 k\n");
}

static void
a_csv_file_with_an_unknown_column_is_left_alone(void **state)
{
    World *world = *state;
    world->rule.format = IMPORT_CSV;
    crash(world);
    append(world, "fn.log", "request_id,colour\n1,red\n");
    append(world, "fn2.log", "request_id,function,memory_mb,started_at,duration_ms\n2,f,128,2026-10-01T00:00:00Z,1\n");
    settle(world);
    expect(world, "2 f\n");
}

static void
a_lambda_log_goes_on_with_the_time_of_the_line_before(void **state)
{
    World *world = *state;
    world->rule.format = IMPORT_LAMBDA_REPORT;
    world->rule.settings.defaults.function = TEXT_LITERAL("f");
    crash(world);
    append(world, "fn.log", "2026-10-01T00:00:00.000Z START RequestId: 1 Version: 7\n");
    settle(world);
    crash(world);
    append(
        world, "fn.log",
        "REPORT RequestId: 1\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\n");
    settle(world);
    expect(world, "1 f\n");
}

static void
new_files_that_fit_the_pattern_are_followed_and_compressed_ones_are_not(void **state)
{
    World *world = *state;
    settle(world);
    add(world, "fn-a.log", "1");
    append(world, "fn-gz.log", "\x1F\x8B\x08 no text");
    add(world, "other.txt", "2");
    settle(world);
    add(world, "fn-b.log", "3");
    settle(world);
    expect(world, "1 f\n3 f\n");
}

static void
a_file_renamed_to_what_fits_as_well_is_the_same_file(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    settle(world);
    move(world, "fn.log", "fn-1.log");
    add(world, "fn-1.log", "2");
    add(world, "fn.log", "3");
    settle(world);
    crash(world);
    add(world, "fn-1.log", "4");
    settle(world);
    expect(world, "1 f\n2 f\n3 f\n4 f\n");
}

static void
matrix_36_files_that_came_and_were_renamed_unseen_are_read(void **state)
{
    World *world = *state;
    add(world, "fn.log.2", "0"); /* older than what is followed: history */
    add(world, "fn.log", "1");
    settle(world);
    move(world, "fn.log", "fn.log.3");
    add(world, "fn.log", "2");
    move(world, "fn.log", "fn.log-20261123");
    add(world, "fn.log", "3");
    move(world, "fn.log", "fn.1.log");
    add(world, "fn-error.log", "4"); /* fits the pattern */
    add(world, "fn.log.swp", "5");   /* is no rotated log */
    add(world, "fn.log", "6");
    crash(world);
    settle(world);
    assert_non_null(strstr(world->committed.data, "\n2 f\n"));
    assert_non_null(strstr(world->committed.data, "\n3 f\n"));
    assert_int_equal(world->committed.length, strlen("1 f\n2 f\n3 f\n4 f\n6 f\n"));
}

static void
matrix_36_a_copy_that_a_truncation_leaves_is_not_read(void **state)
{
    World *world = *state;
    add(world, "fn.log", "1");
    add(world, "fn.log", "2");
    settle(world);
    add(world, "fn.log.1", "1");
    add(world, "fn.log.1", "2");
    poll_for(world, 2 * FOLLOW_AROUND_US);
    commit(world);
    expect(world, "1 f\n2 f\n");
    assert_int_equal(truncate(path_of(world, "fn.log"), 0), 0);
    add(world, "fn.log", "3");
    poll_for(world, 2 * FOLLOW_AROUND_US);
    commit(world);
    expect(world, "1 f\n2 f\nlost file_truncated\n3 f\n");
}

static void
a_mark_is_stored_by_itself_when_no_batch_carries_it(void **state)
{
    World *world = *state;
    append(world, "fn.log", "\n");
    poll_for(world, SECOND);
    assert_false(follow_set_marks_due(world->set, world->now_us));
    poll_for(world, 2 * FOLLOW_MARK_FREE_US);
    assert_true(follow_set_marks_due(world->set, world->now_us));
    commit(world);
    assert_false(follow_set_marks_due(world->set, world->now_us));
    assert_int_equal(world->mark_count, 1);
    assert_int_equal(world->marks[0].offset, 1);
}

/* ---- anything in any order ---- */

typedef struct Chance {
    uint64_t state;
} Chance;

static uint32_t
chance(Chance *self, uint32_t below)
{
    self->state = self->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t) (self->state >> 33) % below;
}

/* A writer that rotates by renaming, and writes lines in pieces through a descriptor it keeps. */
typedef struct Writer {
    FILE *file;
    int next;
    int rotated;
} Writer;

static void
reopen(World *world, Writer *writer)
{
    if (writer->file != NULL)
        fclose(writer->file);
    writer->file = fopen(path_of(world, "fn.log"), "a");
    assert_non_null(writer->file);
    setbuf(writer->file, NULL);
}

static void
write_some(World *world, Writer *writer, Chance *dice)
{
    char id[16];
    snprintf(id, sizeof(id), "n%d.", writer->next++);
    const char *line = line_of(id);
    size_t cut = chance(dice, (uint32_t) strlen(line));
    assert_int_equal(fwrite(line, 1, cut, writer->file), cut);
    if (chance(dice, 4) == 0)
        poll_for(world, SECOND);
    if (chance(dice, 8) == 0)
        crash(world);
    assert_true(fputs(line + cut, writer->file) >= 0);
}

static void
act(World *world, Writer *writer, Chance *dice)
{
    char name[32];
    switch (chance(dice, 8)) {
    case 0:
        snprintf(name, sizeof(name), "fn.log.%d", writer->rotated++);
        move(world, "fn.log", name);
        if (chance(dice, 2) == 0)
            write_some(world, writer, dice); /* to the renamed one */
        reopen(world, writer);
        break;
    case 1:
        crash(world);
        break;
    case 2:
        commit(world);
        break;
    case 3:
        poll_for(world, chance(dice, 15) * SECOND);
        break;
    case 4:
        world->room = (int) chance(dice, 5);
        poll_for(world, SECOND);
        world->room = -1;
        break;
    default:
        write_some(world, writer, dice);
        break;
    }
}

static void
matrix_36_whatever_happens_between_rotations_each_line_is_committed_once(void **state)
{
    World *world = *state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        Chance dice = {seed};
        Writer writer = {0};
        buffer_clear(&world->committed);
        reopen(world, &writer);
        settle(world); /* from now on it is followed */
        for (int step = 0; step < 120; step++)
            act(world, &writer, &dice);
        fclose(writer.file);
        poll_for(world, FOLLOW_AROUND_US + 2 * FOLLOW_AWAY_US);
        commit(world);
        size_t lines = 0;
        for (const char *at = world->committed.data; (at = strchr(at, '\n')) != NULL; at++)
            lines++;
        for (int i = 0; i < writer.next; i++) {
            char line[32];
            snprintf(line, sizeof(line), "n%d. f\n", i);
            if (strstr(world->committed.data, line) == NULL)
                fail_msg("seed %llu: line %d is missing", (unsigned long long) seed, i);
        }
        if (lines != (size_t) writer.next)
            fail_msg("seed %llu: %zu entries of %d lines", (unsigned long long) seed, lines, writer.next);
        unlink(path_of(world, "fn.log"));
        for (int i = 0; i < writer.rotated; i++) {
            char name[32];
            snprintf(name, sizeof(name), "fn.log.%d", i);
            unlink(path_of(world, name));
        }
        poll_for(world, 3 * FOLLOW_AWAY_US);
        world->mark_count = 0;
        crash(world);
    }
}

int
main(void)
{
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FILE_TEST(lines_are_taken_once_as_the_file_grows),
        FILE_TEST(matrix_36_a_renamed_file_is_read_to_its_end),
        FILE_TEST(matrix_36_a_renamed_file_is_found_again_after_a_crash),
        FILE_TEST(matrix_36_a_truncated_file_is_reported_and_read_anew),
        FILE_TEST(matrix_36_a_file_that_grew_past_the_offset_after_truncation_is_noticed),
        FILE_TEST(what_a_truncation_leaves_of_a_writer_that_does_not_append_is_passed_over),
        FILE_TEST(matrix_36_a_deleted_file_is_read_to_its_end),
        FILE_TEST(matrix_36_a_file_that_vanished_unread_is_reported_once),
        FILE_TEST(matrix_36_another_file_in_the_same_inode_is_read_from_its_start),
        FILE_TEST(matrix_36_a_part_of_a_line_waits_for_the_rest),
        FILE_TEST(the_last_line_of_a_rotated_file_needs_no_end),
        FILE_TEST(a_line_that_is_too_long_is_rejected_once_however_it_arrives),
        FILE_TEST(a_full_owner_gets_the_rest_later_and_nothing_twice),
        FILE_TEST(lines_without_id_get_the_same_one_whenever_they_are_read),
        FILE_TEST(files_that_were_imported_go_on_behind_it_with_ids_of_their_own),
        FILE_TEST(a_csv_file_keeps_its_columns_over_a_restart),
        FILE_TEST(a_csv_file_with_an_unknown_column_is_left_alone),
        FILE_TEST(a_lambda_log_goes_on_with_the_time_of_the_line_before),
        FILE_TEST(new_files_that_fit_the_pattern_are_followed_and_compressed_ones_are_not),
        FILE_TEST(a_file_renamed_to_what_fits_as_well_is_the_same_file),
        FILE_TEST(matrix_36_files_that_came_and_were_renamed_unseen_are_read),
        FILE_TEST(matrix_36_a_copy_that_a_truncation_leaves_is_not_read),
        FILE_TEST(a_mark_is_stored_by_itself_when_no_batch_carries_it),
        FILE_TEST(matrix_36_whatever_happens_between_rotations_each_line_is_committed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
