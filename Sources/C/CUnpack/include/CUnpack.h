// The unpacker's process: what Swift cannot say.
#pragma once

#include <stdint.h>

/// fork(2); the child dies with the parent. Returns as fork does.
int settle_unpack_fork(void);

struct settle_confinement {
    const char *root;     // the folder that becomes the process's whole file system
    int64_t largest_file; // RLIMIT_FSIZE
    int is_privileged;    // 0: what needs root is left out
};

/// Gives up everything but reading and writing below `root`, for good: namespaces of its own with `root` as their root,
/// few capabilities, limits, a filter of system calls. NULL, or the step that failed and errno.
const char *settle_unpack_confine(const struct settle_confinement *confinement);

/// Removes an entry of an open folder with everything in it, however deep; follows no link. 0 where there is none. The
/// folder may be one that hostile hands filled, but nobody may change it meanwhile. -1 and errno on failure.
int settle_remove_at(int folder, const char *name);

/// fsetxattr(2).
int settle_set_attribute(int descriptor, const char *name, const void *value, unsigned long length);

/// lsetxattr(2): the entry is named from the current folder.
int settle_set_attribute_of(const char *entry, const char *name, const void *value, unsigned long length);

/// Whether an open folder hides what the layers below have in it: 1 or 0.
int settle_is_opaque(int folder);
