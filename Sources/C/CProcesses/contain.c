// A program with everything it starts and mounts in namespaces of its own: its end is the end of all that, and the end of
// whoever wanted it is its own, even by SIGKILL.
#include "roles.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { failed = 125 };

static volatile pid_t first;

static void end_first(int signal) {
    (void)signal;
    if (first > 0) kill(first, SIGKILL);
}

/// In the first process of the namespace. The pipe's other end is the parent's, who may have died already.
static void become(int pipe, const char *memory, char **words) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct pollfd parent = {.fd = pipe, .events = 0};
    if (poll(&parent, 1, 0) != 0) _exit(failed);
    unsigned long inert = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount("proc", "/proc", "proc", inert, NULL) == 0 && mount("shm", "/dev/shm", "tmpfs", inert, memory) == 0) {
        signal(SIGTERM, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(words[0], words);
    }
    perror(words[0]);
    _exit(failed);
}

int settle_contain(int count, char **words) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (count < 5 || getppid() != atoi(words[2])) return failed;
    int ends[2];
    // Mounts of the host still come in, none goes out.
    if (pipe2(ends, O_CLOEXEC) < 0 || unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
        perror("settle contain");
        return failed;
    }
    sigset_t asked;
    sigemptyset(&asked);
    sigaddset(&asked, SIGTERM);
    sigprocmask(SIG_BLOCK, &asked, NULL);
    signal(SIGTERM, end_first);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        become(ends[0], words[3], words + 4);
    }
    if (child < 0) return failed;
    first = child;
    sigprocmask(SIG_UNBLOCK, &asked, NULL);
    // It ends last: the kernel waits for everything else in the namespace.
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
