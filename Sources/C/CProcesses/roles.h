// The roles: each runs until its work is over and returns the process's exit code.
#pragma once

// `settle contain PARENT OPTIONS PROGRAM ARGUMENTS…`: the options are those of the tmpfs on /dev/shm.
int settle_contain(int count, char **words);
int settle_keep(char *project);
int settle_hold(void);
int settle_pause(void);
