#include "CLaunch.h"
#include "../native.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include <errno.h>

// What Docker's profile refuses, short of the calls that a missing capability refuses anyway: the kernel's rarely
// used, often broken parts, and those that reach across containers. A capability that is there lifts the refusal.
static const struct {
    long number;
    int unless;
} refused[] = {
    {SYS_add_key, -1},
    {SYS_keyctl, -1},
    {SYS_request_key, -1},
    {SYS_bpf, CAP_BPF},
    {SYS_perf_event_open, CAP_PERFMON},
    {SYS_userfaultfd, CAP_SYS_PTRACE},
    {SYS_io_uring_setup, CAP_SYS_ADMIN},
    {SYS_io_uring_enter, CAP_SYS_ADMIN},
    {SYS_io_uring_register, CAP_SYS_ADMIN},
    {SYS_open_by_handle_at, CAP_DAC_READ_SEARCH},
    {SYS_kexec_load, CAP_SYS_BOOT},
    {SYS_kexec_file_load, CAP_SYS_BOOT},
    {SYS_init_module, CAP_SYS_MODULE},
    {SYS_finit_module, CAP_SYS_MODULE},
    {SYS_delete_module, CAP_SYS_MODULE},
    {SYS_move_pages, CAP_SYS_NICE},
    {SYS_mbind, CAP_SYS_NICE},
    {SYS_set_mempolicy, CAP_SYS_NICE},
    {SYS_migrate_pages, CAP_SYS_NICE},
};

static int add(struct settle_filter *filter, int at, int code, uint32_t value, int yes, int no) {
    filter[at] = (struct settle_filter){(uint16_t)code, (uint8_t)yes, (uint8_t)no, value};
    return at + 1;
}

static int load(struct settle_filter *filter, int at, size_t offset) {
    return add(filter, at, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static int answer(struct settle_filter *filter, int at, int error) {
    return add(filter, at, BPF_RET | BPF_K, error ? SECCOMP_RET_ERRNO | (uint32_t)error : SECCOMP_RET_ALLOW, 0, 0);
}

static int refuse(struct settle_filter *filter, int at, long number, int error) {
    at = add(filter, at, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
    return answer(filter, at, error);
}

// A user namespace gives all capabilities inside it, and with them the kernel's code behind them.
static int refuse_user_namespaces(struct settle_filter *filter, int at) {
    static const long calls[] = {SYS_clone, SYS_unshare};
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
        at = add(filter, at, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 4);
        at = load(filter, at, offsetof(struct seccomp_data, args[0]));
        at = add(filter, at, BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1);
        at = answer(filter, at, EPERM);
        at = answer(filter, at, 0);
    }
    // Its flags lie in memory, where a filter cannot look; ENOSYS makes libraries fall back to clone(2).
    return refuse(filter, at, SYS_clone3, ENOSYS);
}

int settle_filter_compose(uint64_t capabilities, struct settle_filter *filter) {
    int at = load(filter, 0, offsetof(struct seccomp_data, arch));
    at = add(filter, at, BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
    // The numbers below mean other calls on other architectures.
    at = answer(filter, at, ENOSYS);
    at = load(filter, at, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    enum { x32 = 0x40000000 };
    at = add(filter, at, BPF_JMP | BPF_JGE | BPF_K, x32, 0, 1);
    at = answer(filter, at, ENOSYS);
#endif
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
        int unless = refused[i].unless;
        if (unless < 0 || !(capabilities >> unless & 1)) at = refuse(filter, at, refused[i].number, EPERM);
    }
    if (!(capabilities >> CAP_SYS_ADMIN & 1)) at = refuse_user_namespaces(filter, at);
    return answer(filter, at, 0);
}
