/* Places in the order of their age. */
#include "store/shelf.h"

#include "kit/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct shelf {
    pthread_mutex_t lock; /* all below, and the places */
    size_t users;         /* the places, and the owner */
    struct shelf_place *oldest, **end;
};

struct shelf *
shelf_new(void)
{
    struct shelf *shelf = memory_new(1, sizeof(*shelf));

    (void)pthread_mutex_init(&shelf->lock, NULL);
    shelf->users = 1;
    shelf->end = &shelf->oldest;
    return shelf;
}

/* The caller holds the lock, and loses it. */
static void
release(struct shelf *shelf)
{
    bool last = --shelf->users == 0;

    (void)pthread_mutex_unlock(&shelf->lock);
    if (!last)
        return;
    (void)pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

void
shelf_leave(struct shelf *shelf)
{
    (void)pthread_mutex_lock(&shelf->lock);
    release(shelf);
}

void
shelf_put(struct shelf *shelf, struct shelf_place *place, size_t bytes)
{
    (void)pthread_mutex_lock(&shelf->lock);
    place->shelf = shelf;
    place->bytes = bytes;
    place->newer = NULL;
    place->link = shelf->end;
    *shelf->end = place;
    shelf->end = &place->newer;
    shelf->users++;
    (void)pthread_mutex_unlock(&shelf->lock);
}

void
shelf_take(struct shelf_place *place)
{
    struct shelf *shelf = place->shelf;

    if (!shelf)
        return;
    (void)pthread_mutex_lock(&shelf->lock);
    *place->link = place->newer;
    if (place->newer)
        place->newer->link = place->link;
    else
        shelf->end = place->link;
    place->shelf = NULL;
    release(shelf);
}

void
shelf_keep(struct shelf_place *place, bool kept)
{
    (void)pthread_mutex_lock(&place->shelf->lock);
    place->kept = kept;
    (void)pthread_mutex_unlock(&place->shelf->lock);
}

bool
shelf_fits(struct shelf *shelf, size_t bytes_max)
{
    size_t bytes = 0;

    (void)pthread_mutex_lock(&shelf->lock);
    for (const struct shelf_place *at = shelf->oldest; at; at = at->newer)
        bytes += at->kept ? 0 : at->bytes;
    bool fits = bytes <= bytes_max;
    for (struct shelf_place *at = shelf->oldest; at && bytes > bytes_max;
         at = at->newer) {
        if (at->kept)
            continue;
        atomic_store(&at->unwanted, true);
        bytes -= at->bytes;
    }
    (void)pthread_mutex_unlock(&shelf->lock);
    return fits;
}

bool
shelf_is_unwanted(const struct shelf_place *place)
{
    return atomic_load(&place->unwanted);
}
