/* What the files of the broker share: its state, and what one asks of another.  No
 * other file includes this.  The loop thread alone. */
#ifndef BROKER_INSIDE_H
#define BROKER_INSIDE_H

#include "base/text.h"
#include "broker/broker_parts.h"
#include "broker/channel.h"
#include "broker/messages.h"
#include "config/sources.h"
#include "source/source.h"

#include <uthash.h>
#include <uv.h>

struct served;

/* A guest that is announced. */
struct charge {
    char *key;
    struct text seen;  /* how it was announced last, without the news */
    bool may_be_asked; /* it has an agent, and nothing that is known here forbids it */
    bool is_asked;     /* a call is in flight */
    bool is_gone;      /* it is kept for that call alone */
    bool is_visited;   /* others get at its agent between visits */
    int64_t free_ns; /* CLOCK_MONOTONIC: others had their chance since the last call */
    int64_t paid_ns; /* its calls, as time that pays for them */
    UT_hash_handle hh;
};

/* A source that runs. */
struct served {
    struct broker *broker;
    struct source_config config;
    const struct source_driver *driver;
    struct source *source;
    struct source_listener listener;
    int64_t number; /* as who asks calls it; 0: nobody does */
    struct charge *charges;
    bool is_up, is_tried;
    char *why; /* it is down; NULL: that was not said */
    struct source_capacity capacity;
    struct source_figures figures; /* as told */
    unsigned int in_flight;
    struct served *next;
};

/* A call on its way. */
struct carried {
    struct call call; /* whose key is owned */
    struct served *served;
    int64_t number;
    enum call_stage stage; /* as told */
    bool is_deserted;      /* who asked it is gone */
    bool is_early;         /* the source has it when its guest is free */
    struct carried *prev, *next;
};

struct broker {
    struct broker_parts parts;
    struct channel *channel; /* NULL: nobody asks */
    uv_timer_t review, gap;
    unsigned int timers;
    struct source_config *allowed;
    size_t allowed_count;
    struct served *served;
    struct carried *carried;
    bool left_calls; /* a source was left whose calls may still hang */
};

/* --- carried.c: calls on their way --- */

/* ASK_CALL; false: nobody of ours would say that. */
bool carried_take(struct broker *broker, struct bytes *message);
/* Whose source does not carry it any more. */
void carried_free(struct carried *carried);
/* Every millisecond while a call is early. */
void carried_review(uv_timer_t *gap);

/* --- served.c: what a source says --- */

/* Of a source's `listener`, but for its context, which is the struct served. */
extern const struct source_listener served_listener;

/* Of those that somebody asks; NULL: there is none of that number. */
struct served *served_of(const struct broker *broker, int64_t number);
/* The guest that is announced, or was while its call is in flight; NULL: there is none.
 */
struct charge *served_find(const struct served *served, const char *key);
/* Its call is back. */
void served_call_back(struct served *served, const char *key);
void served_forget_all(struct served *served);
/* All that is known of it, for who asks anew. */
void served_tell_all(struct served *served);
void served_tell_status(struct served *served);

#endif
