#pragma once

// Gives back what is free in the heap, and the pages of the program itself: those that are used again come from the page
// cache. malloc_trim(3), madvise(2).
void settle_release_memory(void);
