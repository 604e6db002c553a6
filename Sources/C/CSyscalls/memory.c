#include "CSyscalls.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

// Set by the linker: from the first page of the program to the end of its code. Nothing there is ever written.
extern char __executable_start, etext;

void settle_release_memory(void) {
    malloc_trim(0);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t end = (uintptr_t)&etext & ~(page - 1);
    madvise(&__executable_start, end - (uintptr_t)&__executable_start, MADV_DONTNEED);
}
