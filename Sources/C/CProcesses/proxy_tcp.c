#include "proxy_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

// One direction: bytes go from one socket through a pipe to the other by splice(2), never through our memory.
struct flow {
    int pipe[2]; // both 0 while nothing is held: descriptor 0 is never a pipe of ours
    size_t held;
    bool ended;
};

struct connection {
    struct source client; // first: freed through it
    struct source server;
    const struct listener *listener;
    bool connected;
    struct flow up, down;
    struct connection *previous, *next;
};

enum { CHUNK = 65536, ROUNDS = 32, SPARE_PIPES = 16, ACCEPTS = 64 };
enum progress { WAITING, MORE, BROKEN };

unsigned tcp_connections;
static struct connection *connections;
static int spare_pipes[SPARE_PIPES][2];
static int spare_pipe_count;
// Given up for a moment when descriptors run out, to accept and refuse a client that would wait for ever otherwise.
static int reserve = -1;

void tcp_start(void) { reserve = open("/dev/null", O_RDONLY | O_CLOEXEC); }

// Closing resets the connection instead of ending it in order, so that the peer does not take half for the whole.
static void set_reset(int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static bool hold_pipe(struct flow *flow) {
    if (flow->pipe[1]) return true;
    if (spare_pipe_count == 0) return pipe2(flow->pipe, O_CLOEXEC | O_NONBLOCK) == 0;
    spare_pipe_count--;
    flow->pipe[0] = spare_pipes[spare_pipe_count][0];
    flow->pipe[1] = spare_pipes[spare_pipe_count][1];
    return true;
}

// An idle connection holds no pipe: two descriptors instead of six. Only an empty pipe may serve another connection.
static void release_pipe(struct flow *flow) {
    if (!flow->pipe[1]) return;
    if (flow->held == 0 && spare_pipe_count < SPARE_PIPES) {
        spare_pipes[spare_pipe_count][0] = flow->pipe[0];
        spare_pipes[spare_pipe_count++][1] = flow->pipe[1];
    } else {
        close(flow->pipe[0]);
        close(flow->pipe[1]);
    }
    flow->pipe[0] = flow->pipe[1] = 0;
}

static void end(struct connection *connection, bool reset) {
    if (reset) {
        set_reset(connection->client.fd);
        set_reset(connection->server.fd);
    }
    release_pipe(&connection->up);
    release_pipe(&connection->down);
    proxy_close(&connection->client);
    proxy_close(&connection->server);
    if (connection->previous) connection->previous->next = connection->next;
    else connections = connection->next;
    if (connection->next) connection->next->previous = connection->previous;
    tcp_connections--;
    proxy_bury(&connection->client);
}

// Moves what can be moved without waiting, for a bounded number of rounds: one busy connection must not starve others.
static enum progress pump(int from, int to, struct flow *flow) {
    for (int round = 0; round < ROUNDS; round++) {
        if (flow->held == 0) {
            if (flow->ended) return WAITING;
            if (!hold_pipe(flow)) return BROKEN;
            ssize_t count = splice(from, NULL, flow->pipe[1], NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) release_pipe(flow);
            if (count < 0) return errno == EAGAIN ? WAITING : BROKEN;
            if (count == 0) {
                flow->ended = true;
                shutdown(to, SHUT_WR);
                return WAITING;
            }
            flow->held = (size_t)count;
        }
        ssize_t count = splice(flow->pipe[0], NULL, to, NULL, flow->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno == EAGAIN ? WAITING : BROKEN;
        flow->held -= (size_t)count;
    }
    return MORE;
}

static const uint32_t interest = EPOLLIN | EPOLLOUT | EPOLLET;

static void move(struct connection *connection) {
    struct flow *up = &connection->up, *down = &connection->down;
    enum progress upward = pump(connection->client.fd, connection->server.fd, up);
    enum progress downward = upward == BROKEN ? BROKEN : pump(connection->server.fd, connection->client.fd, down);
    if (downward == BROKEN) {
        end(connection, true);
    } else if (up->ended && down->ended && up->held + down->held == 0) {
        end(connection, false);
    } else if (upward == MORE || downward == MORE) {
        // An edge-triggered source says nothing again by itself; watching it anew reports what is still ready.
        if (!proxy_watch(&connection->client, interest) || !proxy_watch(&connection->server, interest))
            end(connection, true);
    }
}

static struct connection *connection_of(struct source *source) {
    if (source->kind == CLIENT) return (struct connection *)source;
    return (struct connection *)((char *)source - offsetof(struct connection, server));
}

void tcp_event(struct source *source, uint32_t events) {
    struct connection *connection = connection_of(source);
    if (events & EPOLLERR) {
        end(connection, true);
        return;
    }
    if (!connection->connected) {
        if (source->kind == CLIENT || !(events & EPOLLOUT)) return;
        connection->connected = true;
    }
    move(connection);
}

static void refuse(int client) {
    set_reset(client);
    close(client);
}

static void start(const struct listener *listener, int client) {
    // A quarter: two sockets each, and one pipe for every connection that has bytes on their way.
    int server = tcp_connections < proxy_descriptor_limit / 4 ? proxy_connect(listener, SOCK_STREAM) : -1;
    struct connection *connection = server < 0 ? NULL : calloc(1, sizeof *connection);
    if (!connection) {
        if (server >= 0) close(server);
        refuse(client);
        return;
    }
    int yes = 1;
    for (int i = 0; i < 2; i++) {
        setsockopt(i ? server : client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        setsockopt(i ? server : client, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    }
    connection->client = (struct source){.kind = CLIENT, .fd = client};
    connection->server = (struct source){.kind = SERVER, .fd = server};
    connection->listener = listener;
    connection->next = connections;
    if (connections) connections->previous = connection;
    connections = connection;
    tcp_connections++;
    if (!proxy_watch(&connection->server, interest) || !proxy_watch(&connection->client, interest))
        end(connection, true);
}

void tcp_accept(struct listener *listener) {
    for (int i = 0; i < ACCEPTS; i++) {
        int client = accept4(listener->source.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            start(listener, client);
            continue;
        }
        if (errno != EMFILE && errno != ENFILE) return;
        if (reserve >= 0) close(reserve);
        client = accept4(listener->source.fd, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0) refuse(client);
        tcp_start();
        return;
    }
}

void tcp_forget(const struct listener *listener) {
    for (struct connection *connection = connections, *next; connection; connection = next) {
        next = connection->next;
        if (connection->listener == listener) end(connection, true);
    }
}
