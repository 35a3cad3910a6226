/* Lanes for classes of guests. */
#include "guest/places.h"

/* Guests that do not answer may use one in so many of the lanes. */
#define SILENT_SHARE 4

void
places_move_guest(struct places *places, enum schedule_class from,
                  enum schedule_class to)
{
    places->guests[from] -= from != SCHEDULE_NOBODY;
    places->guests[to] += to != SCHEDULE_NOBODY;
}

/* Those that are confined have as large a part of the lanes as they are of the guests
 * that answer: on a slow host, that may be all. */
static unsigned int
count_of(const struct places *places, enum schedule_class class, unsigned int lanes)
{
    unsigned int confined = places->guests[SCHEDULE_CONFINED];
    unsigned int answering = confined + places->guests[SCHEDULE_WELL];
    unsigned int count = lanes / SILENT_SHARE;

    if (class == SCHEDULE_CONFINED)
        count = answering > 0 ? lanes * confined / answering : 0;
    return count > 0 ? count : 1;
}

bool
places_has_one(const struct places *places, enum schedule_class class,
               unsigned int lanes)
{
    unsigned int taken =
        places->in_flight[SCHEDULE_CONFINED] + places->in_flight[SCHEDULE_SILENT];
    /* A lane is left to those that are well, as long as there are any. */
    unsigned int left = lanes > 1 && places->guests[SCHEDULE_WELL] > 0 ? 1 : 0;

    if (class == SCHEDULE_WELL)
        return true;
    return taken < lanes - left &&
           places->in_flight[class] < count_of(places, class, lanes);
}
