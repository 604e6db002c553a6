#include "terminal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// Security: the path leads through folders that a container rules. Whatever it names is opened only if it is a ptmx
// (device 5:2, which has no effect but a new terminal); until then it is held by O_PATH, which opens nothing.
static int open_ptmx(const char *path) {
    int held = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (held < 0) return -1;
    struct stat status;
    int outer = -1;
    if (fstat(held, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(5, 2)) {
        char name[32];
        snprintf(name, sizeof name, "/proc/self/fd/%d", held);
        outer = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    close(held);
    return outer;
}

int settle_terminal(const char *ptmx, int *inner) {
    int outer = open_ptmx(ptmx);
    if (outer < 0) outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (outer < 0) return -1;
    // TIOCGPTPEER needs no path.
    if (unlockpt(outer) == 0 && (*inner = ioctl(outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0) return outer;
    close(outer);
    return -1;
}
