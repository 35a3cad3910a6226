/* The bodies of one store: the last of each form, which serve until something changes,
 * and those that only readers still hold.  Slow readers hold two whole bodies at most
 * together: past that the oldest become unwanted (shelf_is_unwanted()), and until they
 * have been let go there is no room for new ones.  Any thread. */
#ifndef STORE_BODY_CACHE_H
#define STORE_BODY_CACHE_H

#include "store/body.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct body_cache;
struct text;

/* Of what a body is made.  Times are CLOCK_MONOTONIC. */
struct body_age {
    uint64_t generation;
    int64_t made_ns, expires_ns;
};

struct body_cache *body_cache_new(void);
/* Bodies may live on. */
void body_cache_free(struct body_cache *cache);

/* A new reference to the last body of the form, or NULL if it is not of this
 * generation, has expired or is older than a second. */
struct body *body_cache_get(struct body_cache *cache, struct body_form form,
                            uint64_t generation, int64_t now_ns);
/* The same for five seconds, whatever has changed: for while there is no room. */
struct body *body_cache_get_older(struct body_cache *cache, struct body_form form,
                                  int64_t now_ns);

/* Whether slow readers leave room for another body. */
bool body_cache_has_room(struct body_cache *cache);
/* Each body that is given to readers, before it is.  `whole_bytes`: of the whole one
 * without compression; 0: not known. */
void body_cache_add(struct body_cache *cache, struct body *body, size_t whole_bytes);
/* The text, which is taken, as a body that was added; NULL if there is no room. */
struct body *body_cache_add_text(struct body_cache *cache, struct text *text);
/* Before another is made of this form: lets go of the last, and of what is too old to
 * serve in any form.  The caller gets the largest of them, or NULL; for a compressed
 * form what was recycled, if there is something. */
struct body *body_cache_clear(struct body_cache *cache, struct body_form form,
                              int64_t now_ns);
/* Takes what was compressed.  Who takes gzip seldom comes beside one who does not, so
 * it is no body to serve; but the next is written in its memory, since to have fresh
 * memory takes longer than to compress it. */
void body_cache_recycle(struct body_cache *cache, struct body *plain);
/* One that was added serves from now on; the form was cleared. */
void body_cache_keep(struct body_cache *cache, struct body_form form, struct body *body,
                     const struct body_age *age);

#endif
