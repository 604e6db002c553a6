// Making namespaces without a process of their own.
#pragma once

/// A new namespace of a kind (`net`, `ipc`, `uts`), as an open descriptor; the calling thread is back in its own
/// afterwards. unshare(2), setns(2). -1 and errno on failure; the process ends where it could not come back, since
/// everything it did from there on would happen in the wrong namespace.
int settle_new_namespace(const char *kind);

/// Whether a namespace is mounted at the path: 1 or 0. statfs(2).
int settle_is_pinned(const char *path);
