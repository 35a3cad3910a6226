/* A file as a whole.  Any thread. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Not so of one that is there and cannot be reached: that is a mistake. */
bool file_is_absent(const char *path);

/* To read; does not wait for the writer of a pipe.  -1 with errno. */
int file_open(const char *path);

/* For want of files or memory nothing can be opened now, which is not to say that
 * nothing is there.  Of an errno. */
bool file_is_exhausted(int error);

/* What `fd` holds, NUL-terminated; free() is the caller's.  `fd` is closed, whatever
 * comes.  NULL with errno: EFBIG if it is more than bytes_max.  What was read in vain
 * is wiped: it may have been a key. */
char *file_read(int fd, size_t bytes_max, size_t *length);

#endif
