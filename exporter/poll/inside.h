/* What the files of a watch share: its state, and what one asks of another.  No other
 * file includes this.  The loop thread alone. */
#ifndef POLL_INSIDE_H
#define POLL_INSIDE_H

#include "config/config.h"
#include "guest/answer.h"
#include "guest/guest.h"
#include "guest/schedule.h"
#include "kit/failure.h"
#include "poll/watch_parts.h"
#include "source/source.h"

#include <uv.h>

struct fallen;
struct watch_call;

/* A source and the guests it announced. */
struct watch {
    const struct watch_parts *parts;
    struct answer_rules rules;
    struct domain_metrics *domain; /* as the config wants them labelled */
    const struct source_driver *driver;
    struct source *source;
    struct source_config identity; /* to find it again at a reload; owned */
    struct schedule *schedule;
    size_t telemetry_row;
    bool up, tried, paused;
    bool balloons_awaited; /* for the first time */
    bool surveyed;         /* every guest was asked once, or found not to answer */
    char away[FAILURE_TEXT_BYTES]; /* why it is not up; "" */
    int64_t progress_ns;           /* CLOCK_MONOTONIC; of the first pass, the last */
    int64_t spread_ns;             /* when the next guest of a list is first asked */
    struct guest *guests;
    struct guest *identities; /* the same by what their series are labelled with */
    struct guest *sockets;    /* those that have one, by it */
    bool overlaps;            /* with another source, which was said */
    struct watch_call *calls; /* in flight */
    struct fallen *fallen;    /* the last first */
    struct source_listener listener;
    uv_timer_t turn;
};

/* --- poll/calls.c: calls, and what their ends mean --- */

/* Sends all that is due and can go out, and sets the timer for what comes next. */
void watch_take_turns(struct watch *watch);
/* The guest is asked for everything from first_ns on. */
void watch_release(struct watch *watch, struct guest *guest, int64_t first_ns);
/* Frees it; not while its call is in flight. */
void watch_forget_guest(struct watch *watch, struct guest *guest);
/* A call that only waited for its turn is not late; one that is given up leaves its
 * place to another guest's. */
void watch_review_calls(struct watch *watch, int64_t now_ns);
/* No call comes back from here on: those in flight are the lanes' that are left. */
void watch_abandon_calls(struct watch *watch);

/* --- poll/guests.c: what the source announces --- */

extern const struct source_listener watch_listener; /* but for its context */
/* The guest that is asked by this socket, or NULL. */
const struct guest *watch_find_socket(const struct watch *watch,
                                      const struct socket_file *socket);
/* What the source says of itself becomes metrics. */
void watch_take_figures(const struct watch *watch, const struct source *source);
/* Takes the guest out of everything; freed at once, or when its call comes back. */
void watch_drop_guest(struct watch *watch, struct guest *guest);

/* --- poll/events.c: what happens to guests --- */

void watch_count_event(struct guest *guest, const struct guest_event *event);

/* --- poll/fallen.c: guests that were stopped because they had panicked --- */

/* Takes the events of one that stops because of that; NULL: it does not. */
struct fallen *fallen_of(struct guest *guest, int64_t now_ns);
/* When the guest is out of the store itself; NULL is fine. */
void fallen_show(struct watch *watch, struct fallen *fallen);
/* Before a guest is in the store: one that fell counts on. */
void fallen_rise(struct watch *watch, struct guest *guest);
/* Forgets those of which it is time; INT64_MAX: all. */
void fallen_review(struct watch *watch, int64_t now_ns);

#endif
