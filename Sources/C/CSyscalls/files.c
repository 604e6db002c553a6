#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)place;
    return kind == FTW_DP ? rmdir(path) : unlink(path);
}

int settle_remove_tree(const char *path) { return nftw(path, remove_entry, 64, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }

static _Noreturn void remove_what_is_named(int pipe, pid_t parent) {
    // Whoever comes after a parent that was killed shall meet nobody who still removes.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Whoever waits for the end of the parent's connections shall not wait for this one.
    if (getppid() != parent || dup2(pipe, 0) < 0) _exit(1);
    syscall(SYS_close_range, 1u, ~0u, 0u);
    char *path = NULL;
    size_t room = 0;
    while (getdelim(&path, &room, 0, stdin) > 0) settle_remove_tree(path);
    _exit(0);
}

int settle_start_removing(int pipe[2]) {
    if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0) return -1;
    fcntl(pipe[0], F_SETFL, 0);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) remove_what_is_named(pipe[0], parent);
    if (child < 0) {
        close(pipe[0]);
        close(pipe[1]);
    }
    return child;
}

void settle_await(int child) {
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
}

int settle_rename_new(const char *from, const char *to) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1);
}

int settle_attribute_is(int file, const char *name, char value) {
    char found = 0;
    return fgetxattr(file, name, &found, 1) == 1 && found == value;
}

int settle_sync_file_system(int file) { return syncfs(file); }
