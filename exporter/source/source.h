/* A way to guests: it announces them and carries calls to their agents.  Everything
 * right of it is the same for every source.
 *
 * All functions and all callbacks run on the poller's loop thread and never block. */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "collector.h"
#include "kit/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct balloon;
struct domain_facts;
struct guest_event;
struct source;
struct source_config;
struct mailbox;
typedef struct uv_loop_s uv_loop_t;

enum domain_state {
    DOMAIN_RUNNING,
    DOMAIN_PAUSED,    /* also migrating in, pmsuspended, crashed and kept */
    DOMAIN_SHUTDOWN,  /* on its way out: not asked, not yet gone */
    DOMAIN_MIGRATING, /* on its way to another host */
};

/* Why a domain is DOMAIN_PAUSED, where its source tells. */
enum pause_reason {
    PAUSE_OTHER,     /* saved, dumped, being started, or not known */
    PAUSE_USER,      /* somebody has paused it */
    PAUSE_IO_ERROR,  /* a disk could not be read or written */
    PAUSE_WATCHDOG,  /* its watchdog has expired */
    PAUSE_PANICKED,  /* its kernel has, and it is kept to be looked at */
    PAUSE_SUSPENDED, /* by itself */
    PAUSE_REASONS,
};

enum channel_state {
    CHANNEL_ABSENT,       /* the domain has no agent channel */
    CHANNEL_UNUSABLE,     /* it has one of a kind that its daemon does not use */
    CHANNEL_DISCONNECTED, /* nobody in the guest has opened it */
    CHANNEL_CONNECTED,    /* someone has; whether it answers is another matter */
    CHANNEL_UNKNOWN,      /* the definition is, and so whether it says: do not ask */
};

/* A socket of the host, whatever paths lead to it; `inode` 0: none. */
struct socket_file {
    uint64_t device, inode;
};

/* What a source knows of a guest without asking it. */
struct guest_facts {
    const char *key;  /* identifies the guest in its source for as long as it exists */
    const char *name; /* the label `domain` */
    const char *uuid; /* "" where there is none */
    int64_t incarnation; /* another number: the guest (or its machine) started anew */
    enum domain_state domain;
    enum pause_reason pause; /* DOMAIN_PAUSED */
    enum channel_state channel;
    bool just_started;       /* we saw it start, so its agent may still be on the way */
    bool agent_connected;    /* (again) since the guest was last announced */
    bool agent_disconnected; /* ... before that: a daemon that restarts says "connected"
                                of an agent that was there all the time */
    bool agent_recovered;   /* ... or the same has just answered after a long silence */
    bool opted_out;         /* the domain's metadata says: do not ask */
    bool channel_is_shared; /* others need it at any moment: it is asked in visits */
    /* CHANNEL_UNKNOWN: why the definition may not be read; NULL: it has not come yet,
     * and what was known of this incarnation still holds. */
    const char *definition_error;
    /* CHANNEL_UNKNOWN: the definition as libvirt wrote it, from which whoever
     * parses it has the channel and what follows (source_config.libvirt.leaves_xml).
     * NULL: none. */
    const char *definition_xml;
    /* What its definition says; the listener may take a reference.  NULL: not known. */
    struct domain_facts *definition;
    struct socket_file socket; /* by which its agent is asked; none: by a daemon */
    const char *os_hint; /* what it is said to run, by os-release's ID; NULL: unknown */
};

struct source_listener {
    void (*guest_seen)(void *context, struct source *source,
                       const struct guest_facts *facts); /* new or changed; borrowed */
    void (*guest_gone)(void *context, struct source *source, const char *key);
    /* The way itself came or went.  `up` comes after every guest that is there was
     * seen: a guest that was not seen since the last `down` is gone.  `why` may be
     * NULL. */
    void (*source_up)(void *context, struct source *source);
    void (*source_down)(void *context, struct source *source, const char *why);
    /* What happened to a guest; borrowed.  Of one that is not announced it counts for
     * nothing. */
    void (*guest_event)(void *context, struct source *source, const char *key,
                        const struct guest_event *event);
    /* What the host tells of a guest's memory; borrowed.  Of guests of which it tells
     * nothing now, this is not called. */
    void (*balloon_told)(void *context, struct source *source, const char *key,
                         const struct balloon *balloon);
    /* It was asked for that of all guests, and has told it, or does not. */
    void (*balloons_told)(void *context, struct source *source);
    void *context;
};

/* What became of a request. */
struct answer {
    char *reply; /* NULL: see `failure`; free() is the caller's */
    size_t reply_length;
    struct failure failure;
    enum {
        CALL_CHANNEL_WHOLE,
        CALL_BROKE_CHANNEL, /* libvirt could not parse the reply, and latches that */
        CALL_FOUND_CHANNEL_BROKEN, /* ... by an earlier call, ours or another client's
                                    */
    } channel;
    bool qemu_hangs; /* in time there was no reply, and QEMU does not answer the host */
    int64_t sent_ns, received_ns;           /* CLOCK_REALTIME, right around the call */
    int64_t sent_mono_ns, received_mono_ns; /* CLOCK_MONOTONIC */
};

/* One command on its way.  Belongs to the source from source_call() until `done`. */
struct call {
    char *guest_key;        /* owned by the caller; valid until done */
    struct request request; /* a query of the registry */
    int64_t timeout_ns;
    size_t reply_bytes_max;
    struct answer answer;

    void (*done)(struct call *call); /* always called, exactly once */
    void *context;
    void *carrier; /* the source's own */
};

/* How far a call is that is not done. */
enum call_stage {
    CALL_WAITS, /* it has not even been begun with */
    CALL_RUNS,
    CALL_GIVEN_UP, /* nobody waits for it any more; it may come back all the same */
};

/* Calls that a source takes at once; those that were given up are not among them. */
struct source_capacity {
    unsigned int lanes; /* that it works on */
    unsigned int calls; /* with those that wait for a lane to become free */
};

/* What a source says of itself. */
struct source_figures {
    bool has_lanes; /* and these three */
    size_t lanes, lanes_in_use;
    uint64_t lanes_abandoned; /* ever */
    bool has_sockets;         /* and this one */
    size_t sockets_beyond;    /* left alone, because there are too many */
};

struct source_driver {
    struct source *(*start)(const struct source_config *config, uv_loop_t *loop,
                            struct mailbox *mailbox,
                            const struct source_listener *listener);
    struct source_capacity (*capacity)(const struct source *source);
    struct source_figures (*figures)(const struct source *source);
    /* `done` comes later, never from within. */
    void (*call)(struct source *source, struct call *call);
    /* No further call of this guest is due now.  NULL: that does not matter. */
    void (*end_visit)(struct source *source, const char *guest_key);
    enum call_stage (*stage)(const struct source *source, const struct call *call);
    /* Announces nothing more.  Waits at most until the deadline (CLOCK_MONOTONIC) for
     * calls in flight; whether all came back: if not, the memory they hold is given up,
     * and the process should end by _exit(). */
    bool (*stop)(struct source *source, int64_t deadline_ns);
    bool tells_events; /* guest_event() */
};

extern const struct source_driver source_libvirt;
extern const struct source_driver source_socket;
extern const struct source_driver source_proxmox;

#endif
