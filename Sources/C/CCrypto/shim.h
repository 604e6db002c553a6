// The plain functions: the ones that replace them bring in most of the library.
#define OPENSSL_SUPPRESS_DEPRECATED
// Without this <sys/types.h> would be included: two modules would then say what a `timespec` is.
#define ossl_ssize_t long
#include <openssl/sha.h>
