#define _GNU_SOURCE
#include "vdiff_link.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { WORKER_SOCKET = 3, ABOVE_STANDARD = 10, MOST_FAILURES = 3 };

static struct {
    pthread_mutex_t lock;
    pid_t pid;   /* 0: none */
    pid_t owner; /* the process that started it; a fork of the host is another one */
    int control;
    unsigned generation;
    int failures; /* workers lost since one answered */
} worker = {.lock = PTHREAD_MUTEX_INITIALIZER, .control = -1};

double vdiff_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_from(const char *name, double usual) {
    const char *text = getenv(name);
    char *end;
    double value = text ? strtod(text, &end) : 0;
    return text && end != text && value > 0 && value < 86400 ? value : usual;
}

/* --- shared memory ------------------------------------------------------------------ */

int vdiff_memory_map(struct vdiff_memory *memory, size_t frame_bytes) {
    size_t page = 4096, slot = (frame_bytes + page - 1) / page * page;
    size_t total = slot * (VDIFF_SLOTS + 1);
    int file = memfd_create("vdiff frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *base;
    if (file < 0)
        return 0;
    /* Sealed, so that nobody can take pages away under a mapping. */
    if (ftruncate(file, (off_t)total) != 0 ||
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        close(file);
        return 0;
    }
    base = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (base == MAP_FAILED) {
        close(file);
        return 0;
    }
    *memory = (struct vdiff_memory){file, base, slot, total};
    return 1;
}

void vdiff_memory_unmap(struct vdiff_memory *memory) {
    if (memory->base) {
        munmap(memory->base, memory->total_bytes);
        close(memory->file);
    }
    *memory = (struct vdiff_memory){.file = -1};
}

/* --- messages ----------------------------------------------------------------------- */

static int wait_for(int socket, short events, double deadline) {
    for (;;) {
        struct pollfd polled = {.fd = socket, .events = events};
        double left = deadline - vdiff_now();
        int found = left <= 0 ? 0 : poll(&polled, 1, left > 3600 ? 3600000 : (int)(left * 1000) + 1);
        if (found > 0)
            return 1;
        if ((found == 0 && left <= 3600) || (found < 0 && errno != EINTR))
            return 0;
    }
}

int vdiff_receive(int socket, union vdiff_message *message, unsigned kind, uint64_t ticket,
                  double deadline, const char **reason) {
    ssize_t got;
    for (;;) {
        if (!wait_for(socket, POLLIN, deadline)) {
            *reason = "does not answer in time";
            return 0;
        }
        /* MSG_TRUNC gives the true size; descriptors that come along are dropped. */
        got = recv(socket, message, sizeof *message, MSG_TRUNC | MSG_DONTWAIT);
        if (got >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
        *reason = "ended unexpectedly";
        return 0;
    }
    *reason = "sent a message that is none";
    if (got != (ssize_t)sizeof *message || message->header.magic != VDIFF_MAGIC ||
        message->header.version != VDIFF_VERSION || message->header.ticket != ticket)
        return 0;
    if (message->header.kind == VDIFF_FAILED) {
        message->failed.text[sizeof message->failed.text - 1] = '\0';
        for (char *at = message->failed.text; *at; at++)
            if ((unsigned char)*at < ' ' || *at == 127)
                *at = ' '; /* it goes to a terminal, on one line */
        return 1;
    }
    return message->header.kind == kind;
}

static int send_message(int socket, const union vdiff_message *message, const int *files,
                        size_t count, double deadline) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)message, .iov_len = sizeof *message};
    struct msghdr letter = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        letter.msg_control = control.bytes;
        letter.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), files, count * sizeof(int));
    }
    for (;;) {
        ssize_t sent = sendmsg(socket, &letter, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == (ssize_t)sizeof *message)
            return 1;
        if (sent >= 0 || (errno != EAGAIN && errno != EINTR))
            return 0;
        if (errno == EAGAIN && !wait_for(socket, POLLOUT, deadline))
            return 0;
    }
}

/* --- the worker process ------------------------------------------------------------- */

/* What the environment names, else `vdiff-worker` beside this library. */
static int worker_path(char path[PATH_MAX]) {
    const char *named = getenv("VDIFF_FREI0R_WORKER");
    Dl_info here;
    const char *slash;
    if (named && *named)
        return snprintf(path, PATH_MAX, "%s", named) < PATH_MAX;
    if (!dladdr((void *)&worker, &here) || !here.dli_fname)
        return 0;
    slash = strrchr(here.dli_fname, '/');
    return snprintf(path, PATH_MAX, "%.*s/vdiff-worker", slash ? (int)(slash - here.dli_fname) : 1,
                    slash ? here.dli_fname : ".") < PATH_MAX;
}

static int spawn(const char *path, int socket, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, usual;
    char *words[] = {(char *)path, NULL};
    int failed;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGTERM);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    /* The host's stdout may carry frames; messages go where the host's go. */
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, socket, WORKER_SOCKET);
    /* A session of its own: Ctrl-C is for the host, which still wants its last frames. */
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                       POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &usual);
    failed = posix_spawn(pid, path, &files, &how, words, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    errno = failed;
    return failed == 0;
}

/* Wait for the worker's end, at most `seconds`; then kill it. Called with the lock held. */
static void reap(double seconds) {
    double deadline = vdiff_now() + seconds;
    struct timespec pause = {.tv_nsec = 5000000};
    if (worker.control >= 0)
        close(worker.control);
    worker.control = -1;
    if (worker.pid > 0 && worker.owner == getpid()) {
        while (waitpid(worker.pid, NULL, WNOHANG) == 0) {
            if (vdiff_now() >= deadline) {
                kill(worker.pid, SIGKILL);
                while (waitpid(worker.pid, NULL, 0) < 0 && errno == EINTR)
                    ;
                break;
            }
            nanosleep(&pause, NULL);
        }
    }
    worker.pid = 0;
}

/* Called with the lock held: 1, or 0 with a reason. */
static int start(char why[VDIFF_MESSAGE]) {
    char path[PATH_MAX];
    union vdiff_message hello;
    const char *reason = "";
    int pair[2], theirs;
    double deadline = vdiff_now() + seconds_from("VDIFF_FREI0R_START_TIMEOUT", 60);
    if (!worker_path(path)) {
        snprintf(why, VDIFF_MESSAGE, "its worker's path is too long; set VDIFF_FREI0R_WORKER");
        return 0;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        snprintf(why, VDIFF_MESSAGE, "no socket (%s); close some files", strerror(errno));
        return 0;
    }
    theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, ABOVE_STANDARD);
    close(pair[1]);
    if (theirs < 0 || !spawn(path, theirs, &worker.pid)) {
        snprintf(why, VDIFF_MESSAGE, "%.200s: %s; run vdiff frei0r install, or set "
                 "VDIFF_FREI0R_WORKER", path, strerror(errno));
        close(pair[0]);
        if (theirs >= 0)
            close(theirs);
        worker.pid = 0;
        return 0;
    }
    close(theirs);
    worker.control = pair[0];
    worker.owner = getpid();
    worker.generation++;
    if (vdiff_receive(worker.control, &hello, VDIFF_HELLO, 0, deadline, &reason)) {
        if (hello.header.kind == VDIFF_HELLO)
            return 1;
        snprintf(why, VDIFF_MESSAGE, "%.*s", VDIFF_MESSAGE - 1, hello.failed.text);
    } else {
        snprintf(why, VDIFF_MESSAGE, "the worker %s while it started; see vdiff frei0r doctor",
                 reason);
    }
    reap(0);
    return 0;
}

/* The worker of `generation` is of no use any more. */
static void lose(struct vdiff_channel *channel) {
    pthread_mutex_lock(&worker.lock);
    if (worker.pid && worker.generation == channel->generation) {
        worker.failures++;
        reap(0);
    }
    pthread_mutex_unlock(&worker.lock);
    vdiff_disconnect(channel);
}

void vdiff_succeeded(void) {
    pthread_mutex_lock(&worker.lock);
    worker.failures = 0;
    pthread_mutex_unlock(&worker.lock);
}

void vdiff_stop_worker(void) {
    pthread_mutex_lock(&worker.lock);
    if (worker.pid)
        reap(2);
    pthread_mutex_unlock(&worker.lock);
}

void vdiff_disconnect(struct vdiff_channel *channel) {
    if (channel->socket >= 0)
        close(channel->socket);
    channel->socket = -1;
}

/* Hand `memory` and a channel to the worker. Called with the lock held. */
static int hand_over(struct vdiff_channel *channel, const struct vdiff_memory *memory,
                     const union vdiff_message *message) {
    int pair[2], files[2], sent;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    files[0] = memory->file;
    files[1] = pair[1];
    sent = send_message(worker.control, message, files, 2, vdiff_now() + 10);
    close(pair[1]);
    if (!sent) {
        close(pair[0]);
        return 0;
    }
    *channel = (struct vdiff_channel){pair[0], worker.generation};
    return 1;
}

enum vdiff_result vdiff_connect(struct vdiff_channel *channel, const struct vdiff_memory *memory,
                                const struct vdiff_open *open, char why[VDIFF_MESSAGE]) {
    union vdiff_message message = {.open = *open};
    int ready;
    message.header = (struct vdiff_header){VDIFF_MAGIC, VDIFF_VERSION, VDIFF_OPEN, 0};
    pthread_mutex_lock(&worker.lock);
    if (worker.failures >= MOST_FAILURES) {
        pthread_mutex_unlock(&worker.lock);
        snprintf(why, VDIFF_MESSAGE, "the worker failed %d times; nothing is restored any more",
                 MOST_FAILURES);
        return VDIFF_LOST;
    }
    if (worker.pid && worker.owner != getpid())
        reap(0); /* a fork of the host: the worker is its parent's */
    ready = worker.pid || start(why);
    if (!ready)
        worker.failures++;
    else if (!hand_over(channel, memory, &message)) {
        snprintf(why, VDIFF_MESSAGE, "the worker ended unexpectedly");
        worker.failures++;
        reap(0);
        ready = 0;
    }
    pthread_mutex_unlock(&worker.lock);
    if (!ready)
        return VDIFF_LOST;
    message.header.kind = VDIFF_OPENED;
    return vdiff_ask(channel, &message, why);
}

enum vdiff_result vdiff_ask(struct vdiff_channel *channel, union vdiff_message *message,
                            char why[VDIFF_MESSAGE]) {
    double deadline = vdiff_now() + seconds_from("VDIFF_FREI0R_TIMEOUT", 300);
    const char *reason = "ended unexpectedly";
    uint64_t ticket = message->header.ticket;
    int opening = message->header.kind == VDIFF_OPENED; /* that was sent with the descriptors */
    unsigned wanted = opening ? VDIFF_OPENED : VDIFF_RENDERED;
    if ((opening || send_message(channel->socket, message, NULL, 0, deadline)) &&
        vdiff_receive(channel->socket, message, wanted, ticket, deadline, &reason)) {
        if (message->header.kind != VDIFF_FAILED)
            return VDIFF_OK;
        snprintf(why, VDIFF_MESSAGE, "%.*s", VDIFF_MESSAGE - 1, message->failed.text);
        return VDIFF_REFUSED;
    }
    snprintf(why, VDIFF_MESSAGE, "the worker %s", reason);
    lose(channel);
    return VDIFF_LOST;
}
