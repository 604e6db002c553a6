// The holder: a store of descriptors that outlives keeper and supervisor. Its socket has no name; a client borrows the
// outer end with pidfd_getfd(2), which asks for the right to trace the holder, so no container can reach it.
#include "CProcesses.h"
#include "roles.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct entry {
    int descriptor;
    char name[settle_hold_name];
};

struct answer {
    struct settle_hold header;
    char names[settle_hold_list];
};

// Static, so that only the pages in use take memory.
static struct entry entries[settle_hold_slots];
static int held;

// The shared socket first, then the connections.
static struct pollfd sockets[1 + settle_hold_clients];
static int open_sockets = 1;

static struct entry *find(const char *name) {
    for (int index = 0; index < held; index++)
        if (strcmp(entries[index].name, name) == 0) return &entries[index];
    return NULL;
}

static int put(const char *name, int *descriptor) {
    if (*descriptor < 0) return EBADF;
    struct entry *entry = find(name);
    if (entry != NULL) {
        close(entry->descriptor);
    } else {
        if (held == settle_hold_slots) return ENFILE;
        entry = &entries[held++];
        strcpy(entry->name, name);
    }
    entry->descriptor = *descriptor;
    *descriptor = -1;
    return 0;
}

static int drop(const char *name) {
    struct entry *entry = find(name);
    if (entry == NULL) return ENOENT;
    close(entry->descriptor);
    *entry = entries[--held];
    return 0;
}

static size_t list(struct answer *answer, int position) {
    size_t length = 0;
    answer->header.position = 0;
    for (; position >= 0 && position < held; position++) {
        size_t size = strlen(entries[position].name) + 1;
        if (length + size > sizeof answer->names) {
            answer->header.position = position;
            break;
        }
        memcpy(answer->names + length, entries[position].name, size);
        length += size;
    }
    return length;
}

static void disconnect(int index) {
    close(sockets[index].fd);
    sockets[index] = sockets[--open_sockets];
}

/// Takes one message; what has been received and not stored is closed. 1 when the holder is to end.
static int serve(int index) {
    struct {
        struct settle_hold header;
        char name[settle_hold_name];
    } request;
    static struct answer answer;
    memset(&request, 0, sizeof request);
    int descriptor = -1, count = 1, end = 0;
    long length = settle_receive(sockets[index].fd, &request, sizeof request - 1, &descriptor, &count, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (length < (long)sizeof request.header) {
        // Both ends of the shared socket are ours, it never ends: only a connection can be over.
        if (index > 0) disconnect(index);
        if (descriptor >= 0) close(descriptor);
        return 0;
    }
    if (index == 0) {
        if (request.header.operation == 'c' && descriptor >= 0 && open_sockets <= settle_hold_clients) {
            sockets[open_sockets++] = (struct pollfd){.fd = descriptor, .events = POLLIN};
        } else if (descriptor >= 0) {
            close(descriptor);
        }
        return 0;
    }
    size_t names = 0;
    int error = 0, sent = -1;
    switch (request.header.operation) {
    case 'p': error = put(request.name, &descriptor); break;
    case 'd': error = drop(request.name); break;
    case 'g': {
        struct entry *entry = find(request.name);
        if (entry != NULL) sent = entry->descriptor;
        else error = ENOENT;
        break;
    }
    case 'l': names = list(&answer, request.header.position); break;
    case 'e': end = 1; break;
    default: error = EINVAL;
    }
    answer.header.operation = error;
    if (descriptor >= 0) close(descriptor);
    // A client that does not read its answers loses its connection, it cannot hold up the others.
    if (settle_send(sockets[index].fd, &answer, sizeof answer.header + names, &sent, sent >= 0, MSG_DONTWAIT) < 0)
        disconnect(index);
    return end;
}

int settle_hold(void) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    sockets[0] = (struct pollfd){.fd = settle_hold_inner, .events = POLLIN};
    for (;;) {
        if (poll(sockets, (nfds_t)open_sockets, -1) < 0) continue;
        // From the last one down: a connection that is over is replaced by the last one.
        for (int index = open_sockets - 1; index >= 0; index--)
            if (sockets[index].revents != 0 && serve(index)) return 0;
    }
}
