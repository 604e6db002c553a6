#include "CLaunch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

extern int setns(int fd, int type);

// An ignored signal stays ignored through execve(2); CLONE_CLEAR_SIGHAND resets only those with handlers.
static void reset_signals(void) {
    // Not by sigaction(3), which keeps two signals to itself. All zero is the default action.
    static const unsigned long standard[8], none;
    for (int number = 1; number < _NSIG; number++) syscall(SYS_rt_sigaction, number, standard, NULL, sizeof none);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

static bool tolerates(const struct settle_step *step, int error) {
    for (unsigned i = 0; i < sizeof step->tolerated; i++)
        if (step->tolerated[i] == error) return true;
    return false;
}

static _Noreturn void fail(const struct settle_program *program, struct settle_report report) {
    (void)!write(program->slots[program->report], &report, sizeof report);
    _exit(127);
}

// The last execve(2) that fails decides, unless an earlier one found a file that may not be executed.
static _Noreturn void run(const struct settle_program *program) {
    struct settle_report last = {0};
    for (int32_t i = 0; i < program->count; i++) {
        const struct settle_step *step = &program->steps[i];
        uint64_t a[6];
        for (int n = 0; n < 6; n++)
            a[n] = step->slots & (1u << n) ? (uint64_t)program->slots[step->arguments[n]] : step->arguments[n];
        long result = syscall(step->number, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (result >= step->least) {
            if (step->result >= 0) program->slots[step->result] = (int32_t)result;
            continue;
        }
        struct settle_report now = {i, result < 0 ? errno : ECANCELED};
        if (!tolerates(step, now.error)) fail(program, now);
        if (last.error != EACCES) last = now;
    }
    fail(program, last);
}

static int clone_into(const struct settle_program *program, uint64_t flags, int cgroup, int *pidfd) {
    struct clone_args arguments = {
        .flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (cgroup < 0 ? 0 : CLONE_INTO_CGROUP),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        // A sibling reports to the parent's parent with the signal that the parent itself was born with.
        .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
        .cgroup = cgroup < 0 ? 0 : (uint64_t)cgroup,
    };
    int pid = (int)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) {
        reset_signals();
        run(program);
    }
    return pid;
}

int settle_launch(const struct settle_program *program, uint64_t flags, int cgroup, int processes, int *pidfd) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    int own = -1, pid = -1;
    if (processes >= 0) {
        own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
        if (own < 0 || setns(processes, CLONE_NEWPID) < 0) goto out;
    }
    pid = clone_into(program, flags, cgroup, pidfd);
    int error = errno;
    // Only children are concerned, and the way back into one's own namespace is always open.
    if (processes >= 0) setns(own, CLONE_NEWPID);
    errno = error;
out:
    error = errno;
    if (own >= 0) close(own);
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}
