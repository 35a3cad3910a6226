/* The interface of a collector: one QGA command, and what its answer means.
 *
 * A collector is a constant table with one pure function.  It reads no clock, does no
 * I/O and holds no state of its own, so it runs on any thread and is tested with plain
 * values. */
#ifndef COLLECTOR_H
#define COLLECTOR_H

#include "kit/failure.h"
#include "kit/metric.h"
#include "kit/request.h"
#include "kit/samples.h"

#include <jansson.h>
#include <stdint.h>

struct filter;
struct host_facts;
struct proc_facts;

/* What surrounds a reply, so that parse() needs neither clock nor configuration. */
struct exchange {
    int64_t sent_ns;       /* CLOCK_REALTIME of the host just before the call ... */
    int64_t received_ns;   /* ... and just after */
    int64_t round_trip_ns; /* the same span by CLOCK_MONOTONIC */
    const struct filter *const
        *filters;                  /* compiled, in the order of collector->filters;
                                      an entry may be NULL: lets all pass */
    const struct host_facts *host; /* of the guest's devices; NULL: not known */
    const struct proc_facts *proc; /* of another collector; NULL: not known */
    int64_t max_age_ns;            /* of the series that are made */
    enum metric_profile profile;   /* for what one family has more or less of */
    const char *os; /* what the guest runs, as struct guest_software has it; NULL, "":
                       not known */
    void *memory;   /* the collector's own memory_bytes for this guest, zeroed when the
                       guest or its agent restarts; NULL if memory_bytes is 0 */
};

/* A pair of patterns that a user may set: `<key>_include` and `<key>_exclude` under the
 * collector in the config file. */
struct filter_spec {
    const char *key;             /* "mount_points", "fs_types", "devices" */
    const char *default_exclude; /* a regular expression (PCRE2), or NULL: none */
    const char *help; /* one line for the annotated config and the reference */
};
#define COLLECTOR_FILTERS_MAX 4

enum command_status {
    COMMAND_UNKNOWN, /* the reply does not tell */
    COMMAND_MISSING,
    COMMAND_DISABLED,
    COMMAND_ENABLED,
};

/* What the exporter itself wants to know of a guest, besides its series; "" until the
 * guest has said it.  Guest text, cut. */
#define GUEST_SOFTWARE_BYTES 64
struct guest_software {
    char agent_version[GUEST_SOFTWARE_BYTES];
    char os_id[GUEST_SOFTWARE_BYTES];
};

/* --- collectors that need several calls --- */

/* How the last call of the conversation ended. */
enum step {
    STEP_FIRST,    /* there was none: the first request is wanted */
    STEP_ANSWERED, /* `answer` is the value of "return" */
    STEP_REFUSED,  /* the agent answered with an error */
    STEP_LOST,     /* no answer: the agent may have run the command, or still may */
};

enum next {
    NEXT_REQUEST, /* `request` is filled */
    NEXT_OVER, /* that was all; parse() follows, unless something was lost on the way */
    NEXT_NEVER, /* a file may have been left open in the guest: no more requests until
                   its agent restarts */
};

struct collector {
    const char *name;    /* config key, --collector.NAME and the label `collector` */
    const char *help;    /* one line, for --list-collectors */
    const char *command; /* the QGA command: a query, without arguments */
    const char *since;   /* the first version of the agent that has it: "7.1" */
    const char *series;  /* how many series of one guest it makes: "10 per vCPU" */
    unsigned int default_interval_s;
    bool default_disabled; /* costly, or many series: off unless configured */
    const struct metric *const *metrics; /* NULL-terminated */
    const struct filter_spec *filters;   /* NULL, or closed by an entry with NULL key */
    size_t memory_bytes;                 /* per guest, see struct exchange */
    /* The family that says at which addresses the guest is, with the labels device,
     * family, address; or NULL. */
    const struct metric *addresses;

    /* Pure.  `reply` is the value of "return", borrowed and hostile.  0, or -1 with
     * `why` filled; the caller then drops everything in `out`. */
    int (*parse)(const json_t *reply, const struct exchange *when, struct samples *out,
                 struct failure *why);

    /* Only where one call is not enough, else NULL: what to ask next.  Pure but for
     * `memory`, which must have what parse() needs in the end; parse() then gets the
     * last answer, or NULL if the last was none.  A request that begins with `command`
     * starts something new; while the exporter tidies up, such a request is not sent.
     */
    enum next (*next)(enum step step, const json_t *answer, void *memory,
                      struct request *request);
    /* All that it may ask, closed by one without a command; NULL: `command` alone. */
    const struct query *queries;
    unsigned int calls; /* of one conversation, for the guest's budget */

    /* Only where the reply lists the agent's commands (guest-info), else NULL: what it
     * says of one command.  Pure; a reply of the wrong shape says COMMAND_UNKNOWN. */
    enum command_status (*command_status)(const json_t *reply, const char *command);

    /* Only where the reply holds something of struct guest_software, else NULL.  Pure.
     */
    void (*software)(const json_t *reply, struct guest_software *software);

    /* Only where it knows families of another collector as well, else NULL: makes their
     * samples, which are shown where that one has none.  Pure. */
    const struct collector *substitutes;
    void (*substitute)(const void *memory, struct samples *out);

    /* Only where it knows what other collectors show (struct exchange), else NULL.
     * Pure. */
    const struct proc_facts *(*proc_facts)(const void *memory);
    bool shows_proc_facts; /* it is one of those others */

    /* Only where the reply tells whether the guest's filesystems are frozen
     * (guest-fsfreeze-status), else NULL.  Pure. */
    bool (*is_frozen)(const json_t *reply);
};

/* The list, in the order of a visit: the clock first (its error is bounded by its round
 * trip), then what tells how to read the rest (frozen, which commands), then the
 * cheapest first. */
extern const struct collector *const collectors[];
extern const size_t collectors_count;
#define COLLECTORS_MAX 32 /* fits a bit mask; checked by a test */

/* The one cheap command by which a silent agent is probed (never guest-ping: it writes
 * to the guest's log). */
extern const struct collector *const collector_probe;

/* The one command that may be sent while the guest's filesystems are frozen: its reply
 * tells when they are thawed. */
extern const struct collector *const collector_freeze;

/* The index in collectors[], or -1. */
int collector_find(const char *name);

#endif
