#include "CUnpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

int settle_set_attribute(int descriptor, const char *name, const void *value, unsigned long length) {
    return fsetxattr(descriptor, name, value, length, 0);
}

int settle_set_attribute_of(const char *entry, const char *name, const void *value, unsigned long length) {
    return lsetxattr(entry, name, value, length, 0);
}

static int remove_plain(int folder, const char *name) {
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR) return -1;
    return unlinkat(folder, name, AT_REMOVEDIR);
}

static int open_folder(int folder, const char *name) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int opened = openat(folder, name, flags);
    if (opened >= 0 || errno != EACCES) return opened;
    return fchmodat(folder, name, 0700, 0) == 0 ? openat(folder, name, flags) : -1;
}

/// Removes what it can; `deeper` becomes the first folder that is not empty. 1 where there is one, -1 on failure.
static int empty(int folder, char *deeper) {
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (stream == NULL) {
        int error = errno;
        if (copy >= 0) close(copy);
        errno = error;
        return -1;
    }
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (remove_plain(folder, entry->d_name) == 0) continue;
        result = errno == ENOTEMPTY || errno == EEXIST ? 1 : -1;
        strcpy(deeper, entry->d_name);
    }
    int error = errno;
    closedir(stream);
    errno = error;
    return result;
}

int settle_remove_at(int folder, const char *name) {
    if (remove_plain(folder, name) == 0) return 0;
    if (errno != ENOTEMPTY && errno != EEXIST) return -1;
    // One descriptor however deep it goes; the way back up is the folder's own `..`.
    char deeper[256];
    unsigned depth = 1;
    int here = open_folder(folder, name);
    while (here >= 0 && depth > 0) {
        int found = empty(here, deeper);
        int next = -1;
        if (found > 0) {
            next = open_folder(here, deeper);
            depth++;
        } else if (found == 0 && --depth > 0) {
            next = open_folder(here, "..");
        }
        int error = errno;
        close(here);
        errno = error;
        if (found < 0) return -1;
        here = next;
    }
    return depth > 0 ? -1 : unlinkat(folder, name, AT_REMOVEDIR);
}

int settle_is_opaque(int folder) {
    char value;
    return fgetxattr(folder, "trusted.overlay.opaque", &value, 1) == 1 ||
           fgetxattr(folder, "user.overlay.opaque", &value, 1) == 1;
}
