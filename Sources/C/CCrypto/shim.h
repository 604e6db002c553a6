// The plain functions: the ones that replace them bring in most of the library.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
