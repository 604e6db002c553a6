#include "CProcesses.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { most_descriptors = 16 };

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(most_descriptors * sizeof(int))];
};

long settle_send(int socket, const void *bytes, unsigned long length, const int *descriptors, int count, int flags) {
    union control control = {.room = {0}};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > most_descriptors) {
        errno = E2BIG;
        return -1;
    }
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, (size_t)count * sizeof(int));
    }
    return sendmsg(socket, &message, flags | MSG_NOSIGNAL);
}

long settle_receive(int socket, void *bytes, unsigned long length, int *descriptors, int *count, int flags) {
    union control control;
    struct iovec part = {.iov_base = bytes, .iov_len = length};
    // No room for more descriptors than the caller takes: the kernel drops the rest, none is left open unseen.
    int room = *count < most_descriptors ? *count : most_descriptors;
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = room > 0 ? &control : NULL,
        .msg_controllen = room > 0 ? CMSG_LEN((size_t)room * sizeof(int)) : 0,
    };
    *count = 0;
    long received = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        *count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(descriptors, CMSG_DATA(header), (size_t)*count * sizeof(int));
    }
    return received;
}

int64_t settle_peer_user(int socket) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? -1 : (int64_t)peer.uid;
}

// struct pidfd_info of <linux/pidfd.h> in its first published size; older headers lack it.
struct pidfd_info_v0 {
    uint64_t mask;
    uint64_t cgroup;
    uint32_t ids[11];
    int32_t exit_code;
};

int settle_pidfd_exit(int pidfd, int *wait_status) {
    const uint64_t exit_known = 1 << 3; // PIDFD_INFO_EXIT
    struct pidfd_info_v0 info = {.mask = exit_known};
    if (ioctl(pidfd, _IOWR(0xFF, 11, struct pidfd_info_v0), &info) < 0) return -1;
    if ((info.mask & exit_known) == 0) {
        errno = ENODATA;
        return -1;
    }
    *wait_status = info.exit_code;
    return 0;
}

long settle_splice(int pipe, int file, int64_t *offset, unsigned long length) {
    loff_t position = *offset;
    long moved = splice(pipe, NULL, file, &position, length, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    *offset = position;
    return moved;
}

int settle_pipe_size(int pipe, int bytes) { return fcntl(pipe, F_SETPIPE_SZ, bytes); }

int settle_signals(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int index = 0; index < count; index++) sigaddset(&set, signals[index]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int settle_next_signal(int descriptor) {
    struct signalfd_siginfo information;
    return read(descriptor, &information, sizeof information) == sizeof information ? (int)information.ssi_signo : 0;
}
