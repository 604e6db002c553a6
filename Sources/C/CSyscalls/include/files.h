#pragma once

/// Removes a folder with everything in it; follows no link and stays within one file system, so that what is still
/// mounted below is never lost. nftw(3). -1 and errno on failure.
int settle_remove_tree(const char *path);

/// Starts a process that does the same for every path that is written to pipe[1], which does not block, with a zero byte
/// behind it, until that is closed, and that ends with the caller. pipe[0] is to be kept as long: a write to a pipe that
/// nobody can read would end the caller. Returns its pid, or -1.
int settle_start_removing(int pipe[2]);

/// Waits for the end of a child.
void settle_await(int child);

/// rename(2) that replaces nothing: EEXIST. renameat2(2).
int settle_rename_new(const char *from, const char *to);

/// Whether an extended attribute of the open file is this one byte. fgetxattr(2).
int settle_attribute_is(int file, const char *name, char value);

/// Everything written to the file system that the open file is on is on the disk. syncfs(2).
int settle_sync_file_system(int file);
