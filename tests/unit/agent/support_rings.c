#include "tests/unit/agent/support_rings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/packer.h"
#include "agent/source_ring.h"
#include "agent/spool.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "proto/usage_batch.h"
#include "proto/wire.h"

enum { RECORDS_MAX = 1000, INTERVAL_US = 10000, PATIENCE_S = 120, FIRST_PASSED = 3, OUT_OF_THE_WAY = 200 };

static void
pause_ms(long milliseconds)
{
    const struct timespec pause = {milliseconds / 1000, (milliseconds % 1000) * 1000000};
    (void) nanosleep(&pause, NULL);
}

Stage *
stage_new(void)
{
    Stage *self = calloc(1, sizeof(*self));
    const int yes = 1;
    assert_non_null(self);
    (void) snprintf(self->folder, sizeof(self->folder), "/tmp/mb-rings-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    (void) snprintf(self->socket, sizeof(self->socket), "%s/ring.sock", self->folder);
    (void) snprintf(self->notify, sizeof(self->notify), "%s/notify.sock", self->folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, self->notify, strlen(self->notify));
    self->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(self->manager, (struct sockaddr *) &address, sizeof(address)), 0);
    assert_int_equal(setsockopt(self->manager, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)), 0);
    return self;
}

static void
close_kept(Stage *self, const char *name)
{
    size_t left = 0;
    for (size_t i = 0; i < self->kept_count; i++) {
        if (name != NULL && strcmp(self->kept[i].name, name) != 0)
            self->kept[left++] = self->kept[i];
        else
            (void) close(self->kept[i].fd);
    }
    self->kept_count = left;
}

void
stage_free(Stage *self)
{
    static const char *const names[] = {"spool/data.mdb", "spool/lock.mdb", "spool/owner.lock", "ring.sock",
                                        "notify.sock"};
    char path[128];
    close_kept(self, NULL);
    (void) close(self->manager);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void) snprintf(path, sizeof(path), "%s/%s", self->folder, names[i]);
        (void) unlink(path);
    }
    (void) snprintf(path, sizeof(path), "%s/spool", self->folder);
    (void) rmdir(path);
    (void) rmdir(self->folder);
    free(self);
}

static void
keep(Stage *self, const char *name, struct msghdr *message)
{
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
        if (control->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            assert_true(self->kept_count < STAGE_KEPT_MAX);
            Kept *kept = &self->kept[self->kept_count++];
            memcpy(&kept->fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
            (void) snprintf(kept->name, sizeof(kept->name), "%s", name);
        }
    }
}

void
stage_listen(Stage *self)
{
    for (;;) {
        char text[512] = "";
        char control[256];
        char name[64] = "";
        struct iovec part = {text, sizeof(text) - 1};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
        if (recvmsg(self->manager, &message, MSG_CMSG_CLOEXEC) <= 0)
            return;
        const char *named = strstr(text, "FDNAME=");
        if (named != NULL)
            assert_int_equal(sscanf(named, "FDNAME=%63s", name), 1);
        if (strncmp(text, "FDSTORE=1\n", 10) == 0) {
            keep(self, name, &message);
        } else if (strncmp(text, "FDSTOREREMOVE=1\n", 16) == 0) {
            close_kept(self, name);
            self->removed++;
        }
    }
}

int
stage_wait(Stage *self, pid_t pid)
{
    int status = 0;
    for (int64_t until_us = utc_monotonic_us() + PATIENCE_S * INT64_C(1000000); utc_monotonic_us() < until_us;) {
        stage_listen(self);
        if (waitpid(pid, &status, WNOHANG) == pid) {
            stage_listen(self);
            return status;
        }
        pause_ms(2);
    }
    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);
    fail_msg("process %d did not end", (int) pid);
    return -1;
}

void
stage_kill(Stage *self, pid_t pid)
{
    (void) kill(pid, SIGKILL);
    (void) stage_wait(self, pid);
}

/* --- an agent */

static void
pass_descriptors(const Stage *stage)
{
    char number[16];
    char names[STAGE_KEPT_MAX * 64] = "";
    int moved[STAGE_KEPT_MAX];
    for (size_t i = 0; i < stage->kept_count; i++)
        moved[i] = fcntl(stage->kept[i].fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
    for (size_t i = 0; i < stage->kept_count; i++) {
        size_t length = strlen(names);
        (void) dup2(moved[i], FIRST_PASSED + (int) i);
        (void) snprintf(names + length, sizeof(names) - length, "%s%s", i == 0 ? "" : ":", stage->kept[i].name);
    }
    (void) snprintf(number, sizeof(number), "%d", (int) getpid());
    (void) setenv("LISTEN_PID", number, 1);
    (void) snprintf(number, sizeof(number), "%zu", stage->kept_count);
    (void) setenv("LISTEN_FDS", number, 1);
    (void) setenv("LISTEN_FDNAMES", names, 1);
    (void) setenv("NOTIFY_SOCKET", stage->notify, 1);
}

static void
need(bool done, const Err *err)
{
    if (!done) {
        (void) err_report(err, "test agent");
        _exit(9);
    }
}

static _Noreturn void
agent_run(const Stage *stage, AgentEnd end, int ready)
{
    char path[128];
    Err err = {0};
    static Config config;
    (void) snprintf(path, sizeof(path), "%s/spool", stage->folder);
    if (stage->bound_tenant != NULL) {
        config.binding_count = 1;
        (void) snprintf(config.bindings[0].tenant, sizeof(config.bindings[0].tenant), "%s", stage->bound_tenant);
    }
    Keeper *keeper = keeper_open(&err);
    need(keeper != NULL, &err);
    Loop *loop = loop_new(&err);
    need(loop != NULL, &err);
    Spool *spool = spool_open(path, 64, utc_now_us(), &err);
    need(spool != NULL, &err);
    Bindings *bindings = bindings_new(&config, &err);
    need(bindings != NULL, &err);
    Packer *packer = packer_new(spool, "ring", stage->socket, RECORDS_MAX, INTERVAL_US, &err);
    need(packer != NULL, &err);
    const SourceRingParts parts = {loop, packer, spool, keeper, bindings};
    SourceRing *source = source_ring_open(stage->socket, parts, &err);
    need(source != NULL, &err);
    need(write(ready, "r", 1) == 1, &err);
    for (uint64_t generation = 0;;) {
        need(loop_turn(loop, 2, &err), &err);
        int64_t now_us = utc_monotonic_us();
        need(source_ring_poll(source, now_us, &err), &err);
        need(now_us < packer_due_us(packer) || packer_flush(packer, &err), &err);
        bool has_batch = packer_generation(packer) != generation;
        generation = packer_generation(packer);
        if (has_batch && end == AGENT_DIES_BEFORE_COMMIT)
            (void) kill(getpid(), SIGKILL);
        if (spool_is_staged(spool)) {
            need(spool_commit(spool, false, &err), &err);
            if (has_batch && end == AGENT_DIES_AFTER_COMMIT)
                (void) kill(getpid(), SIGKILL);
            source_ring_committed(source);
        }
        if (end == AGENT_ENDS_EMPTY && source_ring_due_us(source) == INT64_MAX)
            _exit(0);
    }
}

pid_t
stage_agent(Stage *self, AgentEnd end)
{
    int ready[2];
    char byte;
    stage_listen(self);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        int place = fcntl(ready[1], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
        pass_descriptors(self);
        log_start("test", LOG_LEVEL_ERROR);
        agent_run(self, end, place);
    }
    (void) close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void) close(ready[0]);
    return pid;
}

/* --- what is in the spool */

static void
copy_text(Text text, char out[32])
{
    (void) snprintf(out, 32, "%.*s", (int) text.length, text.data == NULL ? "" : text.data);
}

static void
find_batch(Found *found, const UsageBatch *batch)
{
    for (size_t i = 0; i < usage_batch_records(batch); i++) {
        UsageRecord record;
        char id[32];
        int number;
        usage_batch_record(batch, i, &record);
        copy_text(record.request_id, id);
        found->records++;
        if (sscanf(id, "w-%d", &number) != 1)
            continue;
        assert_in_range(number, 0, STAGE_IDS_MAX - 1);
        found->distinct += found->seen[number] == 0;
        found->twice += found->seen[number]++ == 1;
    }
    for (size_t i = 0; i < usage_batch_rejected(batch); i++) {
        UsageRejected rejected;
        usage_batch_rejected_at(batch, i, &rejected);
        found->rejected++;
        copy_text(rejected.reason, found->rejected_reason);
        copy_text(rejected.tenant, found->rejected_tenant);
    }
    for (size_t i = 0; i < usage_batch_losses(batch); i++) {
        UsageLoss loss;
        usage_batch_loss_at(batch, i, &loss);
        assert_true(found->losses < STAGE_LOSSES_MAX);
        copy_text(loss.reason, found->loss[found->losses].reason);
        copy_text(loss.tenant, found->loss[found->losses].tenant);
        found->loss[found->losses++].records = loss.records;
        found->lost += loss.records;
    }
}

Found *
stage_found(const Stage *self)
{
    char path[128];
    Err err = {0};
    Found *found = calloc(1, sizeof(*found));
    Buffer value = {0};
    (void) snprintf(path, sizeof(path), "%s/spool", self->folder);
    Spool *spool = spool_open(path, 64, utc_now_us(), &err);
    assert_non_null(found);
    assert_non_null(spool);
    for (uint64_t key = spool_first(spool); key <= spool_last(spool); key++) {
        assert_true(spool_read(spool, key, &value, &err));
        Millibill__Batch *message = millibill__batch__unpack(NULL, value.length, (const uint8_t *) value.data);
        assert_non_null(message);
        UsageBatch *batch = usage_batch_unpack(message->payload.data, message->payload.len, &err);
        assert_non_null(batch);
        find_batch(found, batch);
        usage_batch_free(&batch);
        millibill__batch__free_unpacked(message, NULL);
    }
    buffer_free(&value);
    spool_free(&spool);
    return found;
}

uint64_t
found_lost(const Found *self, const char *reason)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < self->losses; i++)
        lost += strcmp(self->loss[i].reason, reason) == 0 ? self->loss[i].records : 0;
    return lost;
}

/* --- a worker */

Millibill *
worker_start(const Stage *stage, const char *tenant)
{
    Millibill *meter = millibill_open(stage->socket);
    if (meter == NULL ||
        millibill_declare(meter, &(MillibillFunction){.tenant = tenant, .function = "thumb", .memory_mb = 128}) != 0 ||
        millibill_reconnect(meter) != 0)
        _exit(8);
    return meter;
}

int
worker_emit(Millibill *meter, int number)
{
    char id[16];
    MillibillInvocation done = MILLIBILL_INVOCATION_INIT;
    (void) snprintf(id, sizeof(id), "w-%d", number);
    done.function = 0;
    done.request_id = id;
    done.started_at_us = INT64_C(1790000000000000) + number;
    done.duration_us = number;
    return millibill_emit(meter, &done);
}

RingMemory *
worker_ring(void)
{
    char line[512];
    void *found = NULL;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
        if (strstr(line, "/memfd:millibill-ring") != NULL)
            (void) sscanf(line, "%p", &found);
    if (maps != NULL)
        (void) fclose(maps);
    if (found == NULL)
        _exit(7);
    return found;
}

void
worker_begin(RingMemory *ring, uint64_t position)
{
    atomic_store(&ring->header.begun, position + 1);
    RingSlot *slot = &ring->slots[position % RING_SLOTS];
    slot->started_at_us = 1;
    slot->request_id_length = 77;
}
