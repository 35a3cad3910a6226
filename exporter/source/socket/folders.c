/* Folders, watched. */
#include "source/socket/folders.h"

#include "kit/memory.h"

#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>
#include <uv.h>

/* Folders that are watched; more are found by looking again. */
#define FOLDERS_MAX 4096

struct folder {
    uv_fs_event_t event; /* first: the handle's memory is the folder's */
    char *path;
    ino_t inode;
    bool there;
    UT_hash_handle hh;
};

struct socket_folders {
    uv_loop_t *loop;
    const char *pattern;
    void (*changed)(void *context);
    void *context;
    struct folder *found;
    bool unwatched; /* there is one that the kernel does not watch for us */
};

struct socket_folders *
socket_folders_new(uv_loop_t *loop, const char *pattern, void (*changed)(void *context),
                   void *context)
{
    struct socket_folders *folders = memory_new(1, sizeof(*folders));

    folders->loop = loop;
    folders->pattern = pattern;
    folders->changed = changed;
    folders->context = context;
    return folders;
}

static void
something_happened(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct socket_folders *folders = event->data;
    struct folder *folder = (struct folder *)event;
    const char *own_name = strrchr(folder->path, '/');

    (void)events;
    (void)status;
    /* Something happened to the folder itself.  If it was made anew, perhaps with the
     * same inode number, the old watch sees nothing more. */
    if (name && own_name && strcmp(name, own_name + 1) == 0)
        folder->inode = 0;
    folders->changed(folders->context);
}

static void
folder_closed(uv_handle_t *handle)
{
    struct folder *folder = (struct folder *)handle;

    free(folder->path);
    free(folder);
}

static void
leave_folder(struct socket_folders *folders, struct folder *folder)
{
    HASH_DEL(folders->found, folder);
    uv_close((uv_handle_t *)&folder->event, folder_closed);
}

static void
watch_folder(struct socket_folders *folders, const char *path, ino_t inode)
{
    struct folder *folder;

    HASH_FIND_STR(folders->found, path, folder);
    if (folder && folder->inode != inode) {
        leave_folder(folders, folder); /* made anew: the old watch sees nothing */
        folder = NULL;
    }
    if (folder) {
        folder->there = true;
        return;
    }
    if (HASH_COUNT(folders->found) >= FOLDERS_MAX) {
        folders->unwatched = true;
        return;
    }
    folder = memory_new(1, sizeof(*folder));
    folder->path = memory_string(path);
    folder->inode = inode;
    folder->there = true;
    uv_fs_event_init(folders->loop, &folder->event);
    folder->event.data = folders;
    HASH_ADD_KEYPTR(hh, folders->found, folder->path, strlen(folder->path), folder);
    if (uv_fs_event_start(&folder->event, something_happened, path, 0) != 0) {
        folders->unwatched = true; /* e.g. the kernel's limit of watches */
        leave_folder(folders, folder);
    }
}

/* Folders that fit the pattern; whether there are any. */
static bool
watch_level(struct socket_folders *folders, const char *pattern)
{
    glob_t found = {0};
    bool any = false;

    glob(pattern, GLOB_BRACE | GLOB_ONLYDIR, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat status;

        if (stat(found.gl_pathv[i], &status) < 0 || !S_ISDIR(status.st_mode))
            continue;
        watch_folder(folders, found.gl_pathv[i], status.st_ino);
        any = true;
    }
    globfree(&found);
    return any;
}

void
socket_folders_free(struct socket_folders *folders)
{
    struct folder *folder, *next;

    HASH_ITER (hh, folders->found, folder, next) {
        leave_folder(folders, folder);
    }
    free(folders);
}

/* The folders of the sockets and, where those come and go or are not there yet, the
 * folders above, up to one that is there and has one name. */
enum socket_folders_state
socket_folders_look(struct socket_folders *folders)
{
    struct folder *folder, *next;
    char *pattern = memory_string(folders->pattern);
    bool any = false, may_come = true, climb = true;

    folders->unwatched = false;
    HASH_ITER (hh, folders->found, folder, next) {
        folder->there = false;
    }
    while (climb) {
        const char *level = dirname(pattern); /* in place */
        bool many = strpbrk(level, "*?[");
        bool there = watch_level(folders, level);

        any = any || (there && may_come);
        may_come = may_come && many;
        climb = (many || !there) && strcmp(level, "/") != 0 && strcmp(level, ".") != 0;
    }
    HASH_ITER (hh, folders->found, folder, next) {
        if (!folder->there)
            leave_folder(folders, folder);
    }
    free(pattern);
    if (!any)
        return SOCKET_FOLDERS_NONE;
    return folders->unwatched ? SOCKET_FOLDERS_UNWATCHED : SOCKET_FOLDERS_WATCHED;
}

bool
socket_folders_denied(const struct socket_folders *folders, char denied[PATH_MAX])
{
    char *pattern = memory_string(folders->pattern);
    glob_t found = {0};
    bool any = false;

    glob(dirname(pattern), GLOB_BRACE | GLOB_ONLYDIR, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc && !any; i++) {
        any = access(found.gl_pathv[i], R_OK | X_OK) < 0;
        snprintf(denied, PATH_MAX, "%s", found.gl_pathv[i]);
    }
    globfree(&found);
    free(pattern);
    return any;
}
