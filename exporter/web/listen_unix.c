/* From a path to a socket that listens. */
#include "web/listen_unix.h"

#include "kit/failure.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int
stream_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int
fail(const char *path, const char *cause, const char *remedy, struct failure *why)
{
    failure_set(why, FAILURE_UNAVAILABLE,
                "web.listen_addresses: cannot listen on " WEB_UNIX_PREFIX "%s: %s; %s",
                path, cause, remedy);
    return -1;
}

static const char *
remedy_of(int cause)
{
    switch (cause) {
    case ENOENT:
    case ENOTDIR:
        return "make the folder first, or choose another path";
    case EACCES:
    case EPERM:
    case EROFS:
        return "let the exporter's user write in the folder, or choose another path";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files";
    default:
        return "choose another path";
    }
}

/* Whether the file is a socket on which nobody listens any more: then it is removed,
 * and the path is free.  Who is only busy (EAGAIN) lives. */
static int
make_room(const struct sockaddr_un *address, struct failure *why)
{
    const char *path = address->sun_path;
    struct stat there;

    if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode))
        return fail(path, "what is there is no socket",
                    "remove it or choose another path", why);
    int fd = stream_socket();
    bool refused =
        fd >= 0 &&
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
        (errno == ECONNREFUSED || errno == ENOENT);

    if (fd >= 0)
        (void)close(fd);
    if (!refused)
        return fail(path, strerror(EADDRINUSE),
                    "stop the other program or choose another path", why);
    if (unlink(path) < 0 && errno != ENOENT)
        return fail(path, strerror(errno), remedy_of(errno), why);
    return 0;
}

/* With the file's rights from the first moment on, and by no call that could change
 * another file's (broker/confine.h). */
static int
bind_file(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(0777 & ~WEB_UNIX_MODE);
    int status = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    int error = errno;

    (void)umask(before);
    errno = error;
    return status;
}

int
web_unix_listen(const char *path, struct web_unix_file *file, struct failure *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat own;

    if (strlen(path) >= sizeof(address.sun_path))
        return fail(path, strerror(ENAMETOOLONG), "write at most 107 characters", why);
    memcpy(address.sun_path, path, strlen(path));
    int fd = stream_socket();

    bool bound = fd >= 0 && bind_file(fd, &address) == 0;

    if (fd >= 0 && !bound) {
        if (errno == EADDRINUSE && make_room(&address, why) < 0) {
            (void)close(fd);
            return -1;
        }
        bound = bind_file(fd, &address) == 0;
    }
    if (bound && lstat(path, &own) == 0 && listen(fd, SOMAXCONN) == 0) {
        memcpy(file->path, address.sun_path, sizeof(file->path));
        file->device = own.st_dev;
        file->inode = own.st_ino;
        return fd;
    }
    (void)fail(path, strerror(errno), remedy_of(errno), why);
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

void
web_unix_remove(const struct web_unix_file *file)
{
    struct stat there;

    if (file->path[0] != '\0' && lstat(file->path, &there) == 0 &&
        there.st_dev == file->device && there.st_ino == file->inode)
        (void)unlink(file->path);
}
