/* How fast executions at a time are counted, against libc's qsort of their start times: bench/concurrency [EXECUTIONS].
 *
 * The same executions of a month of 31 days come in no order, busier by day than by night, some of them for hours. Sweep and qsort run
 * in processes of their own, in turns because the machine may be shared: the best of each counts. Measured is everything
 * between the first execution and the report, the scratch file included; the memory is the process's greatest resident
 * size. Ends with 1 when the sweep is slower than qsort or takes more than 512 MB. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports/concurrency.h"

enum { EXECUTIONS = 100000000, TURNS = 2, DAYS = 31, MEMORY_KB_MAX = 512 << 10 };

typedef struct Random {
    uint64_t state;
} Random;

static uint64_t
next(Random *random)
{
    random->state = random->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random->state >> 20;
}

/* Offsets from the beginning of the month. */
static int64_t
make_start_us(Random *random)
{
    int64_t day = (int64_t) (next(random) % DAYS);
    int64_t one = (int64_t) (next(random) % (uint64_t) UTC_DAY_US);
    int64_t other = (int64_t) (next(random) % (uint64_t) UTC_DAY_US);
    return day * UTC_DAY_US + (one + other) / 2;
}

static int64_t
make_duration_us(Random *random)
{
    uint64_t draw = next(random);
    if (draw % 10000 == 0)
        return (int64_t) (draw % (uint64_t) (3 * UTC_HOUR_US));
    return (int64_t) (draw % (uint64_t) (2 * UTC_SECOND_US));
}

static int64_t
sweep_us(size_t count, int64_t *peak)
{
    Err err = {0};
    ConcurrencyReport report = {0};
    Random starts = {1};
    Random durations = {2};
    int64_t began_us = utc_monotonic_us();
    Concurrency *concurrency = concurrency_new(0, DAYS * UTC_DAY_US, &err);
    for (size_t i = 0; concurrency != NULL && i < count; i++)
        if (!concurrency_add(concurrency, make_start_us(&starts), make_duration_us(&durations), 128 << (i % 5), 100,
                             &err))
            exit(err_report(&err, "bench/concurrency"));
    if (concurrency == NULL || !concurrency_sweep(concurrency, &report, &err))
        exit(err_report(&err, "bench/concurrency"));
    *peak = report.peak.value;
    concurrency_report_clear(&report);
    concurrency_free(&concurrency);
    return utc_monotonic_us() - began_us;
}

static int
compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *) a;
    int64_t right = *(const int64_t *) b;
    return (left > right) - (left < right);
}

static int64_t
sort_us(size_t count, int64_t *middle)
{
    int64_t *starts = malloc(count * sizeof(*starts));
    if (starts == NULL)
        exit(1);
    Random random = {1};
    for (size_t i = 0; i < count; i++)
        starts[i] = make_start_us(&random);
    int64_t began_us = utc_monotonic_us();
    qsort(starts, count, sizeof(*starts), compare);
    int64_t took_us = utc_monotonic_us() - began_us;
    *middle = starts[count / 2];
    free(starts);
    return took_us;
}

typedef struct Measure {
    int64_t took_us;
    int64_t answer;
    int64_t memory_kb;
} Measure;

/* In a process of its own, whose greatest memory is that of this work alone. */
static Measure
measure(int64_t (*work)(size_t, int64_t *), size_t count)
{
    Measure result = {0};
    int ends[2];
    if (pipe(ends) != 0)
        exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        result.took_us = work(count, &result.answer);
        _exit(write(ends[1], &result, sizeof(result)) == (ssize_t) sizeof(result) ? 0 : 1);
    }
    struct rusage usage;
    int status = 0;
    bool read_all = pid > 0 && read(ends[0], &result, sizeof(result)) == (ssize_t) sizeof(result);
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || status != 0 || !read_all)
        exit(1);
    close(ends[0]);
    close(ends[1]);
    result.memory_kb = usage.ru_maxrss;
    return result;
}

int
main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : EXECUTIONS;
    Measure sweep = {.took_us = INT64_MAX};
    Measure sort = {.took_us = INT64_MAX};
    for (int turn = 0; count > 0 && turn < TURNS; turn++) {
        Measure now = measure(sweep_us, count);
        int64_t memory_kb = now.memory_kb > sweep.memory_kb ? now.memory_kb : sweep.memory_kb;
        sweep = now.took_us < sweep.took_us ? now : sweep;
        sweep.memory_kb = memory_kb;
        now = measure(sort_us, count);
        sort = now.took_us < sort.took_us ? now : sort;
    }
    int64_t percent = sweep.took_us * 100 / (sort.took_us > 0 ? sort.took_us : 1);
    printf("%zu executions, %" PRId64 " at most at a time: sweep %" PRId64 " ms with %" PRId64
           " MB, qsort of the starts %" PRId64 " ms: %" PRId64 ".%02" PRId64 " of its time\n",
           count, sweep.answer, sweep.took_us / 1000, sweep.memory_kb >> 10, sort.took_us / 1000, percent / 100,
           percent % 100);
    return percent <= 100 && sweep.memory_kb <= MEMORY_KB_MAX ? 0 : 1;
}
