/* How fast duplicates are found, against `sort -u` of the same ids: bench/duplicates [IDS].
 *
 * Both look at the same request ids (32 hex digits each, one in a thousand twice). Measured are the keyed hash of the
 * identity, gathering and the search, which is what the finder does for a record besides reading it. The turns alternate,
 * because the machine may be shared; the best of each counts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/digest.h"
#include "lib/utc.h"
#include "schema/sight_set.h"

enum { IDS = 4000000, ID_BYTES = 32, TURNS = 3, TWICE_EVERY = 1000 };

static void
make_ids(char *ids, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t random = 1;
    for (size_t i = 0; i < count; i++) {
        char *id = ids + i * (ID_BYTES + 1);
        if (i % TWICE_EVERY == TWICE_EVERY - 1)
            memcpy(id, ids, ID_BYTES);
        else
            for (size_t digit = 0; digit < ID_BYTES; digit++) {
                random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                id[digit] = digits[random >> 60];
            }
        id[ID_BYTES] = '\n';
    }
}

static int64_t
find_us(const char *ids, size_t count, size_t *shared_count)
{
    int64_t start_us = utc_monotonic_us();
    Err err = {0};
    HashKey key;
    Sight *shared = NULL;
    random_bytes(&key, sizeof key);
    SightSet *set = sight_set_new(&err);
    UsageRecord record = usage_record_empty();
    for (size_t i = 0; set != NULL && i < count; i++) {
        Sight sight = {.segment = (uint32_t) (i / 8192), .ordinal = (uint32_t) (i % 8192)};
        record.request_id = (Text){ids + i * (ID_BYTES + 1), ID_BYTES};
        duplicates_identity(&record, &key, sight.identity);
        if (!sight_set_add(set, &sight, &err))
            exit(err_report(&err, "bench/duplicates"));
    }
    if (set == NULL || !sight_set_take_shared(set, &shared, shared_count, &err))
        exit(err_report(&err, "bench/duplicates"));
    free(shared);
    sight_set_free(&set);
    return utc_monotonic_us() - start_us;
}

static int64_t
sort_us(const char *path)
{
    int64_t start_us = utc_monotonic_us();
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sort", "sort", "-u", "-S", "2G", "--parallel=1", "-o", "/dev/null", path, (char *) NULL);
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        exit(1);
    return utc_monotonic_us() - start_us;
}

typedef struct Times {
    int64_t finder_us;
    int64_t sort_us;
    size_t shared;
} Times;

static Times
measure(const char *ids, size_t count, const char *path)
{
    Times best = {INT64_MAX, INT64_MAX, 0};
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t us = find_us(ids, count, &best.shared);
        best.finder_us = us < best.finder_us ? us : best.finder_us;
        us = sort_us(path);
        best.sort_us = us < best.sort_us ? us : best.sort_us;
    }
    return best;
}

int
main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : IDS;
    char path[] = "/tmp/millibill-bench-XXXXXX";
    size_t bytes = count * (ID_BYTES + 1);
    char *ids = count < TWICE_EVERY ? NULL : malloc(bytes);
    int fd = ids == NULL ? -1 : mkstemp(path);
    bool ready = fd >= 0;
    if (ready) {
        make_ids(ids, count);
        ready = setenv("LC_ALL", "C", 1) == 0 && write(fd, ids, bytes) == (ssize_t) bytes;
    }
    if (ready) {
        Times best = measure(ids, count, path);
        int64_t tenths = best.sort_us * 10 / best.finder_us;
        printf("%zu ids, %zu of them shared: finder %" PRId64 " ids a ms, sort -u %" PRId64 " ids a ms, %" PRId64
               ".%01" PRId64 " times as fast\n",
               count, best.shared, (int64_t) count * 1000 / best.finder_us, (int64_t) count * 1000 / best.sort_us,
               tenths / 10, tenths % 10);
    }
    if (fd >= 0) {
        (void) close(fd);
        (void) unlink(path);
    }
    free(ids);
    return ready ? 0 : 1;
}
