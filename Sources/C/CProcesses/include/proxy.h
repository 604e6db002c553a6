// The proxy of a project: the process that listens on its published ports.
#pragma once

#include <stdint.h>

// The role `settle proxy PROJECT SOCKET`. Descriptor 3 is a listening SOCK_SEQPACKET Unix socket: each of its
// connections takes requests and gives one answer to each. SIGHUP makes the socket anew at the path SOCKET,
// SIGTERM ends the process. Returns the exit status.
int settle_proxy_main(int argc, char **argv);

enum { SETTLE_PROXY_PUBLISH = 1, SETTLE_PROXY_WITHDRAW = 2, SETTLE_PROXY_LIST = 3 };
enum { SETTLE_PROXY_PAGE = 32 };

struct settle_proxy_endpoint {
    uint8_t address[16]; // network byte order, the first 4 bytes for IPv4
    uint16_t port;       // host byte order
    uint8_t family;      // 4 or 6
    uint8_t protocol;    // IPPROTO_TCP or IPPROTO_UDP
};

// A published port. `listen` is its key.
struct settle_proxy_entry {
    struct settle_proxy_endpoint listen;
    struct settle_proxy_endpoint target;
    uint64_t network_namespace; // inode; in answers only, requests send a descriptor
    char container[128];        // who is behind it, for observers; ends with a zero byte
};

// PUBLISH carries the target's network namespace as a descriptor (SCM_RIGHTS); a key that is there already gets the
// new target, and keeps its socket and its TCP connections. WITHDRAW closes the socket and its connections. LIST
// answers with the entries from number `first` on.
struct settle_proxy_request {
    uint32_t verb;
    uint32_t first;
    struct settle_proxy_entry entry;
};

struct settle_proxy_answer {
    int32_t error;  // errno, 0 for success
    uint32_t total; // LIST: how many entries there are
    uint32_t count; // LIST: how many this answer holds
    uint32_t connections;
    struct settle_proxy_entry entries[SETTLE_PROXY_PAGE];
};
