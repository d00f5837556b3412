/* spool: whatever becomes of its file, opening never crashes, what comes out is what went in, and what is gone is reported.
 * MILLIBILL_EVERY_BYTE=1 tries every offset instead of some; an argument is a pattern for the names of tests to be run.
 *
 * Each processor has a process that goes through its part of the offsets, in a directory of its own. One that crashes is found
 * out by the offset that it had noted, and another goes on behind it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool_internal.h"
#include "proto/usage_batch.h"
#include "proto/wire.h"
#include "tests/unit/agent/support_spool.h"

enum {
    ACKNOWLEDGED = 1,
    BATCHES = 5,
    WAITING = BATCHES - ACKNOWLEDGED,
    LARGE_BYTES = 4200, /* two pages */
    SOUND = 0,
    NOT_OPENED = 10,
    CHANGED = 11,
    UNREPORTED = 12,
    OUT_OF_ORDER = 13,
    NOT_WRITABLE = 14,
    OPENED_TWICE_DIFFERS = 15,
    LOST_MORE = 16,
    FLIP_STEP = 113,
    CUT_STEP = 617,
    WORKERS_MAX = 16,
    CRASHED = 1000, /* and the signal */
    CASE_SECONDS = 120
};

typedef struct Original {
    char path[64];
    Buffer file;
    Buffer lock;
    int failures;
} Original;

/* What is done to the file at one offset. Returns the length that it is given, and how many batches come through at least. */
typedef size_t (*Damage)(Original *self, size_t at, int *least);

/* One process's part, in memory that it shares with its parent. */
typedef struct Part {
    size_t at; /* which offset it is at */
    int failures;
} Part;

/* In the place of the C library's: a file system that cannot take blocks beforehand. Millions of bytes of memory for each
 * offset would be most of the work here. */
int
fallocate(int fd, int mode, off_t offset, off_t length)
{
    (void) fd;
    (void) mode;
    (void) offset;
    (void) length;
    errno = EOPNOTSUPP;
    return -1;
}

/* The body of batch `key`: odd ones are large and have pages of their own. */
static void
make_body(uint64_t key, Buffer *out)
{
    Err err = {0};
    buffer_clear(out);
    assert_true(buffer_printf(out, &err, "batch %d ", (int) key));
    size_t length = key % 2 == 1 ? LARGE_BYTES : 100;
    for (size_t i = 0; out->length < length; i++)
        assert_true(buffer_printf(out, &err, "%zu,", i * key));
}

static void
name_of(char out[128], const Original *self, const char *name)
{
    snprintf(out, 128, "%s/%s", self->path, name);
}

static void
read_original(Original *self)
{
    char name[128];
    Err err = {0};
    name_of(name, self, "data.mdb");
    assert_true(file_read(name, 1 << 24, &self->file, &err));
    name_of(name, self, "owner.lock");
    assert_true(file_read(name, 1 << 10, &self->lock, &err));
}

static void
make_spool(Original *self)
{
    Err err = {0};
    Spool *spool = spool_open(self->path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
    assert_non_null(spool);
    Buffer body = {0};
    uint64_t key;
    for (uint64_t i = 1; i <= BATCHES; i++) {
        make_body(i, &body);
        assert_true(spool_append_counted(spool, buffer_text(&body), 10 * i, &key, &err));
        if (i == ACKNOWLEDGED + 1) {
            assert_true(spool_commit(spool, true, &err));
            spool_acknowledge(spool, ACKNOWLEDGED);
        }
        if (i > ACKNOWLEDGED)
            assert_true(spool_commit(spool, true, &err));
    }
    buffer_free(&body);
    spool_free(&spool);
}

static int
set_up(void **state)
{
    Original *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    snprintf(self->path, sizeof(self->path),
             "/dev/shm/test_damage.XXXXXX"); /* thousands of fsyncs: none waits for a disk */
    assert_non_null(mkdtemp(self->path));
    make_spool(self);
    read_original(self);
    *state = self;
    return 0;
}

static void
empty_directory(const Original *self)
{
    DIR *directory = opendir(self->path);
    assert_non_null(directory);
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        (void) unlinkat(dirfd(directory), entry->d_name, 0);
    (void) closedir(directory);
}

static int
tear_down(void **state)
{
    Original *self = *state;
    empty_directory(self);
    rmdir(self->path);
    buffer_free(&self->file);
    buffer_free(&self->lock);
    free(self);
    return 0;
}

static bool
is_notice(const Buffer *value)
{
    Err err = {0};
    bool lost = false;
    Millibill__Batch *batch = millibill__batch__unpack(NULL, value->length, (const uint8_t *) value->data);
    if (batch == NULL)
        return false;
    UsageBatch *usage = usage_batch_unpack(batch->payload.data, batch->payload.len, &err);
    if (usage != NULL && usage_batch_losses(usage) == 1) {
        UsageLoss loss;
        usage_batch_loss_at(usage, 0, &loss);
        lost = text_is(loss.reason, "spool_damaged");
    }
    usage_batch_free(&usage);
    millibill__batch__free_unpacked(batch, NULL);
    return lost;
}

/* Everything that comes out is an original under its own key, or reported; at least `least` come out whole. */
static int
drain(Spool *spool, int least)
{
    bool whole[BATCHES + 1] = {false};
    bool reported[BATCHES + 1] = {false};
    bool rest_reported = false;
    Buffer value = {0};
    Buffer body = {0};
    for (uint64_t key = spool_first(spool); key <= spool_last(spool); key++) {
        Err err = {0};
        if (!spool_read(spool, key, &value, &err)) {
            if (err.code != ERR_CORRUPT)
                return OUT_OF_ORDER;
            if (key <= BATCHES) /* set aside and reported when its turn comes */
                reported[key] = true;
        } else if (is_notice(&value)) {
            rest_reported = true;
            if (key <= BATCHES)
                reported[key] = true;
        } else {
            if (key > BATCHES)
                return CHANGED;
            make_body(key, &body);
            if (!text_equal(buffer_text(&body), buffer_text(&value)))
                return CHANGED;
            whole[key] = true;
        }
    }
    buffer_free(&value);
    buffer_free(&body);
    for (uint64_t key = ACKNOWLEDGED + 1; key <= BATCHES; key++)
        if (!whole[key] && !reported[key] && !rest_reported)
            return UNREPORTED;
    int count = 0;
    for (uint64_t key = ACKNOWLEDGED + 1; key <= BATCHES; key++)
        count += whole[key];
    return count < least ? LOST_MORE : SOUND;
}

/* In a child: open, read all, write, acknowledge, open again. */
static int
use(const char *path, int least)
{
    Err err = {0};
    Spool *spool = spool_open(path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
    if (spool == NULL) {
        printf("%s\n", err.message);
        return NOT_OPENED;
    }
    int result = drain(spool, least);
    uint64_t key;
    uint64_t before = spool_last(spool);
    if (result == SOUND && (!spool_append(spool, text_of("one more"), &key, &err) || !spool_commit(spool, true, &err) ||
                            key != before + 1))
        result = NOT_WRITABLE;
    uint64_t first = spool_first(spool);
    spool_free(&spool);
    if (result != SOUND) {
        printf("%s\n", err.message);
        return result;
    }
    spool = spool_open(path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
    if (spool == NULL || spool_first(spool) != first || spool_last(spool) != before + 1)
        return OPENED_TWICE_DIFFERS;
    spool_acknowledge(spool, before + 1);
    spool_retain(spool, 0);
    if (!spool_commit(spool, true, &err))
        return NOT_WRITABLE;
    spool_free(&spool);
    return SOUND;
}

/* First thing in a child. */
static void
be_quiet_and_mortal(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        (void) signal(crashes[i], SIG_DFL); /* cmocka would catch them and go on in the child */
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void) dup2(nowhere, STDERR_FILENO);
    (void) close(nowhere);
    (void) alarm(CASE_SECONDS);
}

static int
status_of(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : CRASHED + WTERMSIG(status);
}

static int
run_child(const Original *self, int least)
{
    pid_t child = fork();
    if (child == 0) {
        be_quiet_and_mortal();
        int result = use(self->path, least);
        fflush(stdout);
        _exit(result);
    }
    return status_of(child);
}

static void
write_file(const Original *self, const char *name, const char *bytes, size_t length)
{
    char path[128];
    name_of(path, self, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
}

/* The file with a length of `length`, as it stands in memory now. */
static void
lay_out(const Original *self, size_t length)
{
    empty_directory(self);
    write_file(self, "owner.lock", self->lock.data, self->lock.length);
    write_file(self, "data.mdb", self->file.data, length);
}

/* In a child: every `stride`th offset from `at` to `end`. */
static _Noreturn void
run_part(Original *self, Damage damage, size_t at, size_t end, size_t stride, Part *part)
{
    be_quiet_and_mortal();
    for (; at < end; at += stride) {
        int least = 0;
        part->at = at;
        (void) alarm(CASE_SECONDS);
        char before = self->file.data[at];
        lay_out(self, damage(self, at, &least));
        int result = use(self->path, least);
        self->file.data[at] = before;
        if (result != SOUND)
            printf("# at offset %zu of %zu: result %d\n", at, self->file.length, result);
        part->failures += result != SOUND;
    }
    fflush(stdout);
    _exit(0);
}

/* The process of a part, starting at `at`, in a directory of its own. */
static pid_t
start_part(const Original *self, int number, Damage damage, size_t at, size_t end, size_t stride, Part *part)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    Original own = *self;
    snprintf(own.path, sizeof(own.path), "%.40s/%d", self->path, number);
    (void) mkdir(own.path, 0700);
    run_part(&own, damage, at, end, stride, part);
}

static int
processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : (int) count;
}

/* Try every `step`th offset from `start` to `end`. */
static void
try_each(Original *self, Damage damage, size_t start, size_t end, size_t step)
{
    const int workers = processors();
    const size_t stride = step * (size_t) workers;
    pid_t children[WORKERS_MAX];
    Part *parts = mmap(NULL, WORKERS_MAX * sizeof(*parts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(parts != MAP_FAILED);
    fflush(stdout);
    for (int i = 0; i < workers; i++)
        children[i] = start_part(self, i, damage, start + step * (size_t) i, end, stride, &parts[i]);
    for (int i = 0; i < workers; i++) {
        for (int status; (status = status_of(children[i])) != 0; self->failures++) {
            print_error("at offset %zu of %zu: result %d\n", parts[i].at, self->file.length, status);
            children[i] = start_part(self, i, damage, parts[i].at + stride, end, stride, &parts[i]);
        }
        self->failures += parts[i].failures;
    }
    (void) munmap(parts, WORKERS_MAX * sizeof(*parts));
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'/*", self->path);
    assert_int_equal(system(command), 0);
}

static size_t
step(size_t usual)
{
    return getenv("MILLIBILL_EVERY_BYTE") != NULL ? 1 : usual;
}

static void
an_undamaged_file_keeps_everything(void **state)
{
    const Original *self = *state;
    lay_out(self, self->file.length);
    assert_int_equal(run_child(self, WAITING), SOUND);
    char kept[160];
    snprintf(kept, sizeof(kept), "ls '%s' | grep -q damaged", self->path);
    assert_int_not_equal(system(kept), 0);
}

static size_t
cut_there(Original *self, size_t at, int *least)
{
    *least = at + 4096 >= self->file.length ? 1 : 0;
    return at;
}

static void
matrix_28_a_file_cut_anywhere_opens_and_reports_what_is_gone(void **state)
{
    Original *self = *state;
    try_each(self, cut_there, 0, self->file.length, step(CUT_STEP));
    assert_int_equal(self->failures, 0);
}

static size_t
change_a_bit(Original *self, size_t at, int *least)
{
    self->file.data[at] = (char) (self->file.data[at] ^ (1 << at % 8));
    *least = WAITING - 1; /* what stands there may be hit itself */
    return self->file.length;
}

static void
matrix_29_a_changed_byte_anywhere_is_survived_and_reported(void **state)
{
    Original *self = *state;
    try_each(self, change_a_bit, 0, self->file.length, step(FLIP_STEP));
    assert_int_equal(self->failures, 0);
}

static size_t
change_a_head(Original *self, size_t at, int *least)
{
    self->file.data[at] = (char) (self->file.data[at] ^ 0x10);
    *least = WAITING;
    return self->file.length;
}

/* The first pages carry what leads to all others: there every byte counts. */
static void
matrix_29_a_changed_byte_in_the_head_is_survived_and_reported(void **state)
{
    Original *self = *state;
    for (size_t page = 0; page < 2; page++) {
        try_each(self, change_a_head, page * 4096, page * 4096 + 160, 1);
        try_each(self, change_a_bit, page * 4096, page * 4096 + 160, 1);
    }
    assert_int_equal(self->failures, 0);
}

/* What a page says of itself is not read until it is changed. */
static void
matrix_29_a_changed_byte_at_the_start_of_any_page_is_survived_and_reported(void **state)
{
    Original *self = *state;
    for (size_t page = 2 * 4096; page < self->file.length; page += 4096)
        try_each(self, change_a_bit, page, page + 24, 1);
    assert_int_equal(self->failures, 0);
}

static void
matrix_29_a_missing_file_is_reported(void **state)
{
    const Original *self = *state;
    empty_directory(self);
    write_file(self, "owner.lock", self->lock.data, self->lock.length);
    assert_int_equal(run_child(self, 0), SOUND);
}

static void
matrix_29_garbage_is_survived_and_reported(void **state)
{
    const Original *self = *state;
    char *garbage = malloc(self->file.length);
    assert_non_null(garbage);
    for (size_t i = 0; i < self->file.length; i++)
        garbage[i] = (char) (i * 2654435761u >> 13);
    empty_directory(self);
    write_file(self, "owner.lock", self->lock.data, self->lock.length);
    write_file(self, "data.mdb", garbage, self->file.length);
    assert_int_equal(run_child(self, 0), SOUND);
    free(garbage);
}

int
main(int argc, char **argv)
{
#define DAMAGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        DAMAGE_TEST(an_undamaged_file_keeps_everything),
        DAMAGE_TEST(matrix_28_a_file_cut_anywhere_opens_and_reports_what_is_gone),
        DAMAGE_TEST(matrix_29_a_changed_byte_anywhere_is_survived_and_reported),
        DAMAGE_TEST(matrix_29_a_changed_byte_in_the_head_is_survived_and_reported),
        DAMAGE_TEST(matrix_29_a_changed_byte_at_the_start_of_any_page_is_survived_and_reported),
        DAMAGE_TEST(matrix_29_a_missing_file_is_reported),
        DAMAGE_TEST(matrix_29_garbage_is_survived_and_reported),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
