/* gzip of what is there whole.  Any thread. */
#ifndef STORE_GZIP_H
#define STORE_GZIP_H

#include <stddef.h>

/* Caller frees. */
char *gzip_compress(const char *bytes, size_t length, size_t *compressed_length);

#endif
