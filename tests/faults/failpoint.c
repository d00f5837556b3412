/**
 * failpoint - makes the N-th call of a system or library function fail, in any program
 *
 * LD_PRELOAD=build/tests/libfailpoint.so FAILPOINT=RULE[,RULE…] PROGRAM…
 * RULE is NAME:N[+][:HOW].
 *
 *   NAME  malloc (malloc, calloc, realloc, aligned_alloc, posix_memalign), write (write, writev), pwrite (pwrite, pwritev),
 *         pread, fsync (fsync, fdatasync), fdatasync, msync, ftruncate (and fallocate, posix_fallocate), rename, open,
 *         send (send, sendto, sendmsg)
 *   N     which call fails, counted from 1; 0 only counts. N+: that one and all later ones
 *   HOW   the errno by name (EIO, ENOSPC, ENOMEM, EINTR, …; default EIO, for malloc ENOMEM); KILL: the process is killed
 *         (SIGKILL) instead of making the call; SHORT: write, pwrite and pread take half of the bytes
 *
 * FAILPOINT_PROGRAM=NAME   only in processes whose program has this name: children inherit LD_PRELOAD
 * FAILPOINT_AFTER=PATH     counting starts when this file exists
 * FAILPOINT_LOG=PATH       "NAME seen=… failed=…", one line for each rule, at every moment up to date, whatever becomes of the
 *                          process: a loop over N ends when failed=0
 *
 * Counters belong to the process. Writes to standard output and standard error neither count nor fail. Allocations inside the
 * dynamic linker are not seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RULES_MAX = 8, LINE_BYTES = 64, SPEC_BYTES_MAX = 512 };

typedef enum Point {
    POINT_MALLOC,
    POINT_WRITE,
    POINT_PWRITE,
    POINT_PREAD,
    POINT_FSYNC,
    POINT_FDATASYNC,
    POINT_MSYNC,
    POINT_FTRUNCATE,
    POINT_RENAME,
    POINT_OPEN,
    POINT_SEND,
    POINT_COUNT
} Point;

static const char *const POINT_NAMES[POINT_COUNT] = {"malloc", "write",     "pwrite", "pread", "fsync", "fdatasync",
                                                     "msync",  "ftruncate", "rename", "open",  "send"};

typedef enum How { HOW_ERRNO, HOW_KILL, HOW_SHORT } How;

typedef struct Rule {
    Point point;
    long which;
    bool all_later;
    How how;
    int error;
    atomic_long seen;
    atomic_long failed;
} Rule;

static Rule rules[RULES_MAX];
static int rule_count;
static char *log_text; /* mapped, shared with the file */
static char after[SPEC_BYTES_MAX];
static atomic_bool counting;
static atomic_bool ready;

static const struct {
    const char *name;
    int number;
} ERRORS[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR},
              {"EAGAIN", EAGAIN}, {"EDQUOT", EDQUOT}, {"EFBIG", EFBIG},   {"EMFILE", EMFILE},
              {"EPIPE", EPIPE},   {"EROFS", EROFS},   {"EACCES", EACCES}, {"ECONNRESET", ECONNRESET}};

static _Noreturn void
refuse(const char *spec)
{
    char text[SPEC_BYTES_MAX + 64];
    int length = snprintf(text, sizeof(text), "failpoint: cannot understand '%s' (NAME:N[+][:HOW])\n", spec);
    (void) !syscall(SYS_write, 2, text, (size_t) length);
    _exit(125);
}

static void
parse_how(Rule *rule, const char *how, const char *spec)
{
    rule->error = rule->point == POINT_MALLOC ? ENOMEM : EIO;
    if (how == NULL)
        return;
    if (strcmp(how, "KILL") == 0 || strcmp(how, "SHORT") == 0) {
        rule->how = how[0] == 'K' ? HOW_KILL : HOW_SHORT;
        return;
    }
    for (size_t i = 0; i < sizeof(ERRORS) / sizeof(ERRORS[0]); i++)
        if (strcmp(how, ERRORS[i].name) == 0) {
            rule->error = ERRORS[i].number;
            return;
        }
    refuse(spec);
}

static void
parse_rule(char *spec)
{
    char whole[SPEC_BYTES_MAX];
    (void) snprintf(whole, sizeof(whole), "%s", spec);
    char *number = strchr(spec, ':');
    if (number == NULL || rule_count == RULES_MAX)
        refuse(whole);
    *number++ = '\0';
    Rule *rule = &rules[rule_count++];
    for (rule->point = 0; rule->point < POINT_COUNT && strcmp(spec, POINT_NAMES[rule->point]) != 0;)
        rule->point++;
    char *end = NULL;
    rule->which = strtol(number, &end, 10);
    rule->all_later = *end == '+';
    end += rule->all_later ? 1 : 0;
    if (rule->point == POINT_COUNT || end == number || rule->which < 0 || (*end != '\0' && *end != ':'))
        refuse(whole);
    parse_how(rule, *end == ':' ? end + 1 : NULL, whole);
}

static void
write_line(int index)
{
    if (log_text == NULL)
        return;
    char line[2 * LINE_BYTES];
    memset(line, ' ', sizeof(line));
    const Rule *rule = &rules[index];
    int length = snprintf(line, sizeof(line), "%s seen=%ld failed=%ld", POINT_NAMES[rule->point],
                          atomic_load(&rule->seen), atomic_load(&rule->failed));
    line[length] = ' ';
    line[LINE_BYTES - 1] = '\n';
    memcpy(log_text + index * LINE_BYTES, line, LINE_BYTES);
}

static void
open_log(const char *path)
{
    int fd = (int) syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    size_t length = (size_t) (rule_count * LINE_BYTES);
    if (fd < 0 || syscall(SYS_ftruncate, fd, length) != 0)
        refuse(path);
    log_text = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void) close(fd);
    if (log_text == MAP_FAILED)
        refuse(path);
    for (int i = 0; i < rule_count; i++)
        write_line(i);
}

__attribute__((constructor)) static void
start(void)
{
    const char *spec = getenv("FAILPOINT");
    const char *program = getenv("FAILPOINT_PROGRAM");
    if (spec == NULL || (program != NULL && strcmp(program, program_invocation_short_name) != 0))
        return;
    char copy[SPEC_BYTES_MAX];
    (void) snprintf(copy, sizeof(copy), "%s", spec);
    char *rest = NULL;
    for (char *one = strtok_r(copy, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest))
        parse_rule(one);
    if (getenv("FAILPOINT_AFTER") != NULL)
        (void) snprintf(after, sizeof(after), "%s", getenv("FAILPOINT_AFTER"));
    if (getenv("FAILPOINT_LOG") != NULL)
        open_log(getenv("FAILPOINT_LOG"));
    atomic_store(&counting, after[0] == '\0');
    atomic_store(&ready, true);
}

static bool
has_begun(void)
{
    if (atomic_load(&counting))
        return true;
    if (syscall(SYS_access, after, F_OK) != 0)
        return false;
    atomic_store(&counting, true);
    return true;
}

/* Count a call; returns the rule by which it fails, else NULL. */
static Rule *
failing(Point point)
{
    if (!atomic_load(&ready))
        return NULL;
    int before = errno;
    Rule *hit = NULL;
    for (int i = 0; i < rule_count; i++) {
        Rule *rule = &rules[i];
        if (rule->point != point || !has_begun())
            continue;
        long number = atomic_fetch_add(&rule->seen, 1) + 1;
        bool fails = rule->which > 0 && (number == rule->which || (rule->all_later && number > rule->which));
        if (fails)
            atomic_fetch_add(&rule->failed, 1);
        write_line(i);
        if (fails && rule->how == HOW_KILL)
            (void) kill(getpid(), SIGKILL);
        if (fails && hit == NULL)
            hit = rule;
    }
    errno = hit != NULL ? hit->error : before;
    return hit;
}

static void *
next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        refuse(name);
    return found;
}

#define NEXT(type, name)                             \
    static type real_##name;                         \
    if (real_##name == NULL) {                       \
        void *found = next(#name);                   \
        memcpy(&real_##name, &found, sizeof(found)); \
    }                                                \
    type real = real_##name

typedef void *(*Malloc)(size_t);
typedef void *(*Calloc)(size_t, size_t);
typedef void *(*Realloc)(void *, size_t);
typedef void *(*AlignedAlloc)(size_t, size_t);
typedef int (*PosixMemalign)(void **, size_t, size_t);

void *
malloc(size_t size)
{
    NEXT(Malloc, malloc);
    return failing(POINT_MALLOC) != NULL ? NULL : real(size);
}

void *
calloc(size_t count, size_t size)
{
    NEXT(Calloc, calloc);
    return failing(POINT_MALLOC) != NULL ? NULL : real(count, size);
}

void *
realloc(void *old, size_t size)
{
    NEXT(Realloc, realloc);
    return failing(POINT_MALLOC) != NULL ? NULL : real(old, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    NEXT(AlignedAlloc, aligned_alloc);
    return failing(POINT_MALLOC) != NULL ? NULL : real(alignment, size);
}

int
posix_memalign(void **out, size_t alignment, size_t size)
{
    NEXT(PosixMemalign, posix_memalign);
    return failing(POINT_MALLOC) != NULL ? ENOMEM : real(out, alignment, size);
}

static bool
is_terminal_output(int fd)
{
    return fd == STDOUT_FILENO || fd == STDERR_FILENO;
}

typedef ssize_t (*Write)(int, const void *, size_t);
typedef ssize_t (*WriteV)(int, const struct iovec *, int);
typedef ssize_t (*PWrite)(int, const void *, size_t, off_t);
typedef ssize_t (*PWriteV)(int, const struct iovec *, int, off_t);

ssize_t
write(int fd, const void *bytes, size_t length)
{
    NEXT(Write, write);
    const Rule *rule = is_terminal_output(fd) ? NULL : failing(POINT_WRITE);
    if (rule != NULL && rule->how == HOW_SHORT)
        return real(fd, bytes, length / 2);
    return rule != NULL ? -1 : real(fd, bytes, length);
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
    NEXT(WriteV, writev);
    const Rule *rule = is_terminal_output(fd) ? NULL : failing(POINT_WRITE);
    if (rule != NULL && rule->how == HOW_SHORT)
        return real(fd, parts, (count + 1) / 2);
    return rule != NULL ? -1 : real(fd, parts, count);
}

#define PWRITE(name)                                                 \
    ssize_t name(int fd, const void *bytes, size_t length, off_t at) \
    {                                                                \
        NEXT(PWrite, name);                                          \
        const Rule *rule = failing(POINT_PWRITE);                    \
        if (rule != NULL && rule->how == HOW_SHORT)                  \
            return real(fd, bytes, length / 2, at);                  \
        return rule != NULL ? -1 : real(fd, bytes, length, at);      \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

typedef ssize_t (*PRead)(int, void *, size_t, off_t);

#define PREAD(name)                                             \
    ssize_t name(int fd, void *bytes, size_t length, off_t at)  \
    {                                                           \
        NEXT(PRead, name);                                      \
        const Rule *rule = failing(POINT_PREAD);                \
        if (rule != NULL && rule->how == HOW_SHORT)             \
            return real(fd, bytes, length / 2, at);             \
        return rule != NULL ? -1 : real(fd, bytes, length, at); \
    }
PREAD(pread)
PREAD(pread64)

#define PWRITEV(name)                                                    \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at) \
    {                                                                    \
        NEXT(PWriteV, name);                                             \
        const Rule *rule = failing(POINT_PWRITE);                        \
        if (rule != NULL && rule->how == HOW_SHORT)                      \
            return real(fd, parts, (count + 1) / 2, at);                 \
        return rule != NULL ? -1 : real(fd, parts, count, at);           \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

typedef int (*OnFd)(int);

int
fsync(int fd)
{
    NEXT(OnFd, fsync);
    return failing(POINT_FSYNC) != NULL ? -1 : real(fd);
}

int
fdatasync(int fd)
{
    NEXT(OnFd, fdatasync);
    return failing(POINT_FSYNC) != NULL || failing(POINT_FDATASYNC) != NULL ? -1 : real(fd);
}

typedef int (*Msync)(void *, size_t, int);

int
msync(void *address, size_t length, int flags)
{
    NEXT(Msync, msync);
    return failing(POINT_MSYNC) != NULL ? -1 : real(address, length, flags);
}

typedef int (*Ftruncate)(int, off_t);

#define FTRUNCATE(name)                                                  \
    int name(int fd, off_t length)                                       \
    {                                                                    \
        NEXT(Ftruncate, name);                                           \
        return failing(POINT_FTRUNCATE) != NULL ? -1 : real(fd, length); \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

typedef int (*Fallocate)(int, int, off_t, off_t);

#define FALLOCATE(name)                                                            \
    int name(int fd, int mode, off_t at, off_t length)                             \
    {                                                                              \
        NEXT(Fallocate, name);                                                     \
        return failing(POINT_FTRUNCATE) != NULL ? -1 : real(fd, mode, at, length); \
    }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

typedef int (*PosixFallocate)(int, off_t, off_t);

#define POSIX_FALLOCATE(name)                                                   \
    int name(int fd, off_t at, off_t length)                                    \
    {                                                                           \
        NEXT(PosixFallocate, name);                                             \
        return failing(POINT_FTRUNCATE) != NULL ? errno : real(fd, at, length); \
    }
POSIX_FALLOCATE(posix_fallocate)
POSIX_FALLOCATE(posix_fallocate64)

typedef int (*Rename)(const char *, const char *);

int
rename(const char *from, const char *to)
{
    NEXT(Rename, rename);
    return failing(POINT_RENAME) != NULL ? -1 : real(from, to);
}

typedef int (*Open)(const char *, int, ...);

#define OPEN(name)                                                                       \
    int name(const char *path, int flags, ...)                                           \
    {                                                                                    \
        NEXT(Open, name);                                                                \
        va_list list;                                                                    \
        va_start(list, flags);                                                           \
        mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0; \
        va_end(list);                                                                    \
        return failing(POINT_OPEN) != NULL ? -1 : real(path, flags, mode);               \
    }
OPEN(open)
OPEN(open64)

typedef ssize_t (*Send)(int, const void *, size_t, int);
typedef ssize_t (*SendTo)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
typedef ssize_t (*SendMsg)(int, const struct msghdr *, int);

ssize_t
send(int fd, const void *bytes, size_t length, int flags)
{
    NEXT(Send, send);
    return failing(POINT_SEND) != NULL ? -1 : real(fd, bytes, length, flags);
}

ssize_t
sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t to_bytes)
{
    NEXT(SendTo, sendto);
    return failing(POINT_SEND) != NULL ? -1 : real(fd, bytes, length, flags, to, to_bytes);
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
    NEXT(SendMsg, sendmsg);
    return failing(POINT_SEND) != NULL ? -1 : real(fd, message, flags);
}
