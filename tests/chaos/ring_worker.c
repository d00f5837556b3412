/* A worker of the chaos run: emits over shared memory and keeps its journal where it survives SIGKILL.
 *
 *   ring_worker RING_SOCKET JOURNAL SOURCE TENANT RECORDS_PER_SECOND
 *
 * JOURNAL is a file of one byte for each record (0 not emitted, 1 trying, 2 accepted, 3 lost), mapped shared, so that what the
 * emitter answered is known of a killed worker too. Ids and facts are those of tests/faults/journal.py. Ends at SIGTERM or
 * when the file is full; prints how many it lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/emitter/millibill.h"

enum { TRYING = 1, ACCEPTED = 2, LOST = 3, FUNCTIONS = 20, BURST_MS = 20, CONNECT_TRIES = 600, CONNECT_WAIT_MS = 100 };

static volatile sig_atomic_t ended;

static void
on_signal(int number)
{
    (void) number;
    ended = 1;
}

static void
pause_ms(long milliseconds)
{
    const struct timespec pause = {milliseconds / 1000, (milliseconds % 1000) * 1000000};
    (void) nanosleep(&pause, NULL);
}

static int64_t
now_us(void)
{
    struct timespec now;
    (void) clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* One for each pair of name and memory: record i uses number i % 20. */
static int
declare_all(Millibill *meter, const char *tenant)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        char name[32];
        (void) snprintf(name, sizeof(name), "ring-%d", i % 5);
        const MillibillFunction function = {
            .tenant = tenant, .function = name, .region = "us-east-1", .memory_mb = 128U << i % 4};
        if (millibill_declare(meter, &function) != i)
            return -1;
    }
    return 0;
}

static int
emit(Millibill *meter, uint64_t source, uint64_t index)
{
    char id[64];
    if (index % 2 == 1)
        (void) snprintf(id, sizeof(id), "%08" PRIx64 "-0000-4000-8000-%012" PRIx64, source, index);
    else
        (void) snprintf(id, sizeof(id), "%" PRIu64 "-%" PRIu64, source, index);
    MillibillInvocation done = MILLIBILL_INVOCATION_INIT;
    done.function = (int) (index % FUNCTIONS);
    done.request_id = id;
    done.started_at_us = now_us();
    done.duration_us = (int64_t) (index * 7919 % 100003 + 1);
    return millibill_emit(meter, &done);
}

static volatile uint8_t *
journal_map(const char *path, size_t *records)
{
    struct stat status;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return NULL;
    *records = (size_t) status.st_size;
    void *map = mmap(NULL, *records, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void) close(fd);
    return map == MAP_FAILED ? NULL : map;
}

static void
work(Millibill *meter, volatile uint8_t *journal, size_t records, uint64_t source, long per_second)
{
    size_t burst = (size_t) (per_second * BURST_MS / 1000) + 1;
    int64_t reconnect_us = 0;
    for (size_t i = 0; i < records && !ended; i++) {
        journal[i] = TRYING;
        journal[i] = emit(meter, source, i) == 0 ? ACCEPTED : LOST;
        if (i % burst == burst - 1)
            pause_ms((long) burst * 1000 / per_second);
        if (now_us() - reconnect_us > 200000) {
            (void) millibill_reconnect(meter);
            reconnect_us = now_us();
        }
    }
}

int
main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: ring_worker RING_SOCKET JOURNAL SOURCE TENANT RECORDS_PER_SECOND\n");
        return 2;
    }
    size_t records = 0;
    volatile uint8_t *journal = journal_map(argv[2], &records);
    Millibill *meter = millibill_open(argv[1]);
    if (journal == NULL || meter == NULL || declare_all(meter, argv[4]) != 0) {
        fprintf(stderr, "ring_worker: cannot start: %s\n", strerror(errno));
        return 1;
    }
    (void) signal(SIGTERM, on_signal);
    for (int i = 0; i < CONNECT_TRIES && !ended && millibill_reconnect(meter) != 0; i++)
        pause_ms(CONNECT_WAIT_MS);
    work(meter, journal, records, strtoull(argv[3], NULL, 10), strtol(argv[5], NULL, 10));
    for (int i = 0; i < CONNECT_TRIES && millibill_reconnect(meter) != 0; i++)
        pause_ms(CONNECT_WAIT_MS); /* so that an agent has what is left */
    printf("%" PRIu64 " lost\n", millibill_lost(meter));
    millibill_close(meter);
    return 0;
}
