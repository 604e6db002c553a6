// The way into the roles: a constructor runs before any Swift code, with main's arguments (glibc passes them).
#include "CProcesses.h"
#include "roles.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

__attribute__((constructor(101))) static void enter_role(int argc, char **argv) {
    const char *role = getenv(SETTLE_ROLE);
    if (role == NULL || argc < 3 || strcmp(role, argv[1]) != 0) return;
    role = argv[1];
    unsetenv(SETTLE_ROLE);
    prctl(PR_SET_NAME, "settle"); // else `exe`, from /proc/self/exe
    if (strcmp(role, "contain") == 0) _exit(settle_contain(argc, argv));
    if (strcmp(role, "keep") == 0) _exit(settle_keep(argv[2]));
    if (strcmp(role, "hold") == 0) _exit(settle_hold());
    if (strcmp(role, "pause") == 0) _exit(settle_pause());
    if (strcmp(role, "proxy") == 0) _exit(settle_proxy_main(argc, argv));
}
