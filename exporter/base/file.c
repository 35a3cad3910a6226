/* Files that are read whole. */
#include "base/file.h"

#include "kit/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
file_open(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

char *
file_read(int fd, size_t bytes_max, size_t *length)
{
    char *bytes = NULL;
    ssize_t got = -1;

    if (fd < 0)
        return NULL;
    bytes = memory_new(bytes_max + 2, 1); /* one more byte shows that it is too much */
    *length = 0;
    do {
        got = read(fd, bytes + *length, bytes_max + 1 - *length);
        *length += got > 0 ? (size_t)got : 0;
    } while ((got > 0 && *length <= bytes_max) || (got < 0 && errno == EINTR));
    int cause = got < 0 ? errno : EFBIG;

    (void)close(fd);
    if (got == 0)
        return bytes;
    explicit_bzero(bytes, *length);
    free(bytes);
    errno = cause;
    return NULL;
}
