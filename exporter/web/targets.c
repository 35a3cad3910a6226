/* A line of those who ask, one thread that makes lists, and the last ones. */
#include "web/targets.h"

#include "base/text.h"
#include "base/thread.h"
#include "kit/memory.h"
#include "store/body.h"
#include "store/discovery_page.h"
#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES_MAX ((size_t)64 << 20) /* 1000 guests are below 1 MiB */
#define SENTENCE_BYTES_MAX 1024
#define STATUS_UNAVAILABLE 503
/* Lists that are kept: as many jobs of Prometheus have one each. */
#define KEPT_MAX 4

/* A list, and what it was made of. */
struct kept {
    struct body *list; /* NULL: none */
    struct discovery_query query;
    struct discovery_guest **guests; /* references: no other has their address */
    size_t guests_count;
};

struct web_targets {
    struct store *store;
    struct kept kept[KEPT_MAX]; /* the thread's; the first was wanted last */
    pthread_mutex_t lock;       /* guards everything below */
    pthread_cond_t wanted;
    pthread_t thread;
    bool started, stopping;
    struct web_targets_ask *first, **last;
};

/* --- what is kept; the thread's alone --- */

static void
guests_free(struct discovery_guest **guests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        discovery_guest_unref(guests[i]);
    free(guests);
}

static void
kept_clear(struct kept *kept)
{
    body_unref(kept->list);
    guests_free(kept->guests, kept->guests_count);
}

static bool
is_same_query(const struct discovery_query *a, const struct discovery_query *b)
{
    if (a->port != b->port || a->family != b->family || a->all != b->all ||
        a->networks_count != b->networks_count)
        return false;
    for (size_t i = 0; i < a->networks_count; i++) {
        const struct discovery_network *one = &a->networks[i], *other = &b->networks[i];

        if (one->family != other->family || one->prefix != other->prefix ||
            memcmp(one->bytes, other->bytes, sizeof(one->bytes)) != 0)
            return false;
    }
    return true;
}

static bool
are_same_guests(struct discovery_guest *const *a, struct discovery_guest *const *b,
                size_t count)
{
    size_t same = 0;

    while (same < count && a[same] == b[same])
        same++;
    return same == count;
}

static void
kept_move_first(struct web_targets *targets, size_t index)
{
    struct kept kept = targets->kept[index];

    memmove(&targets->kept[1], &targets->kept[0], index * sizeof(kept));
    targets->kept[0] = kept;
}

/* Takes the guests.  The list is kept. */
static struct body *
list_of(struct web_targets *targets, const struct discovery_query *query,
        struct discovery_guest **guests, size_t count)
{
    size_t index = 0;

    while (index < KEPT_MAX - 1 && !(targets->kept[index].list &&
                                     is_same_query(&targets->kept[index].query, query)))
        index++;
    kept_move_first(targets, index);
    struct kept *kept = &targets->kept[0];
    bool holds = kept->list && is_same_query(&kept->query, query) &&
                 kept->guests_count == count &&
                 are_same_guests(kept->guests, guests, count);

    if (holds) {
        guests_free(guests, count);
        return kept->list;
    }
    struct text text = TEXT_INIT(LIST_BYTES_MAX);

    kept_clear(kept);
    discovery_render(query, guests, count, &text);
    *kept = (struct kept){body_new_text(&text), *query, guests, count};
    return kept->list;
}

/* A reference of the caller's; NULL with the reason. */
static struct body *
find_list(struct web_targets *targets, const struct discovery_query *query,
          const char **why)
{
    size_t count;
    struct discovery_guest **guests = store_announced(targets->store, &count, why);

    return guests ? body_ref(list_of(targets, query, guests, count)) : NULL;
}

/* --- the thread --- */

/* Takes those out of the line who ask this (NULL: all).  Under the lock. */
static struct web_targets_ask *
line_take(struct web_targets *targets, const struct discovery_query *query)
{
    struct web_targets_ask *taken = NULL, **at = &targets->first;

    while (*at) {
        struct web_targets_ask *ask = *at;

        if (query && !is_same_query(&ask->query, query)) {
            at = &ask->next;
            continue;
        }
        *at = ask->next;
        ask->next = taken;
        taken = ask;
    }
    targets->last = at;
    return taken;
}

/* Takes the list; NULL: there is none, and why.  From the notification on an ask
 * belongs to its owner again. */
static void
line_tell(struct web_targets_ask *taken, struct body *list, const char *why)
{
    while (taken) {
        struct web_targets_ask *ask = taken;

        taken = ask->next;
        ask->list = list ? body_ref(list) : NULL;
        ask->why = why;
        ask->notify(ask->context);
    }
    body_unref(list);
}

static void *
thread_main(void *argument)
{
    struct web_targets *targets = argument;

    for (;;) {
        (void)pthread_mutex_lock(&targets->lock);
        while (!targets->first && !targets->stopping)
            (void)pthread_cond_wait(&targets->wanted, &targets->lock);
        bool stopping = targets->stopping;
        struct web_targets_ask *left = stopping ? line_take(targets, NULL) : NULL;
        struct discovery_query query;
        if (!stopping)
            query = targets->first->query;
        (void)pthread_mutex_unlock(&targets->lock);
        if (stopping) {
            line_tell(left, NULL, "the exporter stops");
            return NULL;
        }
        const char *why;
        struct body *list = find_list(targets, &query, &why);
        (void)pthread_mutex_lock(&targets->lock);
        struct web_targets_ask *taken = line_take(targets, &query);
        (void)pthread_mutex_unlock(&targets->lock);
        line_tell(taken, list, why);
    }
}

static bool
thread_is_there(struct web_targets *targets)
{
    if (!targets->started)
        targets->started =
            thread_start(&targets->thread, "web-targets", 0, thread_main, targets) == 0;
    return targets->started;
}

/* --- from outside --- */

struct web_targets *
web_targets_new(struct store *store)
{
    struct web_targets *targets = memory_new(1, sizeof(*targets));

    targets->store = store;
    targets->last = &targets->first;
    (void)pthread_mutex_init(&targets->lock, NULL);
    (void)pthread_cond_init(&targets->wanted, NULL);
    return targets;
}

void
web_targets_stop(struct web_targets *targets)
{
    (void)pthread_mutex_lock(&targets->lock);
    bool join = targets->started && !targets->stopping;
    targets->stopping = true;
    (void)pthread_cond_signal(&targets->wanted);
    (void)pthread_mutex_unlock(&targets->lock);
    if (join)
        (void)pthread_join(targets->thread, NULL);
}

void
web_targets_free(struct web_targets *targets)
{
    if (!targets)
        return;
    web_targets_stop(targets);
    for (size_t i = 0; i < KEPT_MAX; i++)
        kept_clear(&targets->kept[i]);
    (void)pthread_cond_destroy(&targets->wanted);
    (void)pthread_mutex_destroy(&targets->lock);
    free(targets);
}

void
web_targets_want(struct web_targets *targets, struct web_targets_ask *ask)
{
    ask->next = NULL;
    ask->list = NULL;
    (void)pthread_mutex_lock(&targets->lock);
    bool waits = !targets->stopping && thread_is_there(targets);
    if (waits) {
        *targets->last = ask;
        targets->last = &ask->next;
        (void)pthread_cond_signal(&targets->wanted);
    }
    (void)pthread_mutex_unlock(&targets->lock);
    if (!waits)
        line_tell(ask, NULL, "no thread is left to make it");
}

struct web_page
web_targets_take(struct web_targets_ask *ask)
{
    struct text sentence = TEXT_INIT(SENTENCE_BYTES_MAX);
    struct body *list = ask->list;

    ask->list = NULL;
    if (list)
        return web_page_body("application/json", list);
    text_add_format(&sentence, "No list of targets: %s.\n", ask->why);
    return web_page_text(STATUS_UNAVAILABLE, &sentence);
}

void
web_targets_leave(struct web_targets_ask *ask)
{
    body_unref(ask->list);
    ask->list = NULL;
}
