// The small processes of a project, written in C so that no Swift runtime is set up in them (the keeper, the holder and
// the proxy live as long as their project), and the calls on processes and sockets that Swift cannot make by itself.
#pragma once

#include "proxy.h"

#include <stdint.h>

// How a child of the keeper ended. The keeper keeps these in a file of `settle_exit_slots` records, the record of
// process `pid` in slot `pid % settle_exit_slots`: bounded, and found without a search. `start_time` tells a process
// from a later one that has its pid, or its slot.
struct settle_exit {
    int32_t pid;         // 0: an empty slot
    int32_t code;        // siginfo's si_code: CLD_EXITED, CLD_KILLED or CLD_DUMPED
    int32_t status;      // siginfo's si_status: the exit code, or the signal
    int32_t reserved;    // 0
    uint64_t start_time; // field 22 of /proc/PID/stat, in clock ticks since boot
    int64_t time;        // when the keeper saw it, in nanoseconds since 1970
};

enum { settle_exit_slots = 65536 };

// The environment variables that a role is entered with. `SETTLE_ROLE` repeats the role word of the command line: a
// `settle keep` typed by hand has no such variable and meets the command line's own usage error.
#define SETTLE_ROLE "SETTLE_ROLE"
#define SETTLE_EXITS "SETTLE_EXITS"           // keeper: path of the file of exits
#define SETTLE_SUPERVISOR "SETTLE_SUPERVISOR" // keeper: path of the supervisor's executable, else /proc/self/exe

// A process to start that shares nothing with its starter: a session of its own, `/` as its folder, no descriptor but
// `descriptors`, no blocked or ignored signal, and no parent to wait for it (it is forked twice).
struct settle_start {
    const char *executable;
    char *const *arguments;
    char *const *environment;
    const int *descriptors; // become 0, 1, 2, …
    int count;              // of descriptors, at most 16
    int cgroup;             // folder of the v2 control group to be born in, -1 for that of the caller
};

// Forks the process and returns its pid; it stands still until a byte is written to *gate, then executes, and is never
// born when *gate is closed instead. After the byte, *outcome reads as end of file, or as the errno of execve (an int).
int settle_start(const struct settle_start *start, int *gate, int *outcome);

// sendmsg(2) of bytes with descriptors attached; recvmsg(2), where *count goes in as room (at most 16) and comes out as
// the number received, each with close-on-exec set. Both with MSG_NOSIGNAL and the flags given.
long settle_send(int socket, const void *bytes, unsigned long length, const int *descriptors, int count, int flags);
long settle_receive(int socket, void *bytes, unsigned long length, int *descriptors, int *count, int flags);

// SO_PEERCRED: the user at the other end of a Unix socket, -1 where it cannot be told.
int64_t settle_peer_user(int socket);

// PIDFD_GET_INFO with PIDFD_INFO_EXIT (Linux 6.15): the wait status of a process that was reaped after the pidfd was
// opened, by whomever. -1 where the kernel cannot say.
int settle_pidfd_exit(int pidfd, int *wait_status);

// splice(2) without blocking, from a pipe to a file at *offset, which is moved on.
long settle_splice(int pipe, int file, int64_t *offset, unsigned long length);

// fcntl(F_SETPIPE_SZ).
int settle_pipe_size(int pipe, int bytes);

// signalfd(2) without blocking, for signals that it blocks in this thread; the next signal that came, 0 for none.
int settle_signals(const int *signals, int count);
int settle_next_signal(int descriptor);

// What the holder speaks, in one message of a SOCK_SEQPACKET socket: this header, then a name. Its shared socket takes
// only 'c' (with one end of a new pair attached), everything else goes over such a connection and is answered there.
struct settle_hold {
    int32_t operation; // 'c'onnect, 'p'ut, 'g'et, 'd'rop, 'l'ist, 'e'nd; in an answer 0 or an errno
    int32_t position;  // 'l'ist: the first name wanted; in its answer the next one to ask for, 0 at the end
};

enum {
    settle_hold_inner = 3,     // the holder's end of its shared socket
    settle_hold_outer = 4,     // the end that a client borrows by pidfd_getfd(2)
    settle_hold_name = 128,    // longest name with its end, in bytes
    settle_hold_list = 16384,  // longest list of names in one answer, each ended by 0
    settle_hold_slots = 8192,  // descriptors held at most
    settle_hold_clients = 16,
};
