// The architecture that filters of system calls are made for, as the kernel names it to them.
#pragma once

#include <linux/audit.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "the system call filter does not know this architecture"
#endif
