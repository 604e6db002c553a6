// Everything here happens before the first byte of an archive is read, so that whoever finds a hole in what reads it finds
// himself in an empty room.
#include "CUnpack.h"
#include "../native.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int settle_unpack_fork(void) {
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(0);
    }
    return child;
}

/// The folder becomes the root of a mount namespace in which nothing else is mounted that could be reached.
static const char *enter(const char *root) {
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0) return "unshare";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return "mount";
    if (mount(root, root, NULL, MS_BIND, NULL) < 0) return "mount";
    // A device that an archive brings cannot be opened here, and nothing be executed.
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOSUID | MS_NOEXEC;
    if (mount(NULL, root, NULL, flags, NULL) < 0) return "mount";
    if (chdir(root) < 0) return "chdir";
    // Not pivot_root(2), which an initial RAM disk refuses.
    if (mount(".", "/", NULL, MS_MOVE, NULL) < 0) return "mount";
    if (chroot(".") < 0) return "chroot";
    return chdir("/") < 0 ? "chdir" : NULL;
}

static int limit(__rlimit_resource_t resource, int64_t value) {
    struct rlimit old;
    if (getrlimit(resource, &old) < 0) return -1;
    rlim_t most = (rlim_t)value < old.rlim_max ? (rlim_t)value : old.rlim_max;
    struct rlimit next = {most, most};
    return setrlimit(resource, &next);
}

static const char *limit_all(int64_t largest_file) {
    signal(SIGXFSZ, SIG_IGN); // EFBIG instead
    if (limit(RLIMIT_FSIZE, largest_file) < 0 || limit(RLIMIT_CORE, 0) < 0 || limit(RLIMIT_NOFILE, 64) < 0 ||
        limit(RLIMIT_AS, (int64_t)2 << 30) < 0 || limit(RLIMIT_MEMLOCK, 0) < 0)
        return "setrlimit";
    return NULL;
}

/// CAP_SYS_ADMIN is for extended attributes of the names `trusted.`; every other call that asks for it is refused by the
/// filter below.
static const char *drop_capabilities(void) {
    static const int kept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP, CAP_SYS_ADMIN};
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) return "prctl";
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
    for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++) data[0].permitted |= 1u << kept[i];
    data[0].effective = data[0].permitted;
    return syscall(SYS_capset, &header, data) < 0 ? "capset" : NULL;
}

/// What reading an archive and writing files takes; memory; ending. No other process, no socket, no mount, no execve.
static const int allowed[] = {
    SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_lseek, SYS_close, SYS_fcntl,
    SYS_openat, SYS_openat2, SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_unlinkat, SYS_readlinkat,
    SYS_fchown, SYS_fchownat, SYS_fchmod, SYS_fchmodat, SYS_utimensat, SYS_ftruncate, SYS_fchdir,
    SYS_fsetxattr, SYS_lsetxattr, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_getdents64,
    SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_brk, SYS_madvise, SYS_futex,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall,
    SYS_clock_gettime, SYS_getrandom, SYS_getpid, SYS_gettid, SYS_tgkill, SYS_exit, SYS_exit_group,
};
enum { count = sizeof allowed / sizeof *allowed, head = 4 };

static const char *filter_calls(void) {
    struct sock_filter code[head + count + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (int i = 0; i < count; i++)
        code[head + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], (unsigned char)(count - i), 0);
    code[head + count] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    code[head + count + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {head + count + 2, code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? "seccomp" : NULL;
}

const char *settle_unpack_confine(const struct settle_confinement *confinement) {
    const char *failed = NULL;
    umask(0);
    if (confinement->is_privileged) failed = enter(confinement->root);
    if (!failed) failed = limit_all(confinement->largest_file);
    if (!failed && confinement->is_privileged) failed = drop_capabilities();
    if (!failed && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) failed = "prctl";
    return failed ? failed : filter_calls();
}
