// The first process of a shared PID namespace: it keeps the namespace alive and reaps what is left to it.
#include "roles.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

int settle_pause(void) {
    // Containers see this process in their /proc: without this, /proc/1/exe would lead them to Settle's binary.
    prctl(PR_SET_DUMPABLE, 0);
    sigset_t signals;
    sigfillset(&signals);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    for (;;) {
        int signal = sigwaitinfo(&signals, NULL);
        if (signal == SIGTERM || signal == SIGINT) return 0;
        while (waitpid(-1, NULL, WNOHANG) > 0) {}
    }
}
