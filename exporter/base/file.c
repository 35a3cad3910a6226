/* Files that are read whole. */
#include "base/file.h"

#include "kit/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM_BYTES 4096 /* most files are smaller; it doubles */

bool
file_is_absent(const char *path)
{
    return access(path, F_OK) < 0 && errno == ENOENT;
}

int
file_open(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

bool
file_is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* What is left behind is wiped: it may be a key. */
static char *
moved(char *bytes, size_t length, size_t room)
{
    char *larger = memory_new(room + 1, 1);

    if (length > 0) {
        memcpy(larger, bytes, length);
        explicit_bzero(bytes, length);
    }
    free(bytes);
    return larger;
}

char *
file_read(int fd, size_t bytes_max, size_t *length)
{
    size_t room_max = bytes_max + 1; /* one more byte shows that it is too much */
    size_t room = 0;
    char *bytes = NULL;
    ssize_t got = -1;

    if (fd < 0)
        return NULL;
    *length = 0;
    do {
        if (*length == room) {
            room = room < ROOM_BYTES ? ROOM_BYTES : 2 * room;
            room = room < room_max ? room : room_max;
            bytes = moved(bytes, *length, room);
        }
        got = read(fd, bytes + *length, room - *length);
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
