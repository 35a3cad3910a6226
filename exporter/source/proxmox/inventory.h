/* Which guests run on this Proxmox VE host, and what their files say of them.  What may
 * hang (/etc/pve is a file system of the cluster, /proc waits for whoever holds a
 * process's memory) is done here: on a lane.  Files are read when they have changed. */
#ifndef SOURCE_PROXMOX_INVENTORY_H
#define SOURCE_PROXMOX_INVENTORY_H

#include "kit/failure.h"
#include "source/proxmox/configuration.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Further guests are left alone and counted. */
#define PROXMOX_GUESTS_MAX 16384
/* Of a configuration, up to its first snapshot; Proxmox's own limit of a description is
 * 8 KiB. */
#define PROXMOX_CONFIGURATION_BYTES_MAX ((size_t)64 * 1024)

struct proxmox_folders {
    char *sockets, *pid_files, *configurations;
};

/* What a path leads to; `inode` 0: it is not there. */
struct proxmox_file {
    dev_t device;
    ino_t inode;
    off_t bytes;
    struct timespec changed;
};

/* A guest that runs. */
struct proxmox_guest {
    char vmid[PROXMOX_VMID_BYTES];
    pid_t pid;       /* of its process ... */
    int64_t started; /* ... which was started then, in clock ticks */
    /* Its command line cannot be had now: what was known of this process holds, and
     * nothing is told below. */
    bool is_unread;
    bool is_stopped, is_incoming; /* see struct qemu_command */
    struct proxmox_file socket;   /* of its agent */
    bool is_missing;              /* there is no configuration */
    bool is_known;                /* its configuration is, at least as it once was */
    /* With a reference of the facts, if it is known. */
    struct proxmox_configuration configuration;
    char error[FAILURE_TEXT_BYTES]; /* why the configuration cannot be read now; "" */
};

struct proxmox_seen {
    struct proxmox_guest *guests; /* by their numbers */
    size_t count, beyond;
    char trouble[FAILURE_TEXT_BYTES]; /* why there can be none; "" */
    bool
        is_blind; /* for now nothing can be seen, which is not to say that it is gone */
    size_t files_read; /* in this look */
};

struct proxmox_inventory;
struct qemu_reads;

/* Both are borrowed; other inventories have the same `reads`, so that a process that
 * hangs is met once. */
struct proxmox_inventory *proxmox_inventory_new(const struct proxmox_folders *folders,
                                                struct qemu_reads *reads);
void proxmox_inventory_free(struct proxmox_inventory *inventory);

/* `without_configurations`: those are not touched, because reading them hangs; what was
 * read of a guest before holds. */
void proxmox_inventory_look(struct proxmox_inventory *inventory,
                            bool without_configurations, struct proxmox_seen *seen);
void proxmox_seen_clear(struct proxmox_seen *seen);

bool proxmox_file_is_same(const struct proxmox_file *a, const struct proxmox_file *b);

#endif
