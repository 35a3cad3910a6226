/* Looking for sockets. */
#include "source/socket/scan.h"

#include "kit/memory.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>
#include <uv.h>

/* Folders that are watched; more are found by looking again. */
#define FOLDERS_MAX 4096
/* After something happened in a folder, so that a burst costs one look. */
#define SETTLE_MS 50

const struct socket_scan_pace socket_scan_usual = {
    .often_ms = 900,
    .seldom_ms = 10000,
    .sockets_max = 16384,
};

/* What a path leads to. */
struct file {
    dev_t device;
    ino_t inode;
};

struct socket_entry {
    char *path;
    struct file file;
    struct timespec changed; /* filesystems use a number again at once */
    bool there;              /* in the present look */
    UT_hash_handle hh;       /* by path */
    UT_hash_handle by_file;
};

struct folder {
    uv_fs_event_t event; /* first: the handle's memory is the folder's */
    char *path;
    ino_t inode;
    bool there;
    UT_hash_handle hh;
};

struct socket_scan {
    uv_loop_t *loop;
    char *pattern;
    const struct socket_scan_pace *pace;
    struct socket_scan_listener listener;
    struct socket_entry *sockets;
    struct socket_entry *files; /* the same by what they lead to */
    size_t beyond;              /* in the present look: more than there may be */
    struct folder *folders;
    bool unwatched; /* a folder that the kernel does not watch for us */
    uv_timer_t timer;
};

static void look(uv_timer_t *timer);

static void
something_happened(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct socket_scan *scan = event->data;
    struct folder *folder = (struct folder *)event;
    const char *own_name = strrchr(folder->path, '/');

    (void)events;
    (void)status;
    /* Something happened to the folder itself.  If it was made anew, perhaps with the
     * same inode number, the old watch sees nothing more. */
    if (name && own_name && strcmp(name, own_name + 1) == 0)
        folder->inode = 0;
    if (uv_timer_get_due_in(&scan->timer) > SETTLE_MS)
        uv_timer_start(&scan->timer, look, SETTLE_MS, 0);
}

/* --- folders --- */

static void
folder_closed(uv_handle_t *handle)
{
    struct folder *folder = (struct folder *)handle;

    free(folder->path);
    free(folder);
}

static void
leave_folder(struct socket_scan *scan, struct folder *folder)
{
    HASH_DEL(scan->folders, folder);
    uv_close((uv_handle_t *)&folder->event, folder_closed);
}

static void
watch_folder(struct socket_scan *scan, const char *path, ino_t inode)
{
    struct folder *folder;

    HASH_FIND_STR(scan->folders, path, folder);
    if (folder && folder->inode != inode) {
        leave_folder(scan, folder); /* made anew: the old watch sees nothing */
        folder = NULL;
    }
    if (folder) {
        folder->there = true;
        return;
    }
    if (HASH_COUNT(scan->folders) >= FOLDERS_MAX) {
        scan->unwatched = true;
        return;
    }
    folder = memory_new(1, sizeof *folder);
    folder->path = memory_string(path);
    folder->inode = inode;
    folder->there = true;
    uv_fs_event_init(scan->loop, &folder->event);
    folder->event.data = scan;
    HASH_ADD_KEYPTR(hh, scan->folders, folder->path, strlen(folder->path), folder);
    if (uv_fs_event_start(&folder->event, something_happened, path, 0) != 0) {
        scan->unwatched = true; /* no inotify watches left, say */
        leave_folder(scan, folder);
    }
}

/* Folders that fit the pattern; whether there are any. */
static bool
watch_folders(struct socket_scan *scan, const char *pattern)
{
    glob_t found = {0};
    bool any = false;

    glob(pattern, GLOB_BRACE | GLOB_ONLYDIR, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat status;

        if (stat(found.gl_pathv[i], &status) < 0 || !S_ISDIR(status.st_mode))
            continue;
        watch_folder(scan, found.gl_pathv[i], status.st_ino);
        any = true;
    }
    globfree(&found);
    return any;
}

/* The folders of the sockets and, where those come and go or are not there yet, the
 * folders above, up to one that is there and has one name.  Whether there can be
 * sockets. */
static bool
look_at_folders(struct socket_scan *scan)
{
    struct folder *folder, *next;
    char *pattern = memory_string(scan->pattern);
    bool any = false, may_come = true, climb = true;

    HASH_ITER (hh, scan->folders, folder, next) {
        folder->there = false;
    }
    while (climb) {
        const char *level = dirname(pattern); /* in place */
        bool many = strpbrk(level, "*?[") != NULL;
        bool there = watch_folders(scan, level);

        any = any || (there && may_come);
        may_come = may_come && many;
        climb = (many || !there) && strcmp(level, "/") != 0 && strcmp(level, ".") != 0;
    }
    HASH_ITER (hh, scan->folders, folder, next) {
        if (!folder->there)
            leave_folder(scan, folder);
    }
    free(pattern);
    return any;
}

/* A folder that would hold sockets, but that we may not look into. */
static bool
is_denied(const struct socket_scan *scan, char folder[PATH_MAX])
{
    char *pattern = memory_string(scan->pattern);
    glob_t found = {0};
    bool denied = false;

    glob(dirname(pattern), GLOB_BRACE | GLOB_ONLYDIR, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc && !denied; i++) {
        denied = access(found.gl_pathv[i], R_OK | X_OK) < 0;
        snprintf(folder, PATH_MAX, "%s", found.gl_pathv[i]);
    }
    globfree(&found);
    free(pattern);
    return denied;
}

/* Why there can be nothing, or NULL. */
static const char *
trouble_of(const struct socket_scan *scan, bool any_folder, char *text, size_t bytes)
{
    char folder[PATH_MAX];

    if (scan->sockets)
        return NULL;
    if (is_denied(scan, folder))
        snprintf(text, bytes, "let the exporter's user read and search the folder %s",
                 folder);
    else if (!any_folder)
        snprintf(text, bytes, "no folder fits the pattern %s", scan->pattern);
    else
        return NULL;
    return text;
}

/* --- sockets --- */

static void
forget_socket(struct socket_scan *scan, struct socket_entry *entry)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): it loses count of the table */
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

static struct file
file_of(const struct stat *status)
{
    struct file file;

    memset(&file, 0, sizeof file); /* it is compared with its padding */
    file.device = status->st_dev;
    file.inode = status->st_ino;
    return file;
}

/* An agent's socket serves one, so of two paths to it the second is left alone. */
static bool
is_seen_by_another_path(const struct socket_scan *scan, const struct file *file,
                        const struct socket_entry *self)
{
    struct socket_entry *entry;

    /* NOLINTNEXTLINE(clang-analyzer-*): file_of() has filled the padding */
    HASH_FIND(by_file, scan->files, file, sizeof *file, entry);
    return entry && entry != self && entry->there;
}

static void
set_file(struct socket_scan *scan, struct socket_entry *entry,
         const struct stat *status)
{
    struct file file = file_of(status);

    entry->changed = status->st_ctim;
    entry->there = true;
    if (memcmp(&entry->file, &file, sizeof file) == 0)
        return;
    HASH_DELETE(by_file, scan->files, entry);
    entry->file = file;
    HASH_ADD(by_file, scan->files, file, sizeof file, entry);
}

static void
add_socket(struct socket_scan *scan, const char *path, const struct stat *status)
{
    struct socket_entry *entry;

    if (HASH_COUNT(scan->sockets) >= scan->pace->sockets_max) {
        scan->beyond++;
        return;
    }
    entry = memory_new(1, sizeof *entry);
    entry->path = memory_string(path);
    entry->file = file_of(status);
    HASH_ADD_KEYPTR(hh, scan->sockets, entry->path, strlen(entry->path), entry);
    HASH_ADD(by_file, scan->files, file, sizeof entry->file, entry);
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

    if (known != (entry != NULL) || stat(path, &status) < 0 ||
        !S_ISSOCK(status.st_mode))
        return;
    struct file file = file_of(&status);

    if (is_seen_by_another_path(scan, &file, entry))
        return;
    if (known)
        see_again(scan, entry, &status);
    else
        add_socket(scan, path, &status);
}

/* Without file descriptors or memory nothing can be seen, which is not to say that
 * nothing is there. */
static int
is_blind(const char *path, int error)
{
    (void)path;
    return error == EMFILE || error == ENFILE || error == ENOMEM;
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
    scan->unwatched = false;
    bool any = look_at_folders(scan);

    look_at_sockets(scan);
    scan->listener.looked(scan->listener.context,
                          trouble_of(scan, any, trouble, sizeof trouble), scan->beyond);
    bool told = any && !scan->unwatched;

    uv_timer_start(&scan->timer, look,
                   told ? scan->pace->seldom_ms : scan->pace->often_ms, 0);
}

struct socket_scan *
socket_scan_start(uv_loop_t *loop, const char *pattern,
                  const struct socket_scan_pace *pace,
                  const struct socket_scan_listener *listener)
{
    struct socket_scan *scan = memory_new(1, sizeof *scan);

    scan->loop = loop;
    scan->pattern = memory_string(pattern);
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
    struct socket_entry *entry, *next_entry;
    struct folder *folder, *next_folder;

    HASH_ITER (hh, scan->sockets, entry, next_entry) {
        forget_socket(scan, entry);
    }
    HASH_ITER (hh, scan->folders, folder, next_folder) {
        leave_folder(scan, folder);
    }
    uv_close((uv_handle_t *)&scan->timer, timer_closed);
}
