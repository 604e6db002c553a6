// The roles: each runs until its work is over and returns the process's exit code.
#pragma once

int settle_keep(char *project);
int settle_hold(void);
int settle_pause(void);
