// What runs between clone3(2) and execve(2), and as the first process of a container with `init: true`.
#pragma once

#include <stdint.h>

/// One system call. `slots` has bit n set where argument n is an index into the slots instead of a value.
struct settle_step {
    long number;
    uint64_t arguments[6];
    int32_t least;
    int16_t result;
    uint8_t slots;
    uint8_t tolerated[3];
};

/// What is written to the report's pipe when a step fails.
struct settle_report {
    int32_t step;
    int32_t error;
};

struct settle_program {
    const struct settle_step *steps;
    int32_t count;
    /// Index of the slot that holds the report's descriptor.
    int32_t report;
    int32_t *slots;
};

/// clone3(2) and, in the child, the program. `cgroup` is a folder of cgroup v2 or -1; `processes` is a PID namespace
/// (or a pidfd in it) to be born in, or -1. Returns the pid, or -1 and errno; `pidfd` receives the pidfd.
int settle_launch(const struct settle_program *program, uint64_t flags, int cgroup, int processes, int *pidfd);

struct settle_filter {
    uint16_t code;
    uint8_t jump_true, jump_false;
    uint32_t value;
};
enum { settle_filter_limit = 128 };

/// Writes the seccomp filter for a process with these capabilities (a bit each); returns its length.
int settle_filter_compose(uint64_t capabilities, struct settle_filter *filter);

/// The kernel's number of a system call, -1 where programs have no use for it.
long settle_call_number(const char *name);

int settle_openat2(int folder, const char *path, uint64_t flags, uint64_t resolve);
int settle_open_tree(int folder, const char *path, unsigned flags);
int settle_mount_read_only(int mount);
int settle_pipe(int *ends);
/// The other side of a pseudoterminal, unlocked and opened.
int settle_terminal_peer(int master);
