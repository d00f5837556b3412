#include "lib/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CREW_MAX = 64 };

typedef struct Worker {
    pid_t pid;
    int result_fd; /* its Err comes here, when it has one */
} Worker;

static size_t
crew_size(size_t count)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t size = processors < 1 ? 1 : processors > CREW_MAX ? CREW_MAX : (size_t) processors;
    return count / CREW_PIECES_MIN < size ? count / CREW_PIECES_MIN : size;
}

static bool
do_share(size_t first, size_t step, size_t count, CrewJob job, void *context, Err *err)
{
    for (size_t i = first; i < count; i += step)
        if (!job(context, i, err))
            return false;
    return true;
}

/* The child: no buffer of the parent is written twice, and nothing that it opened is closed by its rules. */
static _Noreturn void
work(int result_fd, size_t first, size_t step, size_t count, CrewJob job, void *context)
{
    Err err = {0};
    bool done = do_share(first, step, count, job, context, &err);
    ssize_t told = done ? 0 : write(result_fd, &err, sizeof(err)); /* at most a pipe's buffer: never in part */
    _exit(done && told == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static bool
start(Worker *worker, size_t first, size_t step, size_t count, CrewJob job, void *context, Err *err)
{
    int ends[2];
    if (pipe(ends) != 0)
        return err_set(err, ERR_IO, "no pipe to a process that helps: %s", strerror(errno));
    worker->pid = fork();
    if (worker->pid == 0)
        work(ends[1], first, step, count, job, context);
    close(ends[1]);
    worker->result_fd = ends[0];
    if (worker->pid > 0)
        return true;
    close(ends[0]);
    return err_set(err, ERR_IO, "no process that helps: %s", strerror(errno));
}

static bool
finish(Worker *worker, Err *err)
{
    Err told;
    int status = 0;
    ssize_t length = read(worker->result_fd, &told, sizeof(told));
    close(worker->result_fd);
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
        return true;
    if (length != (ssize_t) sizeof(told))
        return err_set(err, ERR_INTERNAL, "a process that helped was ended (status %d)", status);
    if (!err_is_set(err))
        *err = told;
    return false;
}

bool
crew_work(size_t count, CrewJob job, void *context, Err *err)
{
    Worker workers[CREW_MAX];
    size_t size = crew_size(count);
    size_t started = 0;
    if (size < 2)
        return do_share(0, 1, count, job, context, err);
    while (started < size && start(&workers[started], started, size, count, job, context, err))
        started++;
    bool done = started == size;
    for (size_t i = 0; i < started; i++)
        done = finish(&workers[i], err) && done;
    return done;
}
