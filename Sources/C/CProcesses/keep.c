// The keeper: parent of a project's containers (the supervisor clones them with CLONE_PARENT), and of its supervisor.
// It writes down how each ended before it reaps it, and starts the supervisor again.
#include "CProcesses.h"
#include "roles.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int64_t second = 1000000000;
static const off_t log_limit = 1 << 20;

struct supervisor {
    pid_t pid;          // 0: none runs
    int64_t started;    // monotonic
    int64_t due;        // monotonic: when to start it, where none runs
    int quick_deaths;   // in a row
};

static int64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * second + time.tv_nsec;
}

/// Field 22 of /proc/PID/stat; the fields are counted from the last parenthesis, since the second one may hold any byte.
static uint64_t start_time(pid_t pid) {
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return 0;
    text[length] = 0;
    char *field = strrchr(text, ')');
    for (int number = 2; field != NULL && number < 22; number++) field = strchr(field + 1, ' ');
    return field == NULL ? 0 : strtoull(field, NULL, 10);
}

/// The file is opened anew each time: it may have been removed or replaced since.
static void record(const siginfo_t *end) {
    struct settle_exit exit = {
        .pid = end->si_pid,
        .code = end->si_code,
        .status = end->si_status,
        .start_time = start_time(end->si_pid),
        .time = now(CLOCK_REALTIME),
    };
    const char *path = getenv(SETTLE_EXITS);
    int file = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    off_t slot = exit.pid % settle_exit_slots;
    if (pwrite(file, &exit, sizeof exit, slot * (off_t)sizeof exit) < 0) perror("settle keep: file of exits");
    close(file);
}

static void start(struct supervisor *supervisor, char *project) {
    struct stat log;
    if (fstat(2, &log) == 0 && S_ISREG(log.st_mode) && log.st_size > log_limit && ftruncate(2, 0) < 0) perror("ftruncate");
    supervisor->started = now(CLOCK_MONOTONIC);
    supervisor->pid = fork();
    if (supervisor->pid > 0) return;
    if (supervisor->pid < 0) { // too many processes: again later
        supervisor->pid = 0;
        supervisor->due = supervisor->started + second;
        return;
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // The keeper's own executable, also when its file has been replaced or removed since.
    const char *path = getenv(SETTLE_SUPERVISOR);
    char *arguments[] = {"settle", "supervise", project, NULL};
    setenv(SETTLE_ROLE, "supervise", 1);
    execv(path == NULL ? "/proc/self/exe" : path, arguments);
    perror("settle keep: cannot execute the supervisor");
    _exit(127);
}

/// At once; after five deaths in a row within a second of starting, later and later, up to 30 seconds.
static void schedule(struct supervisor *supervisor) {
    int64_t time = now(CLOCK_MONOTONIC);
    supervisor->pid = 0;
    supervisor->quick_deaths = time - supervisor->started < second ? supervisor->quick_deaths + 1 : 0;
    int doublings = supervisor->quick_deaths - 5;
    int64_t delay = doublings < 0 ? 0 : doublings < 5 ? second << doublings : 30 * second;
    supervisor->due = time + delay;
}

/// Takes in every child that has ended; 1 when the supervisor ended with 0, which says that the project is gone.
static int reap(struct supervisor *supervisor) {
    for (;;) {
        siginfo_t end = {.si_pid = 0};
        if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) < 0 || end.si_pid == 0) return 0;
        // Recorded first: between record and reaping a kill may repeat this, never lose it.
        record(&end);
        waitid(P_PID, (id_t)end.si_pid, NULL, WEXITED | WNOHANG);
        if (end.si_pid != supervisor->pid) continue;
        if (end.si_code == CLD_EXITED && end.si_status == 0) return 1;
        schedule(supervisor);
    }
}

int settle_keep(char *project) {
    struct supervisor supervisor = {.pid = 0, .due = 0};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return 1;

    for (;;) {
        if (reap(&supervisor)) return 0;
        int64_t wait = supervisor.due - now(CLOCK_MONOTONIC);
        if (supervisor.pid == 0 && wait <= 0) start(&supervisor, project);
        struct timespec time = {.tv_sec = wait / second, .tv_nsec = wait % second};
        int signal = sigtimedwait(&signals, NULL, supervisor.pid == 0 && wait > 0 ? &time : NULL);
        if (signal > 0 && signal != SIGCHLD && supervisor.pid > 0) kill(supervisor.pid, SIGTERM);
    }
}
