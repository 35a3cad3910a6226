/* Calls in flight, by classes of guests: how many lanes each class may hold.  Pure. */
#ifndef GUEST_PLACES_H
#define GUEST_PLACES_H

#include <stdbool.h>

/* How a guest waits for its turns. */
enum schedule_class {
    SCHEDULE_NOBODY, /* it is not to be asked */
    SCHEDULE_WELL,
    SCHEDULE_CONFINED, /* by its share (guest/share.h) */
    SCHEDULE_SILENT,   /* it does not answer */
    SCHEDULE_CLASSES,
};

struct places {
    unsigned int guests[SCHEDULE_CLASSES];
    unsigned int in_flight[SCHEDULE_CLASSES]; /* in places of the class */
};

/* A guest is of another class now. */
void places_move_guest(struct places *places, enum schedule_class from,
                       enum schedule_class to);
/* Whether a call of the class may begin: those that are well may always, as far as this
 * goes. */
bool places_has_one(const struct places *places, enum schedule_class class,
                    unsigned int lanes);

#endif
