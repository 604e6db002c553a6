#include "network.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

int settle_enter_network(int namespace_descriptor) { return setns(namespace_descriptor, CLONE_NEWNET); }

int settle_unshare_network(void) { return unshare(CLONE_NEWNET); }

int settle_is_network_namespace(int descriptor) { return ioctl(descriptor, NS_GET_NSTYPE) == CLONE_NEWNET; }

int settle_memfd_create(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

long settle_send_packet(int socket, const void *bytes, size_t count, int descriptor) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } extra;
    struct iovec part = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        memset(&extra, 0, sizeof extra);
        message.msg_control = &extra;
        message.msg_controllen = sizeof extra;
        extra.header.cmsg_len = CMSG_LEN(sizeof(int));
        extra.header.cmsg_level = SOL_SOCKET;
        extra.header.cmsg_type = SCM_RIGHTS;
        memcpy(CMSG_DATA(&extra.header), &descriptor, sizeof descriptor);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}
