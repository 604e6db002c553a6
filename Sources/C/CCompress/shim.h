// Without what would include <sys/types.h>: two modules would then say what a `timespec` is.
#define Z_SOLO
#include <zlib.h>
#include <zstd.h>
