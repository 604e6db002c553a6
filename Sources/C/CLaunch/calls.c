#include "CLaunch.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    long number;
} calls[] = {
#define CALL(name) {#name, SYS_##name}
    CALL(capset),        CALL(chdir),      CALL(close),    CALL(close_range), CALL(dup3),        CALL(execve),
    CALL(execveat),      CALL(fchownat),   CALL(ioctl),    CALL(keyctl),      CALL(mkdirat),     CALL(mknodat),
    CALL(mount),         CALL(move_mount), CALL(openat),   CALL(openat2), CALL(open_tree),   CALL(pivot_root),  CALL(prctl),
    CALL(mount_setattr), CALL(read),       CALL(seccomp),  CALL(setgroups),   CALL(sethostname), CALL(setns),
    CALL(setresgid),     CALL(setresuid),  CALL(setsid),   CALL(symlinkat),   CALL(umask),       CALL(umount2),
    CALL(unshare),       CALL(write),      CALL(sendmsg),
#undef CALL
};

long settle_call_number(const char *name) {
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, name) == 0) return calls[i].number;
    return -1;
}

int settle_openat2(int folder, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

int settle_open_tree(int folder, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, folder, path, flags);
}

int settle_mount_read_only(int mount) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    return (int)syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}

int settle_pipe(int *ends) { return pipe2(ends, O_CLOEXEC); }

int settle_terminal_peer(int master) {
    int unlocked = 0;
    if (ioctl(master, TIOCSPTLCK, &unlocked) < 0) return -1;
    return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}
