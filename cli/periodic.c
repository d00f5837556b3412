#include "cli/periodic.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/log.h"
#include "lib/share.h"
#include "lib/utc.h"

enum { SECONDS_OF_A_MINUTE = 60 };

bool
periodic_open(Periodic *self, const Config *config, const ServiceUser *user, Err *err)
{
    char path[PATH_MAX];
    const char *argv[] = {"millibill-rater", "alerts", "check", "--data", config->data, NULL};
    *self =
        (Periodic){.program = {.fd = -1}, .every_us = config->alerts_every_min * SECONDS_OF_A_MINUTE * UTC_SECOND_US};
    memcpy(self->argv, argv, sizeof(argv));
    if (snprintf(self->log, sizeof(self->log), "%s/log/alerts.log", config->data) >= PATH_MAX)
        return err_set(err, ERR_RANGE, "path '%s/log/alerts.log' is too long", config->data);
    return self->every_us == 0 || (share_program(argv[0], path, err) && program_open(path, user, &self->program, err));
}

void
periodic_close(Periodic *self)
{
    program_close(&self->program);
}

void
periodic_plan(Periodic *self)
{
    if (self->every_us > 0)
        self->next_us = utc_monotonic_us();
}

int64_t
periodic_run(Periodic *self, const ServiceUser *user)
{
    Err err = {0};
    const int64_t now_us = utc_monotonic_us();
    if (self->next_us == 0 || self->next_us > now_us)
        return self->next_us;
    self->next_us = now_us + self->every_us;
    if (self->pid != 0) {
        log_warn("event=still_runs part=alerts pid=%d", (int) self->pid);
        return self->next_us;
    }
    pid_t pid = launch(&self->program, self->argv, user, self->log, SIGTERM, &err);
    if (pid < 0)
        log_err(LOG_LEVEL_ERROR, "start_failed", &err);
    else
        self->pid = pid;
    return self->next_us;
}

bool
periodic_ended(Periodic *self, pid_t pid, int status)
{
    if (self->pid == 0 || self->pid != pid)
        return false;
    self->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_warn("event=check_failed part=alerts %s=%d log=%s", WIFSIGNALED(status) ? "signal" : "exit_status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), self->log);
    return true;
}

void
periodic_stop(Periodic *self)
{
    self->next_us = 0;
    if (self->pid != 0)
        (void) kill(self->pid, SIGTERM); /* our own unreaped child: the pid cannot be another's */
}
