/* Looks at the files of a host's guests. */
#include "source/proxmox/inventory.h"

#include "base/file.h"
#include "base/log.h"
#include "kit/memory.h"
#include "source/qemu/process.h"
#include "source/qemu/reads.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#define PID_FILE_ENDING ".pid"
#define PID_BYTES_MAX ((size_t)32)
/* The cluster's file system has times of whole seconds, so what has changed is read so
 * many looks more. */
#define LOOKS_MORE 2

struct entry {
    struct proxmox_guest guest;
    struct proxmox_file pid_file, file; /* as they were read; the configuration's */
    unsigned int looks_more;            /* in which the configuration is read */
    bool is_denied;                     /* the pid file may not be read */
    bool runs;                          /* the process is the guest's QEMU ... */
    struct domain_facts *process;       /* ... and says this */
    bool there;                         /* in the present look */
    UT_hash_handle hh;
};

struct proxmox_inventory {
    const struct proxmox_folders *folders;
    struct qemu_reads *reads;
    struct entry *entries;
    bool without_configurations; /* in the present look */
    int error;                   /* with which that can see no more; 0 */
    size_t files_read;
};

struct proxmox_inventory *
proxmox_inventory_new(const struct proxmox_folders *folders, struct qemu_reads *reads)
{
    struct proxmox_inventory *inventory = memory_new(1, sizeof(*inventory));

    inventory->folders = folders;
    inventory->reads = reads;
    return inventory;
}

static void
forget(struct proxmox_inventory *inventory, struct entry *entry)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): it cannot follow uthash's table */
    HASH_DEL(inventory->entries, entry);
    domain_facts_unref(entry->guest.configuration.facts);
    domain_facts_unref(entry->process);
    free(entry);
}

void
proxmox_inventory_free(struct proxmox_inventory *inventory)
{
    struct entry *entry, *next;

    HASH_ITER (hh, inventory->entries, entry, next) {
        forget(inventory, entry);
    }
    free(inventory);
}

/* --- files --- */

bool
proxmox_file_is_same(const struct proxmox_file *a, const struct proxmox_file *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

/* -1 with errno, and a file that is not there. */
static int
look_at_file(const char *path, mode_t kind, struct proxmox_file *file)
{
    struct stat status;

    *file = (struct proxmox_file){.inode = 0};
    if (stat(path, &status) < 0)
        return -1;
    if ((status.st_mode & S_IFMT) != kind) {
        errno = EINVAL;
        return -1;
    }
    *file = (struct proxmox_file){.device = status.st_dev,
                                  .inode = status.st_ino,
                                  .bytes = status.st_size,
                                  .changed = status.st_ctim};
    return 0;
}

static void
path_in(char path[PATH_MAX], const char *folder, const char *vmid, const char *ending)
{
    (void)snprintf(path, PATH_MAX, "%s/%s%s", folder, vmid, ending);
}

/* For want of files or memory, a look tells nothing. */
static bool
is_blinded(struct proxmox_inventory *inventory, int error)
{
    if (!file_is_exhausted(error))
        return false;
    inventory->error = error;
    return true;
}

/* --- the process --- */

/* 0: it names none; -1: that cannot be seen now. */
static pid_t
read_pid(struct proxmox_inventory *inventory, struct entry *entry, const char *path)
{
    size_t length;
    char *text = file_read(file_open(path), PID_BYTES_MAX, &length), *end;
    int error = errno;
    long pid = text ? strtol(text, &end, 10) : 0;

    if (!text && is_blinded(inventory, error))
        return -1;
    inventory->files_read++;
    entry->is_denied = !text && (error == EACCES || error == EPERM);
    if (entry->is_denied)
        log_warn("a pid file may not be read; its guest is left alone",
                 LOG_STR("path", path));
    if (!text || end == text || strspn(end, " \n") != strlen(end) || pid <= 0 ||
        pid > INT_MAX)
        pid = 0;
    free(text);
    return (pid_t)pid;
}

static void
take_command(struct entry *entry, const struct qemu_command *command)
{
    entry->runs = true;
    entry->process = domain_facts_ref(command->facts);
    entry->guest.is_stopped = command->is_stopped;
    entry->guest.is_incoming = command->is_incoming;
    entry->file.inode = 0; /* what is read goes together with what the process says */
}

/* A pid file may outlive its process, and the number go to another. */
static void
identify(struct proxmox_inventory *inventory, struct entry *entry)
{
    struct qemu_command command = {.facts = NULL};
    char own[PROXMOX_VMID_BYTES + sizeof(PID_FILE_ENDING)];

    (void)snprintf(own, sizeof(own), "%s" PID_FILE_ENDING, entry->guest.vmid);
    enum qemu_read read = qemu_reads_command(inventory->reads, entry->guest.vmid,
                                             entry->guest.pid, &command);

    entry->guest.is_unread = read == QEMU_READ_LATER;
    if (entry->guest.is_unread)
        return;
    if (read == QEMU_READ_FOUND && strcmp(command.pid_file, own) == 0)
        take_command(entry, &command);
    else
        log_warn("a pid file is left alone: its process is not the guest's QEMU, or "
                 "/proc does not tell",
                 LOG_STR("vmid", entry->guest.vmid), LOG_INT("pid", entry->guest.pid));
    domain_facts_unref(command.facts);
}

static void
take_process(struct proxmox_inventory *inventory, struct entry *entry, pid_t pid,
             int64_t started)
{
    if (pid == entry->guest.pid && started == entry->guest.started &&
        !entry->guest.is_unread)
        return;
    entry->guest.pid = pid;
    entry->runs = entry->guest.is_unread = false;
    domain_facts_unref(entry->process);
    entry->process = NULL;
    entry->guest.started = started;
    if (started >= 0)
        identify(inventory, entry);
}

/* What cannot be seen now stays as it was. */
static void
look_at_process(struct proxmox_inventory *inventory, struct entry *entry)
{
    struct proxmox_file file;
    char path[PATH_MAX];
    pid_t pid = entry->guest.pid;

    path_in(path, inventory->folders->pid_files, entry->guest.vmid, PID_FILE_ENDING);
    if (look_at_file(path, S_IFREG, &file) < 0)
        pid = is_blinded(inventory, errno) ? -1 : 0;
    else if (!proxmox_file_is_same(&file, &entry->pid_file))
        pid = read_pid(inventory, entry, path);
    if (pid < 0)
        return;
    int64_t started = pid > 0 ? qemu_process_started(pid) : -1;

    if (pid > 0 && started < 0 && is_blinded(inventory, errno))
        return;
    entry->pid_file = file;
    take_process(inventory, entry, pid, started);
}

/* --- the configuration --- */

/* Up to the first section; NULL with `why`. */
static char *
read_head(const char *path, size_t *length, struct failure *why)
{
    int fd = file_open(path);
    char *bytes = memory_new(PROXMOX_CONFIGURATION_BYTES_MAX + 1, 1);
    ssize_t got = -1;

    *length = 0;
    while (fd >= 0 && !proxmox_configuration_is_enough(bytes, *length) &&
           *length <= PROXMOX_CONFIGURATION_BYTES_MAX &&
           (got = read(fd, bytes + *length,
                       PROXMOX_CONFIGURATION_BYTES_MAX + 1 - *length)) > 0)
        *length += (size_t)got;
    int error = errno;

    if (fd >= 0)
        (void)close(fd);
    why->kind = FAILURE_NONE;
    if (fd < 0 || got < 0)
        failure_set(why, FAILURE_UNAVAILABLE, "%s: %s", path, strerror(error));
    else if (*length > PROXMOX_CONFIGURATION_BYTES_MAX &&
             !proxmox_configuration_is_enough(bytes, *length))
        failure_set(why, FAILURE_TOO_LARGE, "%s: it is larger than 64 KiB", path);
    if (why->kind == FAILURE_NONE)
        return bytes;
    free(bytes);
    return NULL;
}

/* Once for each change. */
static void
complain(const struct entry *entry, const struct proxmox_configuration *before)
{
    const struct proxmox_configuration *now = &entry->guest.configuration;

    if (now->strange > 0 && !domain_facts_are_same(now->facts, before->facts))
        log_warn("settings of a guest's configuration are not to be understood, and "
                 "left out",
                 LOG_STR("vmid", entry->guest.vmid), LOG_INT("settings", now->strange));
}

/* Whether its bytes were there to be judged: they need not be read again. */
static bool
read_configuration(struct entry *entry, const char *path, struct failure *why)
{
    struct proxmox_configuration read, before = entry->guest.configuration;
    struct failure wrong;
    size_t length;
    char *bytes = read_head(path, &length, why);

    if (!bytes)
        return why->kind == FAILURE_TOO_LARGE;
    int status = proxmox_configuration_parse(entry->guest.vmid, bytes, length,
                                             entry->process, &read, &wrong);

    free(bytes);
    if (status < 0) {
        failure_set(why, wrong.kind, "%s: %s", path, wrong.text);
        return true;
    }
    entry->guest.is_known = true;
    entry->guest.configuration = read;
    complain(entry, &before);
    domain_facts_unref(before.facts);
    return true;
}

/* The log has one line for all. */
static void
leave_configuration(struct entry *entry, const char *path)
{
    struct failure why;

    entry->guest.is_missing = false;
    entry->file.inode = 0;
    failure_set(&why, FAILURE_TIMEOUT, "%s: reading it hangs", path);
    if (!entry->guest.is_known)
        (void)snprintf(entry->guest.error, sizeof(entry->guest.error), "%s", why.text);
}

static void
look_at_configuration(struct proxmox_inventory *inventory, struct entry *entry)
{
    struct failure why = {.kind = FAILURE_NONE};
    struct proxmox_file file;
    char path[PATH_MAX];

    path_in(path, inventory->folders->configurations, entry->guest.vmid, ".conf");
    if (inventory->without_configurations) {
        leave_configuration(entry, path);
        return;
    }
    bool is_there = look_at_file(path, S_IFREG, &file) == 0;
    int error = errno;
    bool has_changed = !proxmox_file_is_same(&file, &entry->file);

    if (is_there && !has_changed && entry->looks_more == 0)
        return;
    entry->looks_more = has_changed ? LOOKS_MORE : entry->looks_more - 1;
    if (!is_there)
        failure_set(&why, FAILURE_UNAVAILABLE, "%s: %s", path, strerror(error));
    else if (!read_configuration(entry, path, &why))
        file.inode = 0; /* again in the next look */
    entry->guest.is_missing = !is_there && error == ENOENT;
    inventory->files_read += is_there;
    entry->file = file;
    (void)snprintf(entry->guest.error, sizeof(entry->guest.error), "%s",
                   why.kind == FAILURE_NONE ? "" : why.text);
}

/* --- the whole --- */

/* The number of a guest, or false. */
static bool
vmid_of(const char *name, char vmid[PROXMOX_VMID_BYTES])
{
    size_t length = strspn(name, "0123456789");

    if (length == 0 || length >= PROXMOX_VMID_BYTES ||
        strcmp(name + length, PID_FILE_ENDING) != 0)
        return false;
    memcpy(vmid, name, length);
    vmid[length] = '\0';
    return true;
}

static struct entry *
find_or_add(struct proxmox_inventory *inventory, const char *vmid)
{
    struct entry *entry;

    HASH_FIND_STR(inventory->entries, vmid, entry);
    if (entry || HASH_COUNT(inventory->entries) >= PROXMOX_GUESTS_MAX)
        return entry;
    entry = memory_new(1, sizeof(*entry));
    memcpy(entry->guest.vmid, vmid, PROXMOX_VMID_BYTES);
    entry->guest.started = -1;
    HASH_ADD_STR(inventory->entries, guest.vmid, entry);
    return entry;
}

static void
look_at_guest(struct proxmox_inventory *inventory, struct entry *entry)
{
    char path[PATH_MAX];

    entry->there = true;
    look_at_process(inventory, entry);
    if (!entry->runs || inventory->error != 0)
        return;
    path_in(path, inventory->folders->sockets, entry->guest.vmid, ".qga");
    if (look_at_file(path, S_IFSOCK, &entry->guest.socket) < 0 &&
        is_blinded(inventory, errno))
        return;
    look_at_configuration(inventory, entry);
}

static int
compare(const void *a, const void *b)
{
    const struct proxmox_guest *left = a, *right = b;
    unsigned long x = strtoul(left->vmid, NULL, 10), y = strtoul(right->vmid, NULL, 10);

    return (x > y) - (x < y);
}

static void
tell(struct proxmox_inventory *inventory, struct proxmox_seen *seen)
{
    struct entry *entry, *next;
    bool is_denied = false;

    seen->guests =
        memory_new(HASH_COUNT(inventory->entries) + 1, sizeof(*seen->guests));
    HASH_ITER (hh, inventory->entries, entry, next) {
        if (!entry->there) {
            forget(inventory, entry);
        } else if (entry->runs || entry->guest.is_unread) {
            seen->guests[seen->count++] = entry->guest;
            (void)domain_facts_ref(entry->guest.configuration.facts);
        } else {
            is_denied = is_denied || entry->is_denied;
        }
    }
    /* One is that guest's alone. */
    if (is_denied && seen->count == 0)
        (void)snprintf(seen->trouble, sizeof(seen->trouble),
                       "no pid file in %s may be read: run the exporter as root",
                       inventory->folders->pid_files);
    qsort(seen->guests, seen->count, sizeof(*seen->guests), compare);
}

/* The next guest's pid file; false: that was the last, or no more can be seen. */
static bool
next_guest(struct proxmox_inventory *inventory, DIR *folder,
           char vmid[PROXMOX_VMID_BYTES])
{
    const struct dirent *file = NULL;

    if (inventory->error != 0)
        return false;
    do {
        errno = 0;
        file = readdir(folder);
    } while (file && !vmid_of(file->d_name, vmid));
    inventory->error = file ? 0 : errno;
    return file;
}

static void
look_at_guests(struct proxmox_inventory *inventory, DIR *folder,
               struct proxmox_seen *seen)
{
    char vmid[PROXMOX_VMID_BYTES];
    struct entry *entry, *next;

    HASH_ITER (hh, inventory->entries, entry, next) {
        entry->there = false;
    }
    while (next_guest(inventory, folder, vmid)) {
        entry = find_or_add(inventory, vmid);
        if (entry)
            look_at_guest(inventory, entry);
        else
            seen->beyond++;
    }
}

void
proxmox_inventory_look(struct proxmox_inventory *inventory, bool without_configurations,
                       struct proxmox_seen *seen)
{
    const char *path = inventory->folders->pid_files;
    DIR *folder = opendir(path);

    *seen = (struct proxmox_seen){.is_blind = !folder && file_is_exhausted(errno)};
    inventory->error = folder ? 0 : errno;
    inventory->files_read = 0;
    inventory->without_configurations = without_configurations;
    if (folder) {
        look_at_guests(inventory, folder, seen);
        (void)closedir(folder);
        seen->is_blind = inventory->error != 0;
    }
    seen->files_read = inventory->files_read;
    if (inventory->error == 0)
        tell(inventory, seen);
    else
        (void)snprintf(seen->trouble, sizeof(seen->trouble), "%s: %s", path,
                       strerror(inventory->error));
}

void
proxmox_seen_clear(struct proxmox_seen *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        domain_facts_unref(seen->guests[i].configuration.facts);
    free(seen->guests);
    *seen = (struct proxmox_seen){.guests = NULL};
}
