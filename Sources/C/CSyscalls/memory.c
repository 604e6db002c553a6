#include "CSyscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

// Set by the linker: from the first page of the program to the end of its code. Nothing there is ever written.
extern char __executable_start, etext;

void settle_release_memory(void) {
    malloc_trim(0);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t end = (uintptr_t)&etext & ~(page - 1);
    madvise(&__executable_start, end - (uintptr_t)&__executable_start, MADV_DONTNEED);
}

int settle_open_tmpfs(int root, const char *path) {
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
    int opened = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    struct statfs status;
    if (opened < 0) return -1;
    if (fstatfs(opened, &status) == 0 && status.f_type == TMPFS_MAGIC) return opened;
    close(opened);
    errno = ENOTSUP;
    return -1;
}

int64_t settle_tmpfs_size(int folder) {
    struct statfs status;
    return fstatfs(folder, &status) < 0 ? -1 : (int64_t)status.f_blocks * (int64_t)status.f_bsize;
}

int settle_resize_tmpfs(int folder, const char *bytes) {
    int context = (int)syscall(SYS_fspick, folder, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
    if (context < 0) return -1;
    long result = syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", bytes, 0);
    if (result == 0) result = syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
    int error = errno;
    close(context);
    errno = error;
    return result < 0 ? -1 : 0;
}
