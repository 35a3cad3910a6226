/* Owns every guest's latest fragments, and makes bodies of them.
 *
 * A body is made in three steps: under the lock, references to all live fragments are
 * taken; without it, they are copied together; under it again, the result is kept for
 * the next scrape.  So the poller never waits for a scrape, nor a scrape for a guest.
 * Who asks while a body is made waits for it, and gets the same. */
#include "store/store.h"

#include "kit/memory.h"
#include "store/body_cache.h"
#include "store/discovery.h"
#include "store/note.h"
#include "store/selection.h"
#include "store/view.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_KEPT "the exporter's main loop stands still: all states are old"

struct store_guest {
    char *identity;
    /* Owned references, or NULL; the store's lock. */
    struct discovery_guest *record;
    struct guest_note *note;
    struct shown {
        struct fragment *fragment; /* an owned reference, or NULL */
        int64_t expires_ns;
    } slots[]; /* the store's lock guards them */
};

struct store {
    struct store_part *parts;
    struct body_slot *slots; /* by part */
    size_t parts_count;
    void *context;

    struct body_cache *bodies;
    atomic_int_fast64_t kept_until_ns;

    pthread_mutex_t making; /* taken before the other: one body is made at a time */
    pthread_mutex_t lock;   /* all below, and the fragments of the guests */
    struct store_guest **guests;
    size_t guests_count, guests_capacity;
    uint64_t generation;          /* of what was put, added, removed */
    const char *incomplete;       /* why guests may be; NULL: they are all there */
    struct sources_note *sources; /* an owned reference, or NULL */
};

/* What a body is made of: references, and when the first of them expires. */
struct snapshot {
    struct fragment **fragments; /* by part, then by guest */
    size_t *part_ends;
    struct body_age age;
};

struct store *
store_new(const struct store_part *parts, size_t parts_count, void *context)
{
    struct store *store = memory_new(1, sizeof(*store));

    store->parts = memory_new(parts_count, sizeof(*store->parts));
    store->slots = memory_new(parts_count, sizeof(*store->slots));
    store->parts_count = parts_count;
    store->context = context;
    for (size_t i = 0; i < parts_count; i++) {
        store->parts[i] = parts[i];
        body_slot_init(&store->slots[i], parts[i].families);
    }
    store->bodies = body_cache_new();
    atomic_init(&store->kept_until_ns, INT64_MAX);
    store->incomplete = "the exporter has just started";
    (void)pthread_mutex_init(&store->making, NULL);
    (void)pthread_mutex_init(&store->lock, NULL);
    return store;
}

static void
guest_free(const struct store *store, struct store_guest *guest)
{
    for (size_t i = 0; i < store->parts_count; i++)
        fragment_unref(guest->slots[i].fragment);
    discovery_guest_unref(guest->record);
    guest_note_unref(guest->note);
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
    for (size_t i = 0; i < store->parts_count; i++)
        body_slot_clear(&store->slots[i]);
    body_cache_free(store->bodies);
    sources_note_unref(store->sources);
    (void)pthread_mutex_destroy(&store->lock);
    (void)pthread_mutex_destroy(&store->making);
    free(store->slots);
    free(store->parts);
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
        memory_new(1, sizeof(*guest) + store->parts_count * sizeof(struct shown));

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
    if (slot >= store->parts_count || store->parts[slot].write ||
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
store_turned(struct store *store, int64_t now_ns)
{
    atomic_store(&store->kept_until_ns, now_ns + STORE_PATIENCE_NS);
}

bool
store_is_kept(const struct store *store, int64_t now_ns)
{
    return now_ns < atomic_load(&store->kept_until_ns);
}

/* From when on it is not shown. */
static int64_t
shown_until(const struct store *store, const struct shown *shown)
{
    return shown->expires_ns < INT64_MAX ? shown->expires_ns
                                         : atomic_load(&store->kept_until_ns);
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

/* --- for people --- */

void
store_describe(struct store *store, struct store_guest *guest, struct guest_note *note)
{
    (void)pthread_mutex_lock(&store->lock);
    struct guest_note *old = guest->note;
    guest->note = note;
    (void)pthread_mutex_unlock(&store->lock);
    guest_note_unref(old);
}

void
store_describe_sources(struct store *store, struct sources_note *note)
{
    (void)pthread_mutex_lock(&store->lock);
    struct sources_note *old = store->sources;
    store->sources = note;
    (void)pthread_mutex_unlock(&store->lock);
    sources_note_unref(old);
}

static struct view_guest
view_of(const struct store *store, const struct store_guest *guest, int64_t now_ns)
{
    struct view_guest view = {
        .note = guest_note_ref(guest->note),
        .record = guest->record ? discovery_guest_ref(guest->record) : NULL,
        .fragments = memory_new(store->parts_count, sizeof(struct fragment *)),
    };

    for (size_t part = 0; part < store->parts_count; part++) {
        const struct shown *shown = &guest->slots[part];

        if (shown->fragment && shown_until(store, shown) > now_ns)
            view.fragments[part] = fragment_ref(shown->fragment);
    }
    return view;
}

struct view *
store_view(struct store *store, int64_t now_ns)
{
    struct view *view = memory_new(1, sizeof(*view));

    view->parts = store->parts;
    view->parts_count = store->parts_count;
    (void)pthread_mutex_lock(&store->lock);
    view->incomplete = store_is_kept(store, now_ns) ? store->incomplete : NOT_KEPT;
    view->sources = sources_note_ref(store->sources);
    view->guests = memory_new(store->guests_count, sizeof(*view->guests));
    for (size_t i = 0; i < store->guests_count; i++) {
        if (store->guests[i]->note)
            view->guests[view->guests_count++] =
                view_of(store, store->guests[i], now_ns);
    }
    (void)pthread_mutex_unlock(&store->lock);
    return view;
}

struct body *
store_page(struct store *store, struct text *text)
{
    return body_cache_add_text(store->bodies, text);
}

/* --- bodies --- */

/* The guests that are wanted, in order; caller frees.  It holds the lock. */
static struct store_guest **
guests_taken(const struct store *store, struct selection *selection, size_t *count)
{
    struct store_guest **taken =
        memory_new(store->guests_count, sizeof(struct store_guest *));

    *count = 0;
    for (size_t i = 0; i < store->guests_count; i++)
        if (!selection || selection_takes_guest(selection, store->guests[i]->identity))
            taken[(*count)++] = store->guests[i];
    return taken;
}

/* Takes references to what has not expired, and leaves room for what is written
 * afterwards.  The caller holds the lock; `selection` NULL: all is wanted. */
static struct snapshot
snapshot_take(const struct store *store, struct selection *selection, int64_t now_ns)
{
    size_t guests_count, count = 0;
    struct store_guest **guests = guests_taken(store, selection, &guests_count);
    struct snapshot snapshot = {
        .fragments = memory_new(store->parts_count * (guests_count + 1),
                                sizeof(struct fragment *)),
        .part_ends = memory_new(store->parts_count, sizeof(*snapshot.part_ends)),
        .age = {store->generation, now_ns, INT64_MAX},
    };

    for (size_t part = 0; part < store->parts_count; part++) {
        bool wanted = !selection || selection_has_part(selection, part);

        for (size_t i = 0; wanted && i < guests_count; i++) {
            const struct shown *shown = &guests[i]->slots[part];
            int64_t until_ns = shown_until(store, shown);

            if (!shown->fragment || until_ns <= now_ns)
                continue;
            snapshot.fragments[count++] = fragment_ref(shown->fragment);
            if (until_ns < snapshot.age.expires_ns)
                snapshot.age.expires_ns = until_ns;
        }
        count += wanted && store->parts[part].write;
        snapshot.part_ends[part] = count;
    }
    free(guests);
    return snapshot;
}

/* Nobody puts a guest's fragment into a part that is written. */
static void
snapshot_write(const struct store *store, const struct snapshot *snapshot)
{
    size_t start = 0;

    for (size_t i = 0; i < store->parts_count; i++) {
        const struct store_part *part = &store->parts[i];

        if (part->write && snapshot->part_ends[i] > start) {
            struct fragment_writer writer = fragment_begin(part->families);

            part->write(store->context, &writer);
            snapshot->fragments[start] = fragment_end(&writer);
        }
        start = snapshot->part_ends[i];
    }
}

static void
snapshot_release(const struct store *store, struct snapshot *snapshot)
{
    size_t count =
        store->parts_count > 0 ? snapshot->part_ends[store->parts_count - 1] : 0;

    for (size_t i = 0; i < count; i++)
        fragment_unref(snapshot->fragments[i]);
    free(snapshot->fragments);
    free(snapshot->part_ends);
}

/* `selection` NULL: all is wanted. */
static struct body *
body_make(struct store *store, const struct snapshot *snapshot,
          const struct selection *selection, struct body_form form)
{
    const struct body_recipe recipe = {
        .slots = store->slots,
        .slots_count = store->parts_count,
        .fragments = snapshot->fragments,
        .slot_ends = snapshot->part_ends,
        .format = form.format,
        .wanted = selection ? selection->families : NULL,
    };
    struct body *spare =
        selection ? NULL : body_cache_clear(store->bodies, form, snapshot->age.made_ns);
    struct body *body = body_new(&recipe, spare);
    size_t whole_bytes = selection ? 0 : body->length;

    if (form.coding == BODY_GZIP) {
        struct body *plain = body;

        body = body_new_gzip(plain);
        body_cache_recycle(store->bodies, plain);
    }
    body_cache_add(store->bodies, body, whole_bytes);
    return body;
}

static struct body *
body_make_whole(struct store *store, struct body_form form, int64_t now_ns)
{
    (void)pthread_mutex_lock(&store->lock);
    struct snapshot snapshot = snapshot_take(store, NULL, now_ns);
    (void)pthread_mutex_unlock(&store->lock);

    snapshot_write(store, &snapshot);
    struct body *body = body_make(store, &snapshot, NULL, form);

    body_cache_keep(store->bodies, form, body, &snapshot.age);
    snapshot_release(store, &snapshot);
    return body;
}

static struct body *
body_find(struct store *store, struct body_form form, int64_t now_ns)
{
    (void)pthread_mutex_lock(&store->lock);
    uint64_t generation = store->generation;
    (void)pthread_mutex_unlock(&store->lock);
    return body_cache_get(store->bodies, form, generation, now_ns);
}

struct body *
store_body(struct store *store, struct body_form form, int64_t now_ns)
{
    struct body *body = body_find(store, form, now_ns);

    if (body)
        return body;
    (void)pthread_mutex_lock(&store->making);
    body = body_find(store, form, now_ns); /* made meanwhile */
    if (!body && !body_cache_has_room(store->bodies))
        body = body_cache_get_older(store->bodies, form, now_ns);
    if (!body)
        body = body_make_whole(store, form, now_ns);
    (void)pthread_mutex_unlock(&store->making);
    return body;
}

void
store_select(const struct store *store, struct selection *selection)
{
    selection_init(selection, store->parts, store->parts_count);
}

struct body *
store_selected_body(struct store *store, struct selection *selection,
                    struct body_form form, int64_t now_ns)
{
    struct body *body = NULL;

    if (!body_cache_has_room(store->bodies))
        return NULL;
    (void)pthread_mutex_lock(&store->lock);
    struct snapshot snapshot = snapshot_take(store, selection, now_ns);
    (void)pthread_mutex_unlock(&store->lock);

    if (selection_check_guests(selection)) {
        snapshot_write(store, &snapshot);
        body = body_make(store, &snapshot, selection, form);
    }
    snapshot_release(store, &snapshot);
    return body;
}
