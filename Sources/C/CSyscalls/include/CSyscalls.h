// What Glibc's Swift module lacks: system calls without a wrapper, and macros Swift cannot import.
// Each function returns what the system call returns: -1 and errno on failure.
#pragma once

#include <stdint.h>

#include "cgroups.h"
#include "files.h"
#include "namespaces.h"

int settle_pidfd_open(int pid, unsigned flags);
int settle_pidfd_send_signal(int pidfd, int signal);
int settle_pidfd_getfd(int pidfd, int target);

#include "memory.h"
#include "network.h"
#include "terminal.h"
