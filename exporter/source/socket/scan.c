/* Looking for sockets. */
#include "source/socket/scan.h"

#include "base/file.h"
#include "kit/memory.h"
#include "source/socket/folders.h"
#include "source/source.h"

#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>
#include <uv.h>

/* After something happened in a folder, so that a burst costs one look. */
#define SETTLE_MS 50

const struct socket_scan_pace socket_scan_usual = {
    .often_ms = 900,
    .seldom_ms = 10000,
    .sockets_max = 16384,
};

struct socket_entry {
    char *path;
    struct socket_file file; /* that it leads to */
    struct timespec changed; /* filesystems use a number again at once */
    bool there;              /* in the present look */
    UT_hash_handle hh;       /* by path */
    UT_hash_handle by_file;
};

struct socket_scan {
    char *pattern;
    const struct socket_scan_pace *pace;
    struct socket_scan_listener listener;
    struct socket_entry *sockets;
    struct socket_entry *files; /* the same by what they lead to */
    size_t beyond;              /* in the present look: more than there may be */
    struct socket_folders *folders;
    uv_timer_t timer;
};

/* Why there can be nothing, or NULL. */
static const char *
trouble_of(const struct socket_scan *scan, enum socket_folders_state folders,
           char *text, size_t bytes)
{
    char folder[PATH_MAX];

    if (scan->sockets)
        return NULL;
    if (socket_folders_denied(scan->folders, folder))
        snprintf(text, bytes, "let the exporter's user read and search the folder %s",
                 folder);
    else if (folders == SOCKET_FOLDERS_NONE)
        snprintf(text, bytes, "no folder fits the pattern %s", scan->pattern);
    else
        return NULL;
    return text;
}

static void
forget_socket(struct socket_scan *scan, struct socket_entry *entry)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): it cannot follow uthash's table */
    HASH_DEL(scan->sockets, entry);
    /* NOLINTNEXTLINE(clang-analyzer-*): as above */
    HASH_DELETE(by_file, scan->files, entry);
    free(entry->path);
    free(entry);
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static struct socket_entry *
find_socket(const struct socket_scan *scan, const char *path)
{
    struct socket_entry *entry;

    HASH_FIND_STR(scan->sockets, path, entry);
    return entry;
}

static struct socket_file
file_of(const struct stat *status)
{
    return (struct socket_file){status->st_dev, status->st_ino};
}

/* An agent's socket serves one, so of two paths to it the second is left alone. */
static bool
is_seen_by_another_path(const struct socket_scan *scan, const struct socket_file *file,
                        const struct socket_entry *self)
{
    struct socket_entry *entry;

    /* NOLINTNEXTLINE(clang-analyzer-*): it takes a number's bytes for unset */
    HASH_FIND(by_file, scan->files, file, sizeof(*file), entry);
    return entry && entry != self && entry->there;
}

static void
set_file(struct socket_scan *scan, struct socket_entry *entry,
         const struct stat *status)
{
    struct socket_file file = file_of(status);

    entry->changed = status->st_ctim;
    entry->there = true;
    if (memcmp(&entry->file, &file, sizeof(file)) == 0)
        return;
    HASH_DELETE(by_file, scan->files, entry);
    entry->file = file;
    HASH_ADD(by_file, scan->files, file, sizeof(file), entry);
}

static void
add_socket(struct socket_scan *scan, const char *path, const struct stat *status)
{
    struct socket_entry *entry;

    if (HASH_COUNT(scan->sockets) >= scan->pace->sockets_max) {
        scan->beyond++;
        return;
    }
    entry = memory_new(1, sizeof(*entry));
    entry->path = memory_string(path);
    entry->file = file_of(status);
    HASH_ADD_KEYPTR(hh, scan->sockets, entry->path, strlen(entry->path), entry);
    HASH_ADD(by_file, scan->files, file, sizeof(entry->file), entry);
    set_file(scan, entry, status);
    scan->listener.found(scan->listener.context, path);
}

static void
see_again(struct socket_scan *scan, struct socket_entry *entry,
          const struct stat *status)
{
    bool remade =
        entry->file.device != status->st_dev || entry->file.inode != status->st_ino;
    bool touched = !is_same_time(&entry->changed, &status->st_ctim);

    set_file(scan, entry, status);
    if (remade)
        scan->listener.remade(scan->listener.context, entry->path);
    else if (touched)
        scan->listener.touched(scan->listener.context, entry->path);
}

static void
see_socket(struct socket_scan *scan, const char *path, bool known)
{
    struct socket_entry *entry = find_socket(scan, path);
    struct stat status;

    if (known != !!entry || stat(path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return;
    struct socket_file file = file_of(&status);

    if (is_seen_by_another_path(scan, &file, entry))
        return;
    if (known)
        see_again(scan, entry, &status);
    else
        add_socket(scan, path, &status);
}

static int
is_blind(const char *path, int error)
{
    (void)path;
    return file_is_exhausted(error);
}

static void
look_at_sockets(struct socket_scan *scan)
{
    struct socket_entry *entry, *next;
    glob_t found = {0};
    int outcome = glob(scan->pattern, GLOB_BRACE, is_blind, &found);

    if (outcome != 0 && outcome != GLOB_NOMATCH) {
        globfree(&found);
        return; /* the next look may see more */
    }
    scan->beyond = 0;
    HASH_ITER (hh, scan->sockets, entry, next) {
        entry->there = false;
    }
    /* Those that are known first: another path to one of them changes nothing. */
    for (size_t i = 0; i < found.gl_pathc; i++)
        see_socket(scan, found.gl_pathv[i], true);
    for (size_t i = 0; i < found.gl_pathc; i++)
        see_socket(scan, found.gl_pathv[i], false);
    globfree(&found);
    HASH_ITER (hh, scan->sockets, entry, next) {
        if (entry->there)
            continue;
        scan->listener.lost(scan->listener.context, entry->path);
        forget_socket(scan, entry);
    }
}

static void
look(uv_timer_t *timer)
{
    struct socket_scan *scan = timer->data;
    char trouble[PATH_MAX + 64];

    /* Folders first: what comes between the two looks makes an event. */
    enum socket_folders_state folders = socket_folders_look(scan->folders);

    look_at_sockets(scan);
    scan->listener.looked(scan->listener.context,
                          trouble_of(scan, folders, trouble, sizeof(trouble)),
                          scan->beyond);
    (void)uv_timer_start(&scan->timer, look,
                         folders == SOCKET_FOLDERS_WATCHED ? scan->pace->seldom_ms
                                                           : scan->pace->often_ms,
                         0);
}

static void
look_soon(void *context)
{
    struct socket_scan *scan = context;

    if (uv_timer_get_due_in(&scan->timer) > SETTLE_MS)
        (void)uv_timer_start(&scan->timer, look, SETTLE_MS, 0);
}

struct socket_scan *
socket_scan_start(uv_loop_t *loop, const char *pattern,
                  const struct socket_scan_pace *pace,
                  const struct socket_scan_listener *listener)
{
    struct socket_scan *scan = memory_new(1, sizeof(*scan));

    scan->pattern = memory_string(pattern);
    scan->folders = socket_folders_new(loop, scan->pattern, look_soon, scan);
    scan->pace = pace;
    scan->listener = *listener;
    uv_timer_init(loop, &scan->timer);
    scan->timer.data = scan;
    uv_timer_start(&scan->timer, look, 0, 0);
    return scan;
}

static void
timer_closed(uv_handle_t *timer)
{
    struct socket_scan *scan = timer->data;

    free(scan->pattern);
    free(scan);
}

void
socket_scan_stop(struct socket_scan *scan)
{
    struct socket_entry *entry, *next;

    HASH_ITER (hh, scan->sockets, entry, next) {
        forget_socket(scan, entry);
    }
    socket_folders_free(scan->folders);
    uv_close((uv_handle_t *)&scan->timer, timer_closed);
}
