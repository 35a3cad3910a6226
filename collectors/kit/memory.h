/* Allocation that cannot fail: out of memory ends the process with one line, and its
 * manager restarts it.  That is safe here because every size that a guest can choose is
 * limited. What is returned is freed with free().  Any thread. */
#ifndef KIT_MEMORY_H
#define KIT_MEMORY_H

#include <stddef.h>

void *memory_new(size_t count, size_t size); /* zeroed */
void *memory_resize(void *old, size_t count, size_t size);
char *memory_string(const char *string); /* a copy */
/* What a library made: NULL is out of memory. */
void *memory_need(void *memory);

#endif
