// What the files of the proxy share.
#pragma once

#include "proxy.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum source_kind { CONTROL_LISTENER, CONTROL, SIGNALS, LISTENER, CLIENT, SERVER, SESSION };

// What epoll reports about. It is the first member of what it belongs to. `fd` is -1 once closed: an event of the same
// batch may still name it, so memory is freed after the batch only.
struct source {
    enum source_kind kind;
    int fd;
    struct source *next_dead;
};

struct listener {
    struct source source;
    struct listener *next;
    struct settle_proxy_entry entry;
    int network_namespace;
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

// proxy.c
bool proxy_watch(struct source *source, uint32_t events);
void proxy_close(struct source *source);
void proxy_bury(struct source *source);
int proxy_connect(const struct listener *listener, int type);
socklen_t proxy_address(const struct settle_proxy_endpoint *endpoint, union address *address);
extern unsigned proxy_descriptor_limit;

// proxy_tcp.c
void tcp_accept(struct listener *listener);
void tcp_event(struct source *source, uint32_t events);
void tcp_forget(const struct listener *listener);
void tcp_start(void);
extern unsigned tcp_connections;

// proxy_udp.c
bool udp_prepare(int fd, int family);
void udp_from_clients(struct listener *listener);
void udp_from_server(struct source *source);
void udp_forget(const struct listener *listener);
int udp_expire(void);
