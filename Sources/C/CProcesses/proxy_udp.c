#include "proxy_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// The datagrams of one client: a socket of the container's network that stands for the client there.
struct session {
    struct source source;
    const struct listener *listener;
    union address client;
    socklen_t client_size;
    union {
        struct in_pktinfo v4;
        struct in6_pktinfo v6;
    } local; // the address that the client wrote to: answers must come from it
    time_t used;
    struct session *chain;
    struct session *older, *newer;
};

enum { IDLE_SECONDS = 60, BUCKETS = 1024, BATCH = 64 };

static struct session *buckets[BUCKETS];
static struct session *oldest, *newest;
static unsigned sessions;
static char datagram[65536];

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

bool udp_prepare(int fd, int family) {
    int yes = 1;
    if (family == 4) return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes) == 0;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof yes) == 0;
}

static time_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static unsigned bucket_of(const struct listener *listener, const union address *client, socklen_t size) {
    uint32_t hash = 2166136261u ^ (uint32_t)listener->source.fd;
    for (socklen_t i = 0; i < size; i++) hash = (hash ^ ((const uint8_t *)client)[i]) * 16777619u;
    return hash % BUCKETS;
}

static void unlink_age(struct session *session) {
    if (session->older) session->older->newer = session->newer;
    else oldest = session->newer;
    if (session->newer) session->newer->older = session->older;
    else newest = session->older;
}

static void touch(struct session *session) {
    session->used = now();
    session->older = newest;
    session->newer = NULL;
    if (newest) newest->newer = session;
    else oldest = session;
    newest = session;
}

static void end(struct session *session) {
    struct session **place = &buckets[bucket_of(session->listener, &session->client, session->client_size)];
    while (*place != session) place = &(*place)->chain;
    *place = session->chain;
    unlink_age(session);
    proxy_close(&session->source);
    proxy_bury(&session->source);
    sessions--;
}

static struct session *session_for(const struct listener *listener, const union address *client, socklen_t size) {
    struct session **bucket = &buckets[bucket_of(listener, client, size)];
    for (struct session *session = *bucket; session; session = session->chain)
        if (session->listener == listener && session->client_size == size && !memcmp(&session->client, client, size)) {
            unlink_age(session);
            touch(session);
            return session;
        }
    // Bounded: the client that was silent longest makes room.
    if (sessions >= proxy_descriptor_limit / 8 && oldest) end(oldest);
    int server = proxy_connect(listener, SOCK_DGRAM);
    struct session *session = server < 0 ? NULL : calloc(1, sizeof *session);
    if (!session) {
        if (server >= 0) close(server);
        return NULL;
    }
    session->source = (struct source){.kind = SESSION, .fd = server};
    if (!proxy_watch(&session->source, EPOLLIN)) {
        close(server);
        free(session);
        return NULL;
    }
    session->listener = listener;
    session->client = *client;
    session->client_size = size;
    session->chain = *bucket;
    *bucket = session;
    sessions++;
    touch(session);
    return session;
}

static void remember_local(struct session *session, struct msghdr *message) {
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (!header) return;
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
        memcpy(&session->local.v4, CMSG_DATA(header), sizeof session->local.v4);
    if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
        memcpy(&session->local.v6, CMSG_DATA(header), sizeof session->local.v6);
}

void udp_from_clients(struct listener *listener) {
    for (int i = 0; i < BATCH; i++) {
        union address client;
        union control control;
        struct iovec bytes = {datagram, sizeof datagram};
        memset(&client, 0, sizeof client);
        struct msghdr message = {.msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &bytes, .msg_iovlen = 1,
                                 .msg_control = &control, .msg_controllen = sizeof control};
        ssize_t size = recvmsg(listener->source.fd, &message, MSG_DONTWAIT);
        if (size < 0) return;
        struct session *session = session_for(listener, &client, message.msg_namelen);
        if (!session) continue;
        remember_local(session, &message);
        send(session->source.fd, datagram, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void answer(const struct session *session, size_t size) {
    union control control;
    memset(&control, 0, sizeof control);
    struct iovec bytes = {datagram, size};
    struct msghdr message = {.msg_name = (void *)&session->client, .msg_namelen = session->client_size,
                             .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control};
    if (session->client.any.sa_family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = session->local.v4.ipi_spec_dst};
        control.header = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
        memcpy(CMSG_DATA(&control.header), &info, sizeof info);
        message.msg_controllen = CMSG_SPACE(sizeof info);
    } else {
        struct in6_pktinfo info = session->local.v6;
        if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
        control.header = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IPV6, IPV6_PKTINFO};
        memcpy(CMSG_DATA(&control.header), &info, sizeof info);
        message.msg_controllen = CMSG_SPACE(sizeof info);
    }
    sendmsg(session->listener->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void udp_from_server(struct source *source) {
    struct session *session = (struct session *)source;
    for (int i = 0; i < BATCH; i++) {
        ssize_t size = recv(source->fd, datagram, sizeof datagram, MSG_DONTWAIT);
        // ECONNREFUSED and its like tell of one lost datagram; reading it clears it.
        if (size < 0) return;
        unlink_age(session);
        touch(session);
        answer(session, (size_t)size);
    }
}

void udp_forget(const struct listener *listener) {
    for (struct session *session = oldest, *next; session; session = next) {
        next = session->newer;
        if (session->listener == listener) end(session);
    }
}

// Ends what was silent for a minute; returns the milliseconds until the next is due, -1 for none.
int udp_expire(void) {
    while (oldest) {
        time_t left = oldest->used + IDLE_SECONDS - now();
        if (left > 0) return (int)left * 1000;
        end(oldest);
    }
    return -1;
}
