#include "collector/metrics_process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/utc.h"

static bool
sample(Buffer *out, const char *name, const char *type, const char *help, int64_t number, Err *err)
{
    return buffer_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n%s %" PRId64 "\n", name, help, name, type, name,
                         number);
}

static bool
sample_seconds(Buffer *out, const char *name, const char *type, const char *help, int64_t us, Err *err)
{
    return buffer_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n%s %" PRId64 ".%06" PRId64 "\n", name, help, name, type,
                         name, us / UTC_SECOND_US, us % UTC_SECOND_US);
}

static int64_t
resident_bytes(void)
{
    char line[128]; /* "total resident shared ...", in pages */
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    const char *second = fgets(line, sizeof line, file) == NULL ? NULL : strchr(line, ' ');
    fclose(file);
    return second == NULL ? 0 : (int64_t) strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE);
}

static int64_t
open_descriptors(void)
{
    int64_t count = -3; /* ., .. and the directory itself */
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static int64_t
time_us(struct timeval time)
{
    return (int64_t) time.tv_sec * UTC_SECOND_US + time.tv_usec;
}

MUST_CHECK bool
metrics_process(Buffer *out, int64_t started_at_us, Err *err)
{
    struct rusage used = {0};
    struct rlimit files = {0};
    getrusage(RUSAGE_SELF, &used);
    getrlimit(RLIMIT_NOFILE, &files);
    return sample_seconds(out, "process_start_time_seconds", "gauge", "When the process started", started_at_us, err) &&
           sample_seconds(out, "process_cpu_seconds_total", "counter", "CPU time, user and system",
                          time_us(used.ru_utime) + time_us(used.ru_stime), err) &&
           sample(out, "process_resident_memory_bytes", "gauge", "Resident memory", resident_bytes(), err) &&
           sample(out, "process_open_fds", "gauge", "Open descriptors", open_descriptors(), err) &&
           sample(out, "process_max_fds", "gauge", "Descriptors that may be open", (int64_t) files.rlim_cur, err);
}
