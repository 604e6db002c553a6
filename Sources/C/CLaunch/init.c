// The first process of a container with `init: true`: starts the program, reaps orphans, passes signals on, and ends
// as the program ended. It is the settle binary itself, entered before any Swift runs, so that it stays tiny.
#include "CLaunch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void execute(int report, int step, char **candidates, int count, char **arguments, char **environment) {
    struct settle_report failure = {step, ENOENT};
    for (int i = 0; i < count; i++) {
        execve(candidates[i], arguments, environment);
        bool next = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
        if (!next || failure.error != EACCES) failure.error = errno;
        if (!next) break;
    }
    (void)!write(report, &failure, sizeof failure);
    _exit(127);
}

static int status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

static _Noreturn void serve(pid_t program, const sigset_t *signals) {
    for (;;) {
        int number = sigwaitinfo(signals, NULL);
        if (number < 0) continue;
        if (number != SIGCHLD) {
            kill(program, number);
            continue;
        }
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == program) _exit(status_of(status));
    }
}

// settle-init REPORT STEP COUNT CANDIDATE... ARGUMENT...
static _Noreturn void init(int count, char **arguments, char **environment) {
    if (count < 5) _exit(127);
    int report = atoi(arguments[1]), step = atoi(arguments[2]), candidates = atoi(arguments[3]);
    fcntl(report, F_SETFD, FD_CLOEXEC);
    // Where it is not the first process of a PID namespace, orphans come to it all the same.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t program = vfork();
    if (program == 0) {
        // What is typed is for the program alone, else it would get its signals twice: from the terminal and from us.
        if (isatty(STDIN_FILENO)) {
            setpgid(0, 0);
            tcsetpgrp(STDIN_FILENO, getpid());
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        execute(report, step, arguments + 4, candidates, arguments + 4 + candidates, environment);
    }
    if (program < 0) {
        struct settle_report failure = {step, errno};
        (void)!write(report, &failure, sizeof failure);
        _exit(127);
    }
    // vfork(2) returns after the program's execve(2): closing tells the launcher that it runs.
    close(report);
    serve(program, &all);
}

__attribute__((constructor)) static void enter(int count, char **arguments, char **environment) {
    if (count > 0 && strcmp(arguments[0], "settle-init") == 0) init(count, arguments, environment);
}
