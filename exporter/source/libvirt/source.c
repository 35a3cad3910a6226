/* The libvirt source, as the loop thread sees it: the connection to the daemon, looks
 * at domains and calls handed to lanes.  Nothing here blocks. */
#include "source/source.h"
#include "base/clock.h"
#include "base/lanes.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "config/config.h"
#include "kit/memory.h"
#include "source/libvirt/balloons.h"
#include "source/libvirt/connection.h"
#include "source/libvirt/events.h"
#include "source/libvirt/job.h"
#include "source/libvirt/lane.h"
#include "source/libvirt/link.h"
#include "source/libvirt/looks.h"
#include "source/libvirt/subscriptions.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Reconnecting: soon at first, then every few seconds; the daemon's socket costs
 * nothing. */
#define RECONNECT_FIRST_MS 250
#define RECONNECT_MAX_MS 2000

/* What a call may take besides its timeout if it found the agent's job free: two syncs
 * of 5 s, and the ways to the daemon.  Beyond it, another client holds the agent or the
 * daemon hangs. */
#define LANE_OVERDUE_NS (INT64_C(12) * 1000 * 1000 * 1000)
#define REVIEW_MS 1000

/* Lanes that look into definitions, each a connection and, while it looks, one of the
 * daemon's 20 workers: as a rule, and at most, with those that are given up. */
#define DEFINITION_LANES 2
#define DEFINITION_LANES_MAX 8
/* One for which libvirt does not wait takes a few milliseconds, once its lane is
 * connected; a busy host may take a second more.  Others' definitions wait as long, if
 * both lanes are in such a one, and these domains are told without for the moment. */
#define DEFINITION_OVERDUE_NS (INT64_C(1500) * 1000 * 1000)

/* So many calls may wait for each lane: the next one is there when it is through with
 * one, before the loop thread has heard of that. */
#define CALLS_WAITING 3

/* The lane that connects and lists: a connection that opens within 15 s, and a daemon
 * that has 20 s to answer keep-alive messages.  Each lane that is given up may hold one
 * of the daemon's workers, so that there is an end to them. */
#define CONTROL_OVERDUE_NS (INT64_C(40) * 1000 * 1000 * 1000)
#define CONTROL_LANES_MAX 3

/* Those that look at states take a millisecond, or at first the 15 s in which a
 * connection opens. */
#define LOOK_LANES 2
#define LOOK_LANES_MAX 6
#define LOOK_OVERDUE_NS (INT64_C(17) * 1000 * 1000 * 1000)

/* What events and looks have lost is found again after so long at most, and the time in
 * which all are looked at. */
#define RECONCILE_NS (INT64_C(5) * 60 * 1000 * 1000 * 1000)

/* At the end, before calls in flight are cut off: most are back by then.  What is cut
 * off needs a while as well, before the deadline. */
#define CALLS_PATIENCE_NS (INT64_C(300) * 1000 * 1000)
#define CUT_OFF_NS (INT64_C(500) * 1000 * 1000)

struct source {
    struct libvirt_link *link;
    const struct source_listener *listener;
    struct source_capacity capacity;
    struct lanes *control, *states, *definitions, *calls;
    const struct libvirt_job *connecting; /* the control lane's; NULL: none */
    bool reconciling;                     /* a list of all is on its way ... */
    int64_t reconcile_ns;                 /* ... or is asked for then */
    struct looks *looks;
    struct balloons *balloons; /* NULL: not wanted */
    uv_timer_t reconnect, review, due;
    unsigned int open_timers;
    uint64_t reconnect_ms;
    unsigned int connection; /* the number of the present one */
    bool listed;             /* the domains are, and not all are announced */
    bool up;
    char last_reason[FAILURE_TEXT_BYTES]; /* said once, not at every attempt */
};

/* --- looks at domains --- */

static void
come_up(struct source *source)
{
    balloons_come_up(source->balloons, source->connection, clock_monotonic_ns());
    source->listed = false;
    source->up = true;
    source->reconcile_ns = clock_monotonic_ns() + RECONCILE_NS;
    source->reconnect_ms = RECONNECT_FIRST_MS;
    source->last_reason[0] = '\0';
    source->listener->source_up(source->listener->context, source);
}

static void look_again(uv_timer_t *timer);

/* After whatever may have changed them. */
static void
follow_looks(struct source *source)
{
    int64_t due_ns = looks_due_ns(source->looks), now_ns = clock_monotonic_ns();

    if (source->listed && looks_unannounced(source->looks) == 0)
        come_up(source);
    (void)uv_timer_stop(&source->due);
    if (due_ns == INT64_MAX)
        return;
    uv_update_time(source->due.loop);
    (void)uv_timer_start(
        &source->due, look_again,
        due_ns > now_ns ? (uint64_t)(due_ns - now_ns) / NS_PER_MS + 1 : 0, 0);
}

static void
look_again(uv_timer_t *timer)
{
    struct source *source = timer->data;

    mailbox_drain(source->link->mailbox); /* what has come is not late */
    (void)libvirt_lanes_review(
        source->link, source->definitions, clock_monotonic_ns(), DEFINITION_OVERDUE_NS,
        "definitions of domains hang in libvirt; their lanes are given up and "
        "replaced");
    looks_review(source->looks, clock_monotonic_ns());
    follow_looks(source);
}

static void
described(struct source *source, struct libvirt_job *job)
{
    if (job->connection != source->connection)
        return;
    if (job->answer.failure.kind != FAILURE_NONE)
        looks_failed(source->looks, job->uuid, clock_monotonic_ns());
    else
        looks_done(source->looks, job->uuid,
                   job->domains_count > 0 ? job->domains : NULL, clock_monotonic_ns());
    follow_looks(source);
}

static void
look(struct source *source, const char *uuid)
{
    lanes_submit(
        source->states,
        &libvirt_job_new(source->link, uuid, source->connection, described)->job);
}

static void
defined(struct source *source, struct libvirt_job *job)
{
    if (job->connection != source->connection)
        return;
    looks_defined(source->looks, job->uuid, &job->definition, job->answer.failure.text,
                  clock_monotonic_ns());
    follow_looks(source);
}

static void
define(struct source *source, const char *uuid, bool migrates)
{
    struct libvirt_job *job =
        libvirt_job_new(source->link, uuid, source->connection, defined);

    job->migrates = migrates;
    lanes_submit(source->definitions, &job->job);
}

/* Events are believed, and checked. */
static void
reconcile(struct source *source, struct libvirt_job *job)
{
    source->reconciling = false;
    source->reconcile_ns = clock_monotonic_ns() + RECONCILE_NS;
    if (job->connection != source->connection || !source->up ||
        job->answer.failure.kind != FAILURE_NONE)
        return;
    looks_reconcile(source->looks, job->domains, job->domains_count);
}

static void
review_reconciliation(struct source *source, int64_t now_ns)
{
    if (!source->up || source->reconciling || now_ns < source->reconcile_ns)
        return;
    source->reconciling = true;
    lanes_submit(
        source->states,
        &libvirt_job_new(source->link, "", source->connection, reconcile)->job);
}

static const struct looks_driver looks_driver = {.look = look, .define = define};

/* --- the connection --- */

static void connected(struct source *source, struct libvirt_job *job);

static void
connect_now(uv_timer_t *timer)
{
    struct source *source = timer->data;
    struct libvirt_job *job =
        libvirt_job_new(source->link, "", ++source->connection, connected);

    looks_forget(source->looks);
    follow_looks(source);
    source->connecting = job;
    lanes_submit(source->control, &job->job);
}

static void
went_down(struct source *source, const char *reason)
{
    if (source->up || strcmp(source->last_reason, reason) != 0)
        log_warn("libvirt is away", LOG_STR("uri", source->link->uri),
                 LOG_STR("reason", reason));
    snprintf(source->last_reason, sizeof(source->last_reason), "%s", reason);
    source->listed = source->up = false;
    libvirt_connections_sever(source->link); /* calls come back, and none is stale */
    source->listener->source_down(source->listener->context, source, reason);
    uv_timer_start(&source->reconnect, connect_now, source->reconnect_ms, 0);
    source->reconnect_ms = source->reconnect_ms * 2 < RECONNECT_MAX_MS
                               ? source->reconnect_ms * 2
                               : RECONNECT_MAX_MS;
}

static void
list(struct source *source, const struct libvirt_job *job)
{
    source->listed = true;
    log_info("connected to libvirt", LOG_STR("uri", source->link->uri),
             LOG_INT("domains", job->domains_count));
    for (size_t i = 0; i < job->domains_count; i++)
        looks_list(source->looks, &job->domains[i], clock_monotonic_ns());
    follow_looks(source);
}

static void
connected(struct source *source, struct libvirt_job *job)
{
    if (job == source->connecting)
        source->connecting = NULL;
    if (job->connection != source->connection)
        return; /* it broke before we heard of it */
    else if (job->answer.failure.kind != FAILURE_NONE)
        went_down(source, job->answer.failure.text);
    else
        list(source, job);
}

static void
take_event(struct source *source, const struct libvirt_event *event)
{
    if (event->connection != source->connection)
        return;
    if (event->kind == LIBVIRT_CONNECTION_CLOSED) {
        source->connection++; /* what it still says is void */
        went_down(source, event->reason);
        return;
    }
    if (event->kind == LIBVIRT_DOMAIN_HAPPENED) {
        source->listener->guest_event(source->listener->context, source, event->uuid,
                                      &event->happened);
        return;
    }
    looks_take_event(source->looks, event->kind, event->uuid, clock_monotonic_ns());
    follow_looks(source);
}

/* --- lanes --- */

static struct source_capacity
capacity_of(unsigned int lanes, unsigned int abandoned)
{
    unsigned int serving = lanes - abandoned;

    return (struct source_capacity){
        .lanes = serving,
        .calls = serving + serving * CALLS_WAITING,
    };
}

/* Another lane connects anew. */
static void
review_connecting(struct source *source)
{
    if (!source->connecting ||
        lanes_stage(source->control, &source->connecting->job) != LANE_GIVEN_UP)
        return;
    source->connecting = NULL;
    source->connection++; /* what it still says is void */
    went_down(source, "the daemon does not tell which domains there are");
}

static void
review(uv_timer_t *timer)
{
    struct source *source = timer->data;
    int64_t now_ns = clock_monotonic_ns();

    libvirt_events_ensure();
    (void)libvirt_lanes_review(
        source->link, source->calls, now_ns, LANE_OVERDUE_NS,
        "calls hang in libvirt; their lanes are given up and replaced");
    (void)libvirt_lanes_review(
        source->link, source->states, now_ns, LOOK_OVERDUE_NS,
        "looks at domains hang in libvirt; their lanes are given up and replaced");
    (void)libvirt_lanes_review(
        source->link, source->control, now_ns, CONTROL_OVERDUE_NS,
        "the list of domains hangs in libvirt; its lane is given up and replaced");
    review_connecting(source);
    review_reconciliation(source, now_ns);
    if (source->up)
        balloons_review(source->balloons, source->connection, now_ns);
    look_again(&source->due);
    struct lanes_figures figures = lanes_figures(source->calls);

    source->capacity = capacity_of(figures.lanes, figures.abandoned);
}

static void
start_timer(struct source *source, uv_loop_t *loop, uv_timer_t *timer)
{
    uv_timer_init(loop, timer);
    timer->data = source;
    source->open_timers++;
}

static struct source *
libvirt_start(const struct source_config *config, uv_loop_t *loop,
              struct mailbox *mailbox, const struct source_listener *listener)
{
    struct source *source = memory_new(1, sizeof(*source));
    unsigned int lanes = config->libvirt.lanes;

    libvirt_events_start(&libvirt_connections_guard);
    source->listener = listener;
    source->capacity = capacity_of(lanes, 0);
    source->reconnect_ms = RECONNECT_FIRST_MS;
    source->looks = looks_new(source, listener, &looks_driver,
                              config->libvirt.ask_without_definition);
    source->link = libvirt_link_new(config->libvirt.uri, mailbox, source, take_event);
    source->link->leaves_xml = config->libvirt.leaves_xml;
    source->control =
        lanes_start(&libvirt_control_driver, libvirt_link_ref(source->link), 1,
                    CONTROL_LANES_MAX, mailbox);
    source->states = lanes_start(&libvirt_look_driver, libvirt_link_ref(source->link),
                                 LOOK_LANES, LOOK_LANES_MAX, mailbox);
    source->definitions =
        lanes_start(&libvirt_definition_driver, libvirt_link_ref(source->link),
                    DEFINITION_LANES, DEFINITION_LANES_MAX, mailbox);
    /* As many again may stand in for lanes that hang; the daemon has 20 workers. */
    source->calls = lanes_start(&libvirt_call_driver, libvirt_link_ref(source->link),
                                lanes, 2 * lanes, mailbox);
    start_timer(source, loop, &source->reconnect);
    start_timer(source, loop, &source->review);
    start_timer(source, loop, &source->due);
    source->balloons =
        balloons_new(&config->libvirt.balloon, source->link, source, listener, mailbox);
    uv_timer_start(&source->review, review, 0, REVIEW_MS);
    connect_now(&source->reconnect);
    return source;
}

static struct source_capacity
libvirt_capacity(const struct source *source)
{
    return source->capacity;
}

static struct source_figures
libvirt_figures(const struct source *source)
{
    struct lanes_figures lanes = lanes_figures(source->calls);
    uint64_t abandoned = lanes.abandoned_total +
                         lanes_figures(source->states).abandoned_total +
                         lanes_figures(source->definitions).abandoned_total +
                         lanes_figures(source->control).abandoned_total +
                         balloons_abandoned(source->balloons);

    return (struct source_figures){
        .has_lanes = true,
        .lanes = lanes.lanes,
        .lanes_in_use = lanes.in_use,
        .lanes_abandoned = abandoned,
    };
}

static void
hand_over(struct source *source, struct libvirt_job *job)
{
    (void)source;
    job->call->answer = job->answer;
    job->answer.reply = NULL;
    job->call->done(job->call);
}

static void
libvirt_call(struct source *source, struct call *call)
{
    struct libvirt_job *job =
        libvirt_job_new(source->link, call->guest_key, source->connection, hand_over);

    job->call = call;
    job->request = call->request;
    atomic_store(&job->job.timeout_ns, call->timeout_ns);
    call->carrier = job;
    lanes_submit(source->calls, &job->job);
}

static enum call_stage
libvirt_stage(const struct source *source, const struct call *call)
{
    static const enum call_stage stages[] = {
        [LANE_WAITS] = CALL_WAITS,
        [LANE_RUNS] = CALL_RUNS,
        [LANE_GIVEN_UP] = CALL_GIVEN_UP,
    };
    const struct libvirt_job *job = call->carrier;

    return stages[lanes_stage(source->calls, &job->job)];
}

static void
timer_closed(uv_handle_t *timer)
{
    struct source *source = timer->data;

    if (--source->open_timers == 0)
        free(source);
}

static bool
libvirt_stop(struct source *source, int64_t deadline_ns)
{
    /* An agent or a QEMU may take seconds to answer, and nobody is interested any more.
     */
    int64_t patience_ns = clock_monotonic_ns() + CALLS_PATIENCE_NS;

    if (patience_ns > deadline_ns - CUT_OFF_NS)
        patience_ns = deadline_ns - CUT_OFF_NS;
    bool ended = lanes_wind_down(source->calls, patience_ns);

    ended = lanes_wind_down(source->definitions, patience_ns) && ended;
    ended = lanes_wind_down(source->states, patience_ns) && ended;
    ended = balloons_wind_down(source->balloons, patience_ns) && ended;
    if (!ended) {
        log_debug("calls are still in flight: the connections are severed",
                  LOG_STR("uri", source->link->uri));
        libvirt_connections_sever(source->link);
    }
    ended = lanes_stop(source->calls, deadline_ns);
    ended = lanes_stop(source->definitions, deadline_ns) && ended;
    ended = lanes_stop(source->states, deadline_ns) && ended;
    ended = balloons_stop(source->balloons, deadline_ns) && ended;
    ended = lanes_stop(source->control, deadline_ns) && ended;
    if (ended) /* else the thread may wait for a lane that hangs in libvirt */
        libvirt_events_stop();
    source->link->source = NULL;
    libvirt_link_unref(source->link);
    looks_free(source->looks);
    uv_close((uv_handle_t *)&source->reconnect, timer_closed);
    uv_close((uv_handle_t *)&source->review, timer_closed);
    uv_close((uv_handle_t *)&source->due, timer_closed);
    return ended;
}

const struct source_driver source_libvirt = {
    .start = libvirt_start,
    .capacity = libvirt_capacity,
    .figures = libvirt_figures,
    .call = libvirt_call,
    .stage = libvirt_stage,
    .stop = libvirt_stop,
    .tells_events = true,
};
