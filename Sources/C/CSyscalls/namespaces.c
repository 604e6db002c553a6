#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

static int flag_of(const char *kind) {
    if (strcmp(kind, "net") == 0) return CLONE_NEWNET;
    if (strcmp(kind, "ipc") == 0) return CLONE_NEWIPC;
    if (strcmp(kind, "uts") == 0) return CLONE_NEWUTS;
    return 0;
}

int settle_new_namespace(const char *kind) {
    int flag = flag_of(kind);
    if (flag == 0) {
        errno = EINVAL;
        return -1;
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/thread-self/ns/%s", kind);
    int home = open(path, O_RDONLY | O_CLOEXEC);
    if (home < 0) return -1;
    int made = -1;
    int failure = 0;
    if (unshare(flag) == 0) {
        made = open(path, O_RDONLY | O_CLOEXEC);
        failure = errno;
        if (setns(home, flag) != 0) abort();
    } else {
        failure = errno;
    }
    close(home);
    if (made < 0) errno = failure;
    return made;
}

int settle_is_pinned(const char *path) {
    struct statfs status;
    return statfs(path, &status) == 0 && status.f_type == NSFS_MAGIC;
}
