#include "proxy_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

unsigned proxy_descriptor_limit;
static int poller;
static int home;
static struct listener *listeners;
static struct source *dead;

bool proxy_watch(struct source *source, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(poller, EPOLL_CTL_ADD, source->fd, &event) == 0 ||
           (errno == EEXIST && epoll_ctl(poller, EPOLL_CTL_MOD, source->fd, &event) == 0);
}

void proxy_close(struct source *source) {
    if (source->fd >= 0) close(source->fd);
    source->fd = -1;
}

void proxy_bury(struct source *source) {
    source->next_dead = dead;
    dead = source;
}

static void free_dead(void) {
    while (dead) {
        struct source *next = dead->next_dead;
        free(dead);
        dead = next;
    }
}

socklen_t proxy_address(const struct settle_proxy_endpoint *endpoint, union address *address) {
    memset(address, 0, sizeof *address);
    if (endpoint->family == 4) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(endpoint->port);
        memcpy(&address->v4.sin_addr, endpoint->address, 4);
        return sizeof address->v4;
    }
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(endpoint->port);
    memcpy(&address->v6.sin6_addr, endpoint->address, 16);
    return sizeof address->v6;
}

static int in_namespace_socket(int network_namespace, int family, int type) {
    if (setns(network_namespace, CLONE_NEWNET)) return -1;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int reason = errno;
    // Security: going on inside a container's network would open the next listener there.
    if (setns(home, CLONE_NEWNET)) _exit(70);
    errno = reason;
    return fd;
}

// A socket of the target's network, connected or connecting to the target; -1 and errno.
int proxy_connect(const struct listener *listener, int type) {
    union address address;
    socklen_t length = proxy_address(&listener->entry.target, &address);
    int fd = in_namespace_socket(listener->network_namespace, address.any.sa_family, type);
    if (fd < 0) return -1;
    if (connect(fd, &address.any, length) == 0 || errno == EINPROGRESS) return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static int open_listener(const struct settle_proxy_endpoint *endpoint) {
    union address address;
    socklen_t length = proxy_address(endpoint, &address);
    bool tcp = endpoint->protocol == IPPROTO_TCP;
    int fd = socket(address.any.sa_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int yes = 1;
    // SO_REUSEADDR lets TCP bind past connections in TIME_WAIT; with UDP it would let two processes share the port.
    bool ready = (!tcp || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0) &&
                 (endpoint->family == 4 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) == 0) &&
                 (tcp || udp_prepare(fd, endpoint->family)) && bind(fd, &address.any, length) == 0 &&
                 (!tcp || listen(fd, SOMAXCONN) == 0);
    if (ready) return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static struct listener **find(const struct settle_proxy_endpoint *key) {
    struct listener **place = &listeners;
    while (*place && memcmp(&(*place)->entry.listen, key, sizeof *key)) place = &(*place)->next;
    return place;
}

static bool same_target(const struct settle_proxy_entry *a, const struct settle_proxy_entry *b) {
    return a->network_namespace == b->network_namespace && !memcmp(&a->target, &b->target, sizeof a->target);
}

static int create(const struct settle_proxy_entry *entry, int network_namespace) {
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) return ENOMEM;
    listener->entry = *entry;
    listener->network_namespace = network_namespace;
    listener->source = (struct source){.kind = LISTENER, .fd = open_listener(&entry->listen)};
    if (listener->source.fd < 0 || !proxy_watch(&listener->source, EPOLLIN)) {
        int reason = errno;
        proxy_close(&listener->source);
        free(listener);
        return reason;
    }
    struct listener **end = &listeners;
    while (*end) end = &(*end)->next;
    *end = listener;
    return 0;
}

static bool valid(const struct settle_proxy_endpoint *endpoint) {
    return (endpoint->family == 4 || endpoint->family == 6) && endpoint->port != 0 &&
           (endpoint->protocol == IPPROTO_TCP || endpoint->protocol == IPPROTO_UDP);
}

// Takes over the descriptor when it returns 0.
static int publish(struct settle_proxy_entry *entry, int network_namespace) {
    struct stat status;
    if (!valid(&entry->listen) || !valid(&entry->target) || network_namespace < 0) return EINVAL;
    if (fstat(network_namespace, &status)) return errno;
    entry->network_namespace = status.st_ino;
    entry->container[sizeof entry->container - 1] = 0;
    struct listener *old = *find(&entry->listen);
    if (!old) return create(entry, network_namespace);
    if (!same_target(&old->entry, entry)) udp_forget(old);
    close(old->network_namespace);
    old->network_namespace = network_namespace;
    old->entry = *entry;
    return 0;
}

static int withdraw(const struct settle_proxy_endpoint *key) {
    struct listener **place = find(key), *listener = *place;
    if (!listener) return ENOENT;
    *place = listener->next;
    tcp_forget(listener);
    udp_forget(listener);
    proxy_close(&listener->source);
    close(listener->network_namespace);
    proxy_bury(&listener->source);
    return 0;
}

static void list(uint32_t first, struct settle_proxy_answer *answer) {
    for (struct listener *listener = listeners; listener; listener = listener->next) {
        if (answer->total++ < first || answer->count == SETTLE_PROXY_PAGE) continue;
        answer->entries[answer->count++] = listener->entry;
    }
    answer->connections = tcp_connections;
}

static void end_control(struct source *source) {
    proxy_close(source);
    proxy_bury(source);
}

static void control_event(struct source *source) {
    struct settle_proxy_request request;
    static struct settle_proxy_answer answer;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } extra;
    struct iovec bytes = {&request, sizeof request};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &extra, .msg_controllen = sizeof extra};
    ssize_t size = recvmsg(source->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    int descriptor = -1;
    struct cmsghdr *header = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    if (size != sizeof request) {
        if (descriptor >= 0) close(descriptor);
        end_control(source);
        return;
    }
    memset(&answer, 0, sizeof answer);
    switch (request.verb) {
    case SETTLE_PROXY_PUBLISH:
        answer.error = publish(&request.entry, descriptor);
        if (answer.error == 0) descriptor = -1;
        break;
    case SETTLE_PROXY_WITHDRAW: answer.error = withdraw(&request.entry.listen); break;
    case SETTLE_PROXY_LIST: list(request.first, &answer); break;
    default: answer.error = EINVAL;
    }
    if (descriptor >= 0) close(descriptor);
    size_t used = offsetof(struct settle_proxy_answer, entries) + answer.count * sizeof answer.entries[0];
    if (send(source->fd, &answer, used, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) end_control(source);
}

static void accept_control(struct source *source) {
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    struct ucred peer;
    socklen_t size = sizeof peer;
    struct source *control = calloc(1, sizeof *control);
    // Security: whoever controls the proxy opens ports of this machine. The folder of the socket is closed to others
    // (0700); this holds should somebody open it.
    bool trusted = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
    if (control) *control = (struct source){.kind = CONTROL, .fd = fd};
    if (control && trusted && proxy_watch(control, EPOLLIN)) return;
    close(fd);
    free(control);
}

static void renew_socket(struct source *source, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    unlink(path);
    mode_t mask = umask(0177);
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    umask(mask);
    if (!bound || listen(fd, 16)) {
        close(fd);
        return;
    }
    proxy_close(source);
    source->fd = fd;
    proxy_watch(source, EPOLLIN);
}

static void dispatch(struct source *source, uint32_t events, struct source *control, const char *path) {
    if (source->fd < 0) return;
    switch (source->kind) {
    case CONTROL_LISTENER: accept_control(source); return;
    case CONTROL: control_event(source); return;
    case LISTENER: {
        struct listener *listener = (struct listener *)source;
        if (listener->entry.listen.protocol == IPPROTO_TCP) tcp_accept(listener);
        else udp_from_clients(listener);
        return;
    }
    case CLIENT:
    case SERVER: tcp_event(source, events); return;
    case SESSION: udp_from_server(source); return;
    case SIGNALS: {
        struct signalfd_siginfo signal;
        if (read(source->fd, &signal, sizeof signal) != sizeof signal) return;
        if (signal.ssi_signo == SIGTERM) _exit(0);
        renew_socket(control, path);
        return;
    }
    }
}

static void raise_descriptor_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    proxy_descriptor_limit = limit.rlim_cur > 1000000 ? 1000000 : (unsigned)limit.rlim_cur;
}

int settle_proxy_main(int argc, char **argv) {
    if (argc < 4) return 64;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0);
    raise_descriptor_limit();
    poller = epoll_create1(EPOLL_CLOEXEC);
    home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    struct source control = {.kind = CONTROL_LISTENER, .fd = 3};
    struct source signal_source = {.kind = SIGNALS, .fd = signalfd(-1, &signals, SFD_CLOEXEC)};
    fcntl(control.fd, F_SETFL, O_NONBLOCK);
    fcntl(control.fd, F_SETFD, FD_CLOEXEC);
    if (poller < 0 || home < 0 || !proxy_watch(&control, EPOLLIN) || !proxy_watch(&signal_source, EPOLLIN)) return 71;
    tcp_start();
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(poller, events, 64, udp_expire());
        if (count < 0 && errno != EINTR) return 71;
        for (int i = 0; i < count; i++) dispatch(events[i].data.ptr, events[i].events, &control, argv[3]);
        free_dead();
    }
}
