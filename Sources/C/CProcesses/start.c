#include "CProcesses.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { most_descriptors = 16 };

static void reset_signals(void) {
    // The kernel's own sigaction, all zero: glibc's refuses the signals it keeps for itself (32, 33), which a starter
    // may nevertheless have handed down ignored.
    static const uint64_t default_action[8];
    for (int number = 1; number < _NSIG; number++) syscall(SYS_rt_sigaction, number, default_action, NULL, _NSIG / 8);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void fail(int outcome) {
    int error = errno;
    if (write(outcome, &error, sizeof error) < 0) _exit(126);
    _exit(127);
}

/// In the new process. The descriptors may stand in each other's way, so they are first moved above all targets.
static void become(const struct settle_start *start, int gate, int outcome) {
    int moved[most_descriptors];
    char go;
    setsid();
    reset_signals();
    if (read(gate, &go, 1) != 1) _exit(0);
    int report = fcntl(outcome, F_DUPFD_CLOEXEC, most_descriptors + 1);
    if (report < 0) fail(outcome);
    for (int index = 0; index < start->count; index++)
        if ((moved[index] = fcntl(start->descriptors[index], F_DUPFD_CLOEXEC, most_descriptors + 1)) < 0) fail(report);
    for (int index = 0; index < start->count; index++)
        if (dup2(moved[index], index) < 0) fail(report);
    if (dup3(report, start->count, O_CLOEXEC) < 0) fail(report);
    syscall(SYS_close_range, (unsigned)start->count + 1, ~0u, 0u);
    umask(022);
    if (chdir("/") == 0) execve(start->executable, start->arguments, start->environment);
    fail(start->count);
}

/// fork(2) into a control group of the v2 tree: nothing has to be moved, for which the kernel might wait.
static pid_t fork_into(int cgroup) {
    if (cgroup < 0) return fork();
    struct clone_args arguments = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup};
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

/// A pid from `pipe`, -1 where its writer is gone.
static int read_pid(int pipe) {
    int pid = -1;
    long length;
    do length = read(pipe, &pid, sizeof pid);
    while (length < 0 && errno == EINTR);
    return length == sizeof pid ? pid : -1;
}

int settle_start(const struct settle_start *start, int *gate, int *outcome) {
    int gates[2], outcomes[2];
    if (start->count > most_descriptors) {
        errno = E2BIG;
        return -1;
    }
    if (pipe2(gates, O_CLOEXEC) < 0) return -1;
    if (pipe2(outcomes, O_CLOEXEC) < 0) {
        close(gates[0]);
        close(gates[1]);
        return -1;
    }
    // The first child ends at once and leaves the second one to the subreaper.
    pid_t first = fork();
    if (first == 0) {
        close(gates[1]);
        close(outcomes[0]);
        pid_t second = fork_into(start->cgroup);
        if (second == 0) become(start, gates[0], outcomes[1]);
        if (second > 0 && write(outcomes[1], &second, sizeof second) != sizeof second) kill(second, SIGKILL);
        _exit(0);
    }
    int error = errno;
    close(gates[0]);
    close(outcomes[1]);
    int pid = first < 0 ? -1 : read_pid(outcomes[0]);
    while (first > 0 && waitpid(first, NULL, 0) < 0 && errno == EINTR) {}
    if (pid < 0) {
        close(gates[1]);
        close(outcomes[0]);
        errno = first < 0 ? error : EAGAIN;
        return -1;
    }
    *gate = gates[1];
    *outcome = outcomes[0];
    return pid;
}
