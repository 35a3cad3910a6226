/* Bodies that are kept, and the limit of those that are not. */
#include "store/body_cache.h"

#include "base/text.h"
#include "kit/memory.h"

#include <pthread.h>
#include <stdlib.h>

/* Some parts have values that are read when they are written (CPU time, lateness). */
#define AGE_MAX_NS INT64_C(1000000000)
/* While slow readers hold too much. */
#define AGE_MAX_WITHOUT_ROOM_NS INT64_C(5000000000)
/* What readers may hold of bodies that are not kept when another is made: as much as
 * one whole body without compression, beside the last, which it replaces; and so much
 * in any case. */
#define HELD_BYTES_MIN ((size_t)8 << 20)

#define FORMS ((size_t)EXPOSITION_FORMATS * BODY_CODINGS)

struct body_cache {
    struct shelf *shelf;
    pthread_mutex_t lock;  /* all below; taken before the shelf's */
    size_t whole_bytes;    /* of the last body that told it */
    struct body *recycled; /* an owned reference, or NULL */
    struct kept {
        struct body *body; /* an owned reference, or NULL */
        struct body_age age;
    } kept[FORMS];
};

struct body_cache *
body_cache_new(void)
{
    struct body_cache *cache = memory_new(1, sizeof(*cache));

    cache->shelf = shelf_new();
    (void)pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void
body_cache_free(struct body_cache *cache)
{
    for (size_t i = 0; i < FORMS; i++)
        body_unref(cache->kept[i].body);
    body_unref(cache->recycled);
    shelf_leave(cache->shelf);
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static struct kept *
kept_of(struct body_cache *cache, struct body_form form)
{
    return &cache->kept[(size_t)form.format * BODY_CODINGS + (size_t)form.coding];
}

static bool
is_old(const struct kept *kept, int64_t now_ns)
{
    return !kept->body || now_ns - kept->age.made_ns > AGE_MAX_WITHOUT_ROOM_NS;
}

struct body *
body_cache_get(struct body_cache *cache, struct body_form form, uint64_t generation,
               int64_t now_ns)
{
    const struct kept *kept = kept_of(cache, form);

    (void)pthread_mutex_lock(&cache->lock);
    bool serves = kept->body && kept->age.generation == generation &&
                  now_ns < kept->age.expires_ns &&
                  now_ns - kept->age.made_ns <= AGE_MAX_NS;
    struct body *body = serves ? body_ref(kept->body) : NULL;
    (void)pthread_mutex_unlock(&cache->lock);
    return body;
}

struct body *
body_cache_get_older(struct body_cache *cache, struct body_form form, int64_t now_ns)
{
    const struct kept *kept = kept_of(cache, form);

    (void)pthread_mutex_lock(&cache->lock);
    struct body *body = is_old(kept, now_ns) ? NULL : body_ref(kept->body);
    (void)pthread_mutex_unlock(&cache->lock);
    return body;
}

bool
body_cache_has_room(struct body_cache *cache)
{
    (void)pthread_mutex_lock(&cache->lock);
    size_t held_max = cache->whole_bytes;
    (void)pthread_mutex_unlock(&cache->lock);
    return shelf_fits(cache->shelf,
                      held_max > HELD_BYTES_MIN ? held_max : HELD_BYTES_MIN);
}

void
body_cache_add(struct body_cache *cache, struct body *body, size_t whole_bytes)
{
    shelf_put(cache->shelf, &body->place, body->length);
    if (whole_bytes == 0)
        return;
    (void)pthread_mutex_lock(&cache->lock);
    cache->whole_bytes = whole_bytes;
    (void)pthread_mutex_unlock(&cache->lock);
}

struct body *
body_cache_add_text(struct body_cache *cache, struct text *text)
{
    if (!body_cache_has_room(cache)) {
        text_free(text);
        return NULL;
    }
    struct body *body = body_new_text(text);

    body_cache_add(cache, body, 0);
    return body;
}

struct body *
body_cache_clear(struct body_cache *cache, struct body_form form, int64_t now_ns)
{
    const struct kept *mine = kept_of(cache, form);
    struct body *largest = NULL, *dropped[FORMS + 1] = {NULL};

    (void)pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < FORMS; i++) {
        struct kept *kept = &cache->kept[i];
        struct body *body = kept->body;

        if (!body || (kept != mine && !is_old(kept, now_ns)))
            continue;
        shelf_keep(&body->place, false);
        kept->body = NULL;
        dropped[i] = body;
        if (!largest || body->room > largest->room) {
            dropped[i] = largest;
            largest = body;
        }
    }
    if (form.coding == BODY_GZIP && cache->recycled) {
        dropped[FORMS] = largest;
        largest = cache->recycled;
        cache->recycled = NULL;
    }
    (void)pthread_mutex_unlock(&cache->lock);
    for (size_t i = 0; i < FORMS + 1; i++)
        body_unref(dropped[i]);
    return largest;
}

void
body_cache_recycle(struct body_cache *cache, struct body *plain)
{
    (void)pthread_mutex_lock(&cache->lock);
    bool is_larger = !cache->recycled || plain->room > cache->recycled->room;
    struct body *dropped = is_larger ? cache->recycled : plain;

    if (is_larger)
        cache->recycled = plain;
    (void)pthread_mutex_unlock(&cache->lock);
    body_unref(dropped);
}

void
body_cache_keep(struct body_cache *cache, struct body_form form, struct body *body,
                const struct body_age *age)
{
    (void)pthread_mutex_lock(&cache->lock);
    shelf_keep(&body->place, true);
    *kept_of(cache, form) = (struct kept){body_ref(body), *age};
    (void)pthread_mutex_unlock(&cache->lock);
}
