/* What the doctor says of each trouble, and what to do about it: all texts, in one
 * table. */
#ifndef DOCTOR_REMEDIES_H
#define DOCTOR_REMEDIES_H

#include "doctor/diagnosis.h"

struct guest_os;
struct source_config;

enum doctor_trouble {
    TROUBLE_NO_CHANNEL,
    TROUBLE_UNUSABLE_CHANNEL, /* libvirt's alone */
    TROUBLE_NO_SOCKET,        /* nobody serves it */
    TROUBLE_NOT_CONNECTED,
    TROUBLE_LEFT, /* not connected any more */
    TROUBLE_NO_ANSWER,
    TROUBLE_QEMU_HANGS, /* likewise, and libvirt knows that */
    TROUBLE_HELD,
    TROUBLE_BUSY,
    TROUBLE_DENIED,
    TROUBLE_FROZEN,
    TROUBLE_MALFORMED,
    TROUBLE_STARTING,
    TROUBLE_PAUSED,
    TROUBLE_IO_ERROR, /* paused because of it; so are these */
    TROUBLE_WATCHDOG,
    TROUBLE_PANICKED,
    TROUBLE_SHUTTING_DOWN,
    TROUBLE_MIGRATING,
    TROUBLE_OPTED_OUT,
    TROUBLE_NO_DEFINITION,
    TROUBLE_UNREADABLE,
    TROUBLE_SOURCE_AWAY,
    TROUBLE_UNAVAILABLE,
    TROUBLE_NOT_ASKED,
    TROUBLE_NOT_RUNNING,
    TROUBLE_NOT_SEEN, /* the same, but a source is away */
    TROUBLE_NO_FILESYSTEM,
    TROUBLE_NO_BALLOON,     /* so its memory is not known */
    TROUBLE_BALLOON_SILENT, /* likewise */
    /* Of single commands of a guest that answers, in the order of the report. */
    TROUBLE_COMMAND_DISABLED,
    TROUBLE_COMMAND_FAILED,
    TROUBLE_COMMAND_ODD, /* part of its answer was left out */
    TROUBLE_COMMAND_MISSING,
    TROUBLE_COMMAND_LEFT_OUT, /* by its distribution's settings */
    TROUBLE_COMMAND_QUARANTINED,
    TROUBLE_COMMAND_AVOIDED,
    TROUBLES,
};

/* What the texts name.  All borrowed. */
struct doctor_case {
    const struct source_config *source; /* NULL: none in particular */
    const struct guest_os *os;
    const char *name;     /* the domain (or its socket), for a shell */
    const char *error;    /* of the call in question, escaped; "" */
    const char *commands; /* those in trouble; NULL: no certain one */
};

/* Adds the trouble to the row's findings. */
void doctor_find(struct doctor_row *row, enum doctor_trouble trouble,
                 const struct doctor_case *about);

/* For a source that is away; `why` may be "".  Looks which daemon of libvirt this host
 * has.  free() is the caller's. */
char *doctor_source_remedy(const struct source_config *source, const char *why);

#endif
