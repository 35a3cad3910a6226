/* What happened to a guest, by its host's word: no agent is asked.  Plain values. */
#ifndef SOURCE_GUEST_EVENT_H
#define SOURCE_GUEST_EVENT_H

/* A longer name is cut. */
#define GUEST_EVENT_DISK_BYTES 64

enum guest_event_kind {
    GUEST_PANICKED,       /* its kernel said so, by its panic device */
    GUEST_WATCHDOG,       /* its watchdog device has expired */
    GUEST_IO_ERROR,       /* its host could not read or write a disk of its */
    GUEST_REBOOTED,       /* or was reset: libvirt tells both as one */
    GUEST_MEMORY_FAILURE, /* the host's memory failed below it */
    GUEST_EVENTS_KINDS,
};

struct guest_event {
    enum guest_event_kind kind;
    char
        disk[GUEST_EVENT_DISK_BYTES]; /* GUEST_IO_ERROR: as the host calls the device */
};

#endif
