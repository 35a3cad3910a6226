/* What an answer says of its guest: the one place where it is judged.  Pure: it notes
 * in the guest what there is to remember, and returns what there is to do. */
#ifndef GUEST_ANSWER_H
#define GUEST_ANSWER_H

#include "guest/guest.h"
#include "kit/samples.h"

#include <stdbool.h>
#include <stdint.h>

struct config;

/* What answers are read by. */
struct answer_rules {
    const struct config *config;
    bool finishing;          /* conversations are tidied up, none is begun */
    struct samples *samples; /* room for those of one answer */
};

/* What becomes of the collector's series. */
enum answer_series {
    SERIES_AS_BEFORE,
    SERIES_NEW,     /* those in answer_rules.samples */
    SERIES_RENEWED, /* the reply equals the last one: shown for longer */
    SERIES_WITHDRAWN,
};

struct verdict {
    enum failure_kind outcome; /* for the schedule and the counters */
    enum answer_series series;
    enum freeze_step freeze;
    bool goes_on;         /* the collector's conversation: its next call is due */
    bool failed;          /* worth a line in the log: guest->last_failure */
    const char *broke_by; /* the command that is in quarantine from now on; or NULL */
    const char *slow_pattern; /* of the user's, too slow for this guest; told once */
    unsigned int changed;     /* of the guest: GUEST_... */
};

/* The answer of a call that was made in `turn`. */
struct verdict guest_answer(struct guest *guest, const struct schedule_turn *turn,
                            const struct answer *answer,
                            const struct answer_rules *rules, int64_t now_ns);

#endif
