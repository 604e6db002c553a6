#pragma once

// Gives back what is free in the heap, and the pages of the program itself: those that are used again come from the page
// cache. malloc_trim(3), madvise(2).
void settle_release_memory(void);

// Opens a folder below another by openat2(2), following no link and not leaving it, for the two below: it has to be on a
// tmpfs, else ENOTSUP.
int settle_open_tmpfs(int root, const char *path);

// What fits into a tmpfs, in bytes; 0 is no limit.
int64_t settle_tmpfs_size(int folder);

// Gives the tmpfs whose root an open folder is another size, whichever mount namespace it is in: fspick(2), fsconfig(2).
// EINVAL where more than that is in use.
int settle_resize_tmpfs(int folder, const char *bytes);
