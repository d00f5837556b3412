/* A worker that meters its own invocations over shared memory: emitting makes no system call.
 *
 *   cc -I. examples/worker.c -Lbuild/lib -l:libmillibill.a -lpthread -o build/worker
 *   build/worker RING_SOCKET TENANT [INVOCATIONS]        (RING_SOCKET: see `millibill status`)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/emitter/millibill.h" /* once installed: <millibill.h> */

enum { INVOCATIONS_DEFAULT = 1000, WORK = 20000 };

static int64_t
clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The function that the tenant deployed: something that takes a moment. */
static unsigned
handle_request(unsigned seed)
{
    for (int i = 0; i < WORK; i++)
        seed = seed * 1664525U + 1013904223U;
    return seed;
}

int
main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: worker RING_SOCKET TENANT [INVOCATIONS]\n");
        return 2;
    }
    long invocations = argc > 3 ? strtol(argv[3], NULL, 10) : INVOCATIONS_DEFAULT;
    Millibill *meter = millibill_open(argv[1]);
    if (meter == NULL) {
        perror("millibill_open");
        return 1;
    }
    int function = millibill_declare(meter, &(MillibillFunction){.tenant = argv[2],
                                                                 .function = "hash",
                                                                 .region = "us-east-1",
                                                                 .memory_mb = 256,
                                                                 .trigger = MILLIBILL_TRIGGER_HTTP});
    if (function < 0) {
        perror("millibill_declare");
        return 1;
    }
    if (millibill_reconnect(meter) != 0)
        fprintf(stderr, "worker: no agent at %s: invocations will be counted as lost\n", argv[1]);
    unsigned result = 1;
    for (long i = 0; i < invocations; i++) {
        MillibillInvocation done = MILLIBILL_INVOCATION_INIT; /* no request_id: the agent makes one */
        done.function = function;
        done.started_at_us = clock_us(CLOCK_REALTIME);
        int64_t start_us = clock_us(CLOCK_MONOTONIC);
        result = handle_request(result);
        done.duration_us = clock_us(CLOCK_MONOTONIC) - start_us;
        millibill_emit(meter, &done); /* never waits; what it cannot take is counted */
    }
    printf("%ld invocations, %llu lost (result %u)\n", invocations, (unsigned long long) millibill_lost(meter), result);
    millibill_close(meter);
    return 0;
}
