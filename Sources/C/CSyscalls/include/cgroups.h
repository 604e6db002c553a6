#pragma once

/// Starts a process that writes itself into a group which it is in already, every few milliseconds, for half a second at
/// most; it ends with the caller. Returns its pid, or -1.
int settle_keep_moving(const char *door);
