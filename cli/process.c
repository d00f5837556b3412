#include "cli/process.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/text.h"
#include "lib/utc.h"

enum { PID_FILE_BYTES_MAX = 4096 };

static bool
boot_id_read(char out[40])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file == NULL)
        return false;
    bool done = fgets(out, 40, file) != NULL;
    (void) fclose(file);
    out[strcspn(out, "\n")] = '\0';
    return done;
}

/* The fields after the command's name, which stands in parentheses and may itself hold blanks and parentheses. */
static bool
stat_read(pid_t pid, char *state, uint64_t *start_ticks)
{
    char path[64], line[1024];
    (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool done = fgets(line, sizeof(line), file) != NULL;
    (void) fclose(file);
    char *rest = done ? strrchr(line, ')') : NULL;
    if (rest == NULL || rest[1] != ' ')
        return false;
    *state = rest[2];
    char *save = NULL;
    char *field = strtok_r(rest + 2, " ", &save); /* field 3 */
    for (int number = 3; field != NULL && number < 22; number++)
        field = strtok_r(NULL, " ", &save);
    return field != NULL && text_to_u64(text_of(field), UINT64_MAX, start_ticks);
}

bool
process_identify(pid_t pid, Process *out)
{
    char state = 0;
    *out = (Process){.pid = pid};
    if (pid <= 0 || !stat_read(pid, &state, &out->start_ticks) || !boot_id_read(out->boot_id))
        return false;
    return state != 'Z' && state != 'X';
}

bool
process_is_alive(const Process *self)
{
    Process now;
    return process_identify(self->pid, &now) && now.start_ticks == self->start_ticks &&
           strcmp(now.boot_id, self->boot_id) == 0;
}

int64_t
process_started_at_us(const Process *self)
{
    struct timespec since_boot;
    long ticks_per_second = sysconf(_SC_CLK_TCK);
    if (ticks_per_second <= 0 || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0)
        return 0;
    int64_t boot_us = utc_now_us() - ((int64_t) since_boot.tv_sec * UTC_SECOND_US + since_boot.tv_nsec / 1000);
    return boot_us + (int64_t) self->start_ticks * (UTC_SECOND_US / ticks_per_second);
}

bool
process_save(const Process *self, const char *path, Err *err)
{
    char text[160];
    int length = snprintf(text, sizeof(text), "%d %" PRIu64 " %s %" PRId64 "\n", (int) self->pid, self->start_ticks,
                          self->boot_id, self->restarts);
    return file_write(path, text, (size_t) length, 0644, err);
}

/* The next word of `rest`, which it shortens. */
static Text
next_word(Text *rest)
{
    *rest = text_trim(*rest);
    size_t length = 0;
    while (length < rest->length && rest->data[length] != ' ')
        length++;
    Text word = {rest->data, length};
    *rest = (Text){rest->data + length, rest->length - length};
    return word;
}

static bool
process_parse(Text text, Process *out)
{
    uint64_t pid = 0, restarts = 0;
    bool done =
        text_to_u64(next_word(&text), INT32_MAX, &pid) && text_to_u64(next_word(&text), UINT64_MAX, &out->start_ticks);
    Text boot_id = next_word(&text);
    (void) snprintf(out->boot_id, sizeof(out->boot_id), "%.*s", TEXT_ARG(boot_id));
    done = done && text_to_u64(next_word(&text), INT32_MAX, &restarts);
    out->pid = (pid_t) pid;
    out->restarts = (int64_t) restarts;
    return done && pid > 0;
}

bool
process_load(const char *path, Process *out)
{
    Buffer text = {0};
    *out = (Process){0};
    bool done = file_read(path, PID_FILE_BYTES_MAX, &text, NULL) && process_parse(buffer_text(&text), out);
    buffer_free(&text);
    return done;
}

/* A pidfd is checked after it is open: from then on it can only mean the process that was checked. */
static int
process_open(const Process *self)
{
    int fd = pidfd_open(self->pid, 0);
    if (fd >= 0 && !process_is_alive(self)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

bool
process_wait(int fd, int64_t patience_ms)
{
    struct pollfd waited = {.fd = fd, .events = POLLIN};
    int64_t until_us = utc_monotonic_us() + patience_ms * 1000;
    for (;;) {
        int64_t left_ms = (until_us - utc_monotonic_us()) / 1000;
        int ready = poll(&waited, 1, left_ms > 0 ? (int) left_ms : 0);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

bool
process_stop(const Process *self, int signal_number, int last_signal, int64_t patience_ms, Err *err)
{
    int fd = process_open(self);
    if (fd < 0)
        return true;
    bool done = false;
    const int signals[] = {signal_number, last_signal};
    for (size_t i = 0; i < 2 && !done; i++) {
        if (pidfd_send_signal(fd, signals[i], NULL, 0) != 0 && errno != ESRCH) {
            err_set(err, ERR_DENIED, "process %d cannot be stopped: %s", (int) self->pid, strerror(errno));
            err_hint(err, "run the command as the user who started the stack");
            break;
        }
        done = process_wait(fd, patience_ms);
    }
    if (!done)
        err_set(err, ERR_BUSY, "process %d does not stop", (int) self->pid);
    close(fd);
    return done;
}
