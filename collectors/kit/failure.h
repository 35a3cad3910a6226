/* Why something failed: filled once, where the cause is known, and carried unchanged to
 * the log or the user (text), and for a guest's answer to the metric label and the
 * back-off (kind). */
#ifndef KIT_FAILURE_H
#define KIT_FAILURE_H

/* Long enough for a sentence with file, line and remedy; longer guest text is cut. */
#define FAILURE_TEXT_BYTES 512

enum failure_kind {
    FAILURE_NONE,
    FAILURE_ABSENT,       /* the domain has no agent channel */
    FAILURE_DISCONNECTED, /* nobody in the guest has opened the channel, or it closed */
    FAILURE_TIMEOUT,      /* the agent did not answer within the deadline */
    FAILURE_UNSUPPORTED,  /* this agent does not have the command */
    FAILURE_DISABLED,     /* the guest's administrator has disabled the command */
    FAILURE_FROZEN,       /* the guest's filesystems are frozen (fsfreeze) */
    FAILURE_BUSY,         /* another client of the agent holds it */
    FAILURE_HELD,         /* another program has the socket of the agent */
    FAILURE_AGENT_ERROR,  /* the agent answered with an error of its own */
    FAILURE_MALFORMED,    /* the reply is no JSON, or no reply: to no command */
    FAILURE_WRONG_SHAPE,  /* a reply, but not what is documented for the command */
    FAILURE_TOO_LARGE,    /* the reply is over the byte or depth limit */
    FAILURE_DENIED,       /* the host's daemon does not allow us to ask */
    FAILURE_NOT_RUNNING,  /* the domain is paused, shut off or gone */
    FAILURE_UNAVAILABLE,  /* the way to the guest (daemon, socket) is gone */
    FAILURE_KINDS,
};

struct failure {
    enum failure_kind kind;
    char text[FAILURE_TEXT_BYTES]; /* one sentence for the log; may quote the guest */
};

/* Fills `why`; cuts what does not fit.  Any thread. */
void failure_set(struct failure *why, enum failure_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The value of the label `reason`: lower-case, underscores, static.  Any thread. */
const char *failure_kind_name(enum failure_kind kind);

#endif
