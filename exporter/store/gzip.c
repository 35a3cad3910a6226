/* gzip by libdeflate: a member with a header without name and time. */
#include "store/gzip.h"

#include "kit/memory.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>

/* Series repeat their labels, so that the fastest level has most of what the others
 * have: 10 MB become 0.7 MB. */
#define LEVEL 1

char *
gzip_compress(const char *bytes, size_t length, size_t *compressed_length)
{
    struct libdeflate_compressor *compressor =
        memory_need(libdeflate_alloc_compressor(LEVEL));
    size_t length_max = libdeflate_gzip_compress_bound(compressor, length);
    char *compressed = memory_resize(NULL, length_max, 1);

    *compressed_length =
        libdeflate_gzip_compress(compressor, bytes, length, compressed, length_max);
    libdeflate_free_compressor(compressor);
    if (*compressed_length == 0) {
        (void)fprintf(stderr, "bug: gzip does not fit its own bound\n");
        abort();
    }
    /* Most of the room was not needed. */
    return memory_resize(compressed, *compressed_length, 1);
}
