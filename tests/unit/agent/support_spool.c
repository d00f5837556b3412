#include "tests/unit/agent/support_spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/spool_internal.h"

int
support_set_up(void **state)
{
    SpoolFixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->path, sizeof(fixture->path), "/dev/shm/test_spool.XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    Err err = {0};
    fixture->spool = spool_open(fixture->path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
    assert_non_null(fixture->spool);
    *state = fixture;
    return 0;
}

static void
remove_files(const char *path)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        (void) unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
}

void
support_empty(const SpoolFixture *fixture)
{
    remove_files(fixture->path);
}

void
support_remove(const char *path)
{
    remove_files(path);
    assert_int_equal(rmdir(path), 0);
}

int
support_tear_down(void **state)
{
    SpoolFixture *fixture = *state;
    spool_free(&fixture->spool);
    support_remove(fixture->path);
    free(fixture);
    return 0;
}

void
support_reopen(SpoolFixture *fixture, int64_t now_us)
{
    Err err = {0};
    spool_free(&fixture->spool);
    fixture->spool = spool_open(fixture->path, SPOOL_TEST_MAX_MB, now_us, &err);
    assert_string_equal(err.message, "");
    assert_non_null(fixture->spool);
}

uint64_t
support_file_bytes(const SpoolFixture *fixture)
{
    char name[96];
    struct stat file;
    snprintf(name, sizeof(name), "%s/data.mdb", fixture->path);
    assert_int_equal(stat(name, &file), 0);
    return (uint64_t) file.st_size;
}

size_t
support_commits(const Spool *spool)
{
    MDB_envinfo info;
    assert_int_equal(mdb_env_info(spool->env, &info), 0);
    return info.me_last_txnid;
}

uint64_t
support_append(Spool *spool, const char *text)
{
    Err err = {0};
    uint64_t key = 0;
    assert_true(spool_append(spool, text_of(text), &key, &err));
    return key;
}

void
support_commit(Spool *spool)
{
    Err err = {0};
    assert_true(spool_commit(spool, true, &err));
}

void
support_assert_batch(Spool *spool, uint64_t key, const char *expected)
{
    Err err = {0};
    Buffer value = {0};
    assert_true(spool_read(spool, key, &value, &err));
    assert_true(text_is(buffer_text(&value), expected));
    buffer_free(&value);
}

void
support_damage(const SpoolFixture *fixture, const char *pattern, size_t offset)
{
    char name[96];
    Err err = {0};
    Buffer file = {0};
    assert_null(fixture->spool);
    snprintf(name, sizeof(name), "%s/data.mdb", fixture->path);
    assert_true(file_read(name, 1 << 26, &file, &err));
    char *at = memmem(file.data, file.length, pattern, strlen(pattern));
    assert_non_null(at);
    const char changed = (char) (at[offset] ^ 1);
    int fd = open(name, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, &changed, 1, at - file.data + (off_t) offset), 1);
    close(fd);
    buffer_free(&file);
}
