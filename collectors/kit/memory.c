/* Allocation that ends the process instead of failing. */
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *
memory_need(void *memory)
{
    static const char sentence[] = "qga-exporter: out of memory\n";

    if (memory)
        return memory;
    /* Nothing can be done about a failing write here. */
    if (write(STDERR_FILENO, sentence, sizeof(sentence) - 1) < 0)
        abort();
    abort();
}

void *
memory_new(size_t count, size_t size)
{
    return memory_need(calloc(count ? count : 1, size ? size : 1));
}

void *
memory_resize(void *old, size_t count, size_t size)
{
    return memory_need(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *
memory_string(const char *string)
{
    return memory_need(strdup(string));
}
