#pragma once

// A new pseudoterminal (pty(7)) of the devpts instance that the path is the ptmx of, else of our own; both ends with
// O_CLOEXEC: returns its outer end, *inner is the one for a command.
int settle_terminal(const char *ptmx, int *inner);
