/* Guests that panicked and were stopped for it, as libvirt does unless told otherwise:
 * their series would leave before anybody has seen that they panicked.  So their
 * events stay for a while, in a place of the store of their own. */
#include "poll/inside.h"

#include "kit/memory.h"
#include "poll/publish.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* A guest that is stopped so soon after it panicked was stopped for it: its memory may
 * be dumped before. */
#define FELL_WITHIN_NS (INT64_C(600) * 1000 * 1000 * 1000)

/* As far as the alert on panics looks back. */
#define FALLEN_NS (INT64_C(3600) * 1000 * 1000 * 1000)
/* Of a source: guests that are started again and again are one each. */
#define FALLEN_MAX 256

struct fallen {
    char *key, *identity;
    struct events events;
    struct store_guest *place;
    int64_t until_ns; /* CLOCK_MONOTONIC */
    struct fallen *next;
};

static void
drop(struct watch *watch, struct fallen *fallen)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): it loses count of the list */
    LL_DELETE(watch->fallen, fallen);
    store_guest_remove(watch->parts->store, fallen->place);
    events_clear(&fallen->events);
    free(fallen->identity);
    free(fallen->key);
    free(fallen);
}

static void
drop_beyond(struct watch *watch)
{
    struct fallen *last = watch->fallen;
    size_t count = 1;

    for (; last->next; last = last->next)
        count++;
    if (count > FALLEN_MAX)
        drop(watch, last);
}

struct fallen *
fallen_of(struct guest *guest, int64_t now_ns)
{
    if (guest->panicked_ns == 0 || now_ns - guest->panicked_ns >= FELL_WITHIN_NS)
        return NULL;
    struct fallen *fallen = memory_new(1, sizeof(*fallen));

    fallen->key = memory_string(guest->key);
    fallen->identity = memory_string(guest->identity);
    fallen->events = guest->events;
    fallen->until_ns = now_ns + FALLEN_NS;
    guest->events = (struct events){.disks = NULL};
    return fallen;
}

void
fallen_show(struct watch *watch, struct fallen *fallen)
{
    if (!fallen)
        return;
    fallen->place = store_guest_add(watch->parts->store, fallen->identity);
    publish_events(watch, &fallen->events, NULL, fallen->identity, fallen->place);
    LL_PREPEND(watch->fallen, fallen);
    drop_beyond(watch);
}

/* Another guest that has taken its name is shown in its stead. */
void
fallen_rise(struct watch *watch, struct guest *guest)
{
    struct fallen *fallen, *next;

    LL_FOREACH_SAFE(watch->fallen, fallen, next)
    {
        bool is_it = strcmp(fallen->key, guest->key) == 0;

        if (!is_it && strcmp(fallen->identity, guest->identity) != 0)
            continue;
        if (is_it) {
            guest->events = fallen->events;
            fallen->events = (struct events){.disks = NULL};
        }
        drop(watch, fallen);
    }
}

void
fallen_review(struct watch *watch, int64_t now_ns)
{
    struct fallen *fallen, *next;

    LL_FOREACH_SAFE(watch->fallen, fallen, next)
    {
        if (fallen->until_ns <= now_ns)
            drop(watch, fallen);
    }
}
