// What is used of libarchive. Its own headers include <sys/stat.h>, and two modules would then say what a `timespec` is;
// Sources/C/CUnpack/archive.c has the compiler compare the two.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct archive;
struct archive_entry;

#define ARCHIVE_EOF 1
#define ARCHIVE_OK 0
#define ARCHIVE_WARN (-20)
#define ARCHIVE_FATAL (-30)

struct archive *archive_read_new(void);
int archive_read_support_format_tar(struct archive *);
int archive_read_open2(
    struct archive *, void *client, int (*open)(struct archive *, void *client),
    long (*read)(struct archive *, void *client, const void **bytes),
    int64_t (*skip)(struct archive *, void *client, int64_t), int (*close)(struct archive *, void *client));
int archive_read_open_fd(struct archive *, int descriptor, size_t block);
int archive_read_support_filter_gzip(struct archive *);
int archive_read_support_filter_zstd(struct archive *);
int archive_read_next_header(struct archive *, struct archive_entry **);
int archive_read_data_block(struct archive *, const void **bytes, size_t *count, int64_t *offset);
int archive_read_free(struct archive *);
const char *archive_error_string(struct archive *);

const char *archive_entry_pathname(struct archive_entry *);
const char *archive_entry_hardlink(struct archive_entry *);
const char *archive_entry_symlink(struct archive_entry *);
unsigned archive_entry_filetype(struct archive_entry *);
unsigned archive_entry_perm(struct archive_entry *);
int64_t archive_entry_size(struct archive_entry *);
int64_t archive_entry_uid(struct archive_entry *);
int64_t archive_entry_gid(struct archive_entry *);
unsigned long archive_entry_rdev(struct archive_entry *);
long archive_entry_mtime(struct archive_entry *);
long archive_entry_mtime_nsec(struct archive_entry *);
int archive_entry_xattr_reset(struct archive_entry *);
int archive_entry_xattr_next(struct archive_entry *, const char **name, const void **value, size_t *);

struct archive_entry *archive_entry_new(void);
void archive_entry_free(struct archive_entry *);
void archive_entry_set_pathname(struct archive_entry *, const char *);
void archive_entry_set_symlink(struct archive_entry *, const char *);
void archive_entry_set_filetype(struct archive_entry *, unsigned);
void archive_entry_set_perm(struct archive_entry *, unsigned);
void archive_entry_set_size(struct archive_entry *, int64_t);
void archive_entry_set_uid(struct archive_entry *, int64_t);
void archive_entry_set_gid(struct archive_entry *, int64_t);
void archive_entry_set_mtime(struct archive_entry *, long, long);

struct archive *archive_write_new(void);
int archive_write_set_format_pax_restricted(struct archive *);
int archive_write_set_bytes_in_last_block(struct archive *, int);
int archive_write_open_fd(struct archive *, int descriptor);
int archive_write_header(struct archive *, struct archive_entry *);
long archive_write_data(struct archive *, const void *, size_t);
int archive_write_close(struct archive *);
int archive_write_free(struct archive *);
