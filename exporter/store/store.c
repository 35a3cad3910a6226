/* Owns every guest's latest fragments and the body that was last made of them.
 *
 * A body is made in three steps: under the lock, references to all live fragments are
 * taken; without it, they are copied together; under it again, the result is kept for
 * the next scrape.  So the poller never waits for a scrape, nor a scrape for a guest.
 */
#include "store/store.h"

#include "kit/memory.h"
#include "store/discovery.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The trailer has values that are read when it is written (CPU time, lateness). */
#define BODY_AGE_MAX_NS INT64_C(1000000000)
#define TRAILER_BYTES_MAX ((size_t)4 << 20)

struct store_guest {
    char *identity;
    struct discovery_guest *record; /* an owned reference, or NULL; the store's lock */
    struct shown {
        struct fragment *fragment; /* an owned reference, or NULL */
        int64_t expires_ns;
    } slots[]; /* the store's lock guards them */
};

struct store {
    struct body_slot *slots;
    size_t slots_count;
    void (*trailer)(void *context, struct text *out);
    void *context;

    pthread_mutex_t lock; /* all below, and the fragments of the guests */
    struct store_guest **guests;
    size_t guests_count, guests_capacity;
    uint64_t generation;    /* of what was put, added, removed */
    const char *incomplete; /* why guests may be; NULL: they are all there */
    struct body *body;      /* the last one made, or NULL */
    uint64_t body_generation;
    int64_t body_made_ns, body_expires_ns;
};

/* What a body is made of: references, and when the first of them expires. */
struct snapshot {
    struct fragment **fragments; /* by slot, then by guest */
    size_t *slot_ends;
    uint64_t generation;
    int64_t made_ns, expires_ns;
};

struct store *
store_new(const struct metric *const *const *slots, size_t slots_count,
          void (*trailer)(void *context, struct text *out), void *context)
{
    struct store *store = memory_new(1, sizeof(*store));

    store->slots = memory_new(slots_count, sizeof(*store->slots));
    store->slots_count = slots_count;
    store->trailer = trailer;
    store->context = context;
    for (size_t i = 0; i < slots_count; i++)
        body_slot_init(&store->slots[i], slots[i]);
    store->incomplete = "the exporter has just started";
    (void)pthread_mutex_init(&store->lock, NULL);
    return store;
}

static void
guest_free(const struct store *store, struct store_guest *guest)
{
    for (size_t i = 0; i < store->slots_count; i++)
        fragment_unref(guest->slots[i].fragment);
    discovery_guest_unref(guest->record);
    free(guest->identity);
    free(guest);
}

void
store_free(struct store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->guests_count; i++)
        guest_free(store, store->guests[i]);
    for (size_t i = 0; i < store->slots_count; i++)
        body_slot_clear(&store->slots[i]);
    body_unref(store->body);
    (void)pthread_mutex_destroy(&store->lock);
    free(store->slots);
    free(store->guests);
    free(store);
}

/* Where a guest of this identity stands or would stand. */
static size_t
guest_position(const struct store *store, const char *identity)
{
    size_t low = 0;
    size_t high = store->guests_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(store->guests[middle]->identity, identity) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct store_guest *
store_guest_add(struct store *store, const char *identity)
{
    struct store_guest *guest =
        memory_new(1, sizeof(*guest) + store->slots_count * sizeof(struct shown));

    guest->identity = memory_string(identity);
    (void)pthread_mutex_lock(&store->lock);
    if (store->guests_count == store->guests_capacity) {
        store->guests_capacity = 2 * store->guests_capacity + 16;
        store->guests = memory_resize(store->guests, store->guests_capacity,
                                      sizeof(struct store_guest *));
    }
    size_t position = guest_position(store, identity);
    struct store_guest **place = store->guests + position;
    memmove(place + 1, place,
            (store->guests_count - position) * sizeof(struct store_guest *));
    *place = guest;
    store->guests_count++;
    store->generation++;
    (void)pthread_mutex_unlock(&store->lock);
    return guest;
}

void
store_guest_remove(struct store *store, struct store_guest *guest)
{
    (void)pthread_mutex_lock(&store->lock);
    size_t position = guest_position(store, guest->identity);
    while (position < store->guests_count && store->guests[position] != guest)
        position++;
    if (position == store->guests_count) {
        (void)fprintf(stderr, "bug: a guest is removed that was not added\n");
        abort();
    }
    struct store_guest **place = store->guests + position;
    store->guests_count--;
    memmove(place, place + 1,
            (store->guests_count - position) * sizeof(struct store_guest *));
    store->generation++;
    (void)pthread_mutex_unlock(&store->lock);
    guest_free(store, guest);
}

void
store_put(struct store *store, struct store_guest *guest, size_t slot,
          struct fragment *fragment, int64_t expires_ns)
{
    if (slot >= store->slots_count ||
        (fragment && fragment->families != store->slots[slot].families)) {
        (void)fprintf(stderr, "bug: a fragment does not fit slot %zu\n", slot);
        abort();
    }
    (void)pthread_mutex_lock(&store->lock);
    struct fragment *old = guest->slots[slot].fragment;
    guest->slots[slot] = (struct shown){fragment, expires_ns};
    if (old || fragment)
        store->generation++;
    (void)pthread_mutex_unlock(&store->lock);
    fragment_unref(old);
}

bool
store_renew(struct store *store, struct store_guest *guest, size_t slot,
            int64_t expires_ns)
{
    (void)pthread_mutex_lock(&store->lock);
    struct shown *shown = &guest->slots[slot];
    shown->expires_ns = expires_ns;
    bool there = shown->fragment;
    (void)pthread_mutex_unlock(&store->lock);
    return there;
}

void
store_announce(struct store *store, struct store_guest *guest,
               struct discovery_guest *record)
{
    (void)pthread_mutex_lock(&store->lock);
    struct discovery_guest *old = guest->record;
    guest->record = record;
    (void)pthread_mutex_unlock(&store->lock);
    discovery_guest_unref(old);
}

void
store_set_incomplete(struct store *store, const char *why)
{
    (void)pthread_mutex_lock(&store->lock);
    store->incomplete = why;
    (void)pthread_mutex_unlock(&store->lock);
}

struct discovery_guest **
store_announced(struct store *store, size_t *count, const char **why)
{
    struct discovery_guest **records = NULL;

    *count = 0;
    (void)pthread_mutex_lock(&store->lock);
    *why = store->incomplete;
    if (!*why)
        records = memory_new(store->guests_count, sizeof(struct discovery_guest *));
    for (size_t i = 0; records && i < store->guests_count; i++)
        if (store->guests[i]->record)
            records[(*count)++] = discovery_guest_ref(store->guests[i]->record);
    (void)pthread_mutex_unlock(&store->lock);
    return records;
}

/* Takes references to what has not expired.  The caller holds the lock. */
static struct snapshot
snapshot_take(const struct store *store, int64_t now_ns)
{
    struct snapshot snapshot = {
        .fragments = memory_new(store->slots_count * store->guests_count,
                                sizeof(struct fragment *)),
        .slot_ends = memory_new(store->slots_count, sizeof(*snapshot.slot_ends)),
        .generation = store->generation,
        .made_ns = now_ns,
        .expires_ns = INT64_MAX,
    };
    size_t count = 0;

    for (size_t slot = 0; slot < store->slots_count; slot++) {
        for (size_t i = 0; i < store->guests_count; i++) {
            const struct shown *shown = &store->guests[i]->slots[slot];
            struct fragment *fragment = shown->fragment;

            if (!fragment || shown->expires_ns <= now_ns)
                continue;
            snapshot.fragments[count++] = fragment_ref(fragment);
            if (shown->expires_ns < snapshot.expires_ns)
                snapshot.expires_ns = shown->expires_ns;
        }
        snapshot.slot_ends[slot] = count;
    }
    return snapshot;
}

static void
snapshot_release(const struct store *store, struct snapshot *snapshot)
{
    size_t count =
        store->slots_count > 0 ? snapshot->slot_ends[store->slots_count - 1] : 0;

    for (size_t i = 0; i < count; i++)
        fragment_unref(snapshot->fragments[i]);
    free(snapshot->fragments);
    free(snapshot->slot_ends);
}

/* An overflow would be a bug; then the exposition stays valid all the same. */
static void
trailer_write(const struct store *store, struct text *trailer)
{
    if (!store->trailer)
        return;
    store->trailer(store->context, trailer);
    while (trailer->overflow && trailer->length > 0 &&
           trailer->bytes[trailer->length - 1] != '\n')
        trailer->length--;
}

static bool
body_is_current(const struct store *store, int64_t now_ns)
{
    return store->body && store->body_generation == store->generation &&
           now_ns < store->body_expires_ns &&
           now_ns - store->body_made_ns <= BODY_AGE_MAX_NS;
}

/* Keeps the body for the next scrape, unless another thread made a later one
 * meanwhile.  Returns the one that is to be dropped, or NULL. */
static struct body *
body_keep(struct store *store, struct body *body, const struct snapshot *snapshot)
{
    if (store->body && (snapshot->generation < store->body_generation ||
                        snapshot->made_ns < store->body_made_ns))
        return NULL;
    struct body *old = store->body;
    store->body = body_ref(body);
    store->body_generation = snapshot->generation;
    store->body_made_ns = snapshot->made_ns;
    store->body_expires_ns = snapshot->expires_ns;
    return old;
}

struct body *
store_body(struct store *store, int64_t now_ns)
{
    (void)pthread_mutex_lock(&store->lock);
    if (body_is_current(store, now_ns)) {
        struct body *current = body_ref(store->body);

        (void)pthread_mutex_unlock(&store->lock);
        return current;
    }
    struct snapshot snapshot = snapshot_take(store, now_ns);
    (void)pthread_mutex_unlock(&store->lock);

    struct text trailer = TEXT_INIT(TRAILER_BYTES_MAX);

    trailer_write(store, &trailer);
    struct body *body = body_new(store->slots, store->slots_count, snapshot.fragments,
                                 snapshot.slot_ends, &trailer);

    text_free(&trailer);

    (void)pthread_mutex_lock(&store->lock);
    struct body *dropped = body_keep(store, body, &snapshot);
    (void)pthread_mutex_unlock(&store->lock);
    body_unref(dropped);
    snapshot_release(store, &snapshot);
    return body;
}
