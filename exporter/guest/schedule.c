/* A heap of waiting guests for each class of them. */
#include "guest/schedule.h"

#include "guest/response.h"
#include "guest/ticks.h"
#include "guest/times.h"
#include "kit/hash.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_NS (INT64_C(60) * 1000 * 1000 * 1000)

struct schedule {
    struct schedule_settings settings;
    unsigned int in_flight;
    struct heap waiting[SCHEDULE_CLASSES]; /* for their turn */
    struct places places;
};

static struct schedule_guest *
guest_of(struct heap_node *node)
{
    return (struct schedule_guest *)((char *)node -
                                     offsetof(struct schedule_guest, waiting));
}

struct schedule *
schedule_new(const struct schedule_settings *settings)
{
    struct schedule *schedule = memory_new(1, sizeof(*schedule));

    schedule->settings = *settings;
    return schedule;
}

void
schedule_free(struct schedule *schedule)
{
    if (!schedule)
        return;
    for (size_t i = 0; i < SCHEDULE_CLASSES; i++)
        heap_clear(&schedule->waiting[i]);
    free(schedule);
}

/* The budget: a minute's calls may be made at once, and from then on one after each
 * share of a minute.  When the next one is allowed. */
static int64_t
spend(const struct schedule *schedule, struct schedule_guest *guest, int64_t now_ns)
{
    if (schedule->settings.calls_per_minute == 0)
        return now_ns;
    guest->spent_ns = later(guest->spent_ns, now_ns) +
                      MINUTE_NS / schedule->settings.calls_per_minute;
    return later(guest->spent_ns - MINUTE_NS, now_ns);
}

bool
schedule_is_confined(const struct schedule_guest *guest)
{
    return guest->suspect || guest->share.confined;
}

static void
count_as(struct schedule *schedule, struct schedule_guest *guest,
         enum schedule_class class)
{
    places_move_guest(&schedule->places, guest->class, class);
    guest->class = class;
}

static enum schedule_class
class_of(const struct schedule_guest *guest)
{
    if (guest->held)
        return SCHEDULE_NOBODY;
    if (guest->suspect)
        return SCHEDULE_SILENT;
    return guest->share.confined ? SCHEDULE_CONFINED : SCHEDULE_WELL;
}

/* Puts the guest where it waits for its next turn. */
static void
await(struct schedule *schedule, struct schedule_guest *guest)
{
    int64_t due_ns = INT64_MIN; /* a suspect waits for a probe alone */

    heap_remove(&guest->waiting);
    count_as(schedule, guest, class_of(guest));
    if (guest->held || guest->in_flight)
        return;
    if (!guest->suspect)
        ticks_first_due(&schedule->settings, guest, INT64_MIN, &due_ns);
    else if (!ticks_has_probe(&schedule->settings, guest))
        due_ns = INT64_MAX;
    guest->waiting.wake_ns = later(later(due_ns, share_allowed_ns(&guest->share)),
                                   later(guest->not_before_ns, guest->allowed_ns));
    heap_add(&schedule->waiting[guest->class], &guest->waiting);
}

void
schedule_configure(struct schedule *schedule, const struct schedule_settings *settings)
{
    schedule->settings = *settings;
}

void
schedule_reset(struct schedule *schedule, struct schedule_guest *guest, int64_t now_ns)
{
    for (size_t i = 0; i < schedule->settings.collectors_count; i++) {
        guest->entries[i].stretch = 0;
        if (!guest->restricted && schedule->settings.collectors[i].enabled)
            ticks_reset(&schedule->settings, guest, i, now_ns);
    }
    if (guest->suspect)
        guest->not_before_ns =
            earlier(guest->not_before_ns, now_ns + schedule->settings.backoff_max_ns);
    await(schedule, guest);
}

void
schedule_set_capacity(struct schedule *schedule, unsigned int capacity,
                      unsigned int lanes)
{
    schedule->settings.capacity = capacity;
    schedule->settings.lanes = lanes;
}

static void
make_all_due(struct schedule_guest *guest, int64_t first_ns)
{
    for (size_t i = 0; i < COLLECTORS_MAX; i++)
        guest->entries[i] = (struct schedule_entry){.due_ns = first_ns};
    guest->restricted = false;
    guest->suspect = false;
    guest->failures = 0;
    guest->cut_short_ns = 0;
    guest->occupied = 0;
    guest->not_before_ns = first_ns;
    guest->epoch++;
}

void
schedule_add(struct schedule *schedule, struct schedule_guest *guest, const char *name,
             int64_t first_ns)
{
    guest->hash = hash_bytes(HASH_START, name, strlen(name));
    make_all_due(guest, first_ns);
    await(schedule, guest);
}

void
schedule_remove(struct schedule *schedule, struct schedule_guest *guest)
{
    count_as(schedule, guest, SCHEDULE_NOBODY);
    heap_remove(&guest->waiting);
}

void
schedule_hold(struct schedule *schedule, struct schedule_guest *guest)
{
    guest->held = true;
    await(schedule, guest);
}

void
schedule_release(struct schedule *schedule, struct schedule_guest *guest,
                 int64_t first_ns)
{
    guest->held = false;
    make_all_due(guest, first_ns);
    await(schedule, guest);
}

void
schedule_probe_soon(struct schedule *schedule, struct schedule_guest *guest,
                    int64_t at_ns)
{
    bool again = guest->cut_short_ns != 0 &&
                 at_ns - guest->cut_short_ns < schedule->settings.backoff_ns;

    if (!guest->suspect || guest->in_flight || again)
        return;
    guest->cut_short_ns = at_ns;
    guest->not_before_ns = earlier(guest->not_before_ns, at_ns);
    await(schedule, guest);
}

void
schedule_continue(struct schedule *schedule, struct schedule_guest *guest,
                  size_t collector, int64_t at_ns)
{
    guest->entries[collector].must = true;
    guest->entries[collector].due_ns = at_ns;
    guest->on_visit = guest->visited;
    await(schedule, guest);
}

void
schedule_restrict(struct schedule *schedule, struct schedule_guest *guest,
                  size_t collector, int64_t now_ns)
{
    guest->restricted = true;
    guest->only = collector;
    guest->entries[collector].due_ns = guest->not_before_ns = now_ns + SCHEDULE_GAP_NS;
    await(schedule, guest);
}

void
schedule_block(struct schedule *schedule, struct schedule_guest *guest,
               size_t collector, bool blocked)
{
    if (guest->entries[collector].blocked == blocked)
        return; /* nearly always: heaps cost more than this question */
    guest->entries[collector].blocked = blocked;
    await(schedule, guest);
}

void
schedule_forbid(struct schedule *schedule, struct schedule_guest *guest,
                size_t collector, bool forbidden)
{
    struct schedule_entry *entry = &guest->entries[collector];

    if (entry->forbidden == forbidden)
        return;
    entry->forbidden = forbidden;
    /* Nobody could tell when that is over. */
    if (forbidden && !entry->must && guest->only == collector)
        guest->restricted = false;
    await(schedule, guest);
}

/* Whose turn it would be, if the capacity allows it. */
static struct schedule_guest *
head(const struct schedule *schedule)
{
    struct heap_node *first = NULL;

    if (schedule->in_flight >= schedule->settings.capacity)
        return NULL;
    for (int i = SCHEDULE_WELL; i < SCHEDULE_CLASSES; i++) {
        struct heap_node *node = heap_first(&schedule->waiting[i]);

        if (node && (!first || node->wake_ns < first->wake_ns) &&
            places_has_one(&schedule->places, (enum schedule_class)i,
                           schedule->settings.lanes))
            first = node;
    }
    return first ? guest_of(first) : NULL;
}

int64_t
schedule_wake_ns(const struct schedule *schedule)
{
    const struct schedule_guest *guest = head(schedule);

    return guest ? guest->waiting.wake_ns : INT64_MAX;
}

/* Others may have frozen the guest since the last visit: nothing else is asked before
 * that is known.  They cannot while we are there. */
static bool
opens_visit(const struct schedule *schedule, const struct schedule_guest *guest)
{
    return guest->visited && !guest->on_visit &&
           !guest->entries[schedule->settings.opening].blocked;
}

/* The probe, or what stands in for it where that must not be sent. */
static size_t
probe_for(const struct schedule *schedule, const struct schedule_guest *guest)
{
    if (opens_visit(schedule, guest))
        return schedule->settings.opening;
    if (!guest->entries[schedule->settings.probe].blocked)
        return schedule->settings.probe;
    for (size_t i = 0; i < schedule->settings.collectors_count; i++) {
        if (ticks_is_asked(&schedule->settings, guest, i))
            return i;
    }
    return schedule->settings.probe;
}

bool
schedule_may_send(const struct schedule *schedule, const struct schedule_guest *guest,
                  size_t collector)
{
    if (guest->held || (guest->restricted && guest->only != collector))
        return false;
    return guest->restricted || !guest->suspect ||
           probe_for(schedule, guest) == collector;
}

/* A suspect gets the probe; a frozen one answers no other question than its own. */
static size_t
collector_for(const struct schedule *schedule, const struct schedule_guest *guest,
              int64_t now_ns)
{
    int64_t due_ns;

    if (guest->restricted)
        return guest->only;
    if (guest->suspect)
        return probe_for(schedule, guest);
    if (opens_visit(schedule, guest))
        return schedule->settings.opening;
    return ticks_first_due(&schedule->settings, guest, now_ns, &due_ns);
}

bool
schedule_next(struct schedule *schedule, int64_t now_ns, struct schedule_turn *turn)
{
    struct schedule_guest *guest = head(schedule);

    if (!guest || guest->waiting.wake_ns > now_ns)
        return false;
    *turn = (struct schedule_turn){
        .guest = guest,
        .collector = collector_for(schedule, guest, now_ns),
        .probe = guest->suspect,
        .class = guest->class,
        /* For a place of the others' it waits on its own account. */
        .due_ns = guest->class == SCHEDULE_WELL ? guest->waiting.wake_ns : now_ns,
        .epoch = guest->epoch,
    };
    heap_remove(&guest->waiting);
    guest->in_flight = true;
    schedule->in_flight++;
    schedule->places.in_flight[turn->class]++;
    return true;
}

static int64_t
backoff_ns(const struct schedule *schedule, unsigned int failures)
{
    const struct schedule_settings *settings = &schedule->settings;
    int64_t wait_ns = settings->backoff_ns;

    if (failures < settings->failures_before_backoff)
        return SCHEDULE_RETRY_NS;
    for (unsigned int i = settings->failures_before_backoff; i < failures; i++) {
        if (wait_ns >= settings->backoff_max_ns)
            break;
        wait_ns *= 2;
    }
    return earlier(wait_ns, settings->backoff_max_ns);
}

static void
suspect(struct schedule *schedule, struct schedule_guest *guest, int64_t now_ns)
{
    guest->suspect = true;
    guest->not_before_ns = now_ns + backoff_ns(schedule, guest->failures);
}

static void
answered(struct schedule *schedule, const struct schedule_turn *turn, bool well,
         int64_t now_ns)
{
    struct schedule_guest *guest = turn->guest;
    struct schedule_entry *entry = &guest->entries[turn->collector];

    guest->failures = 0;
    guest->suspect = false;
    guest->cut_short_ns = 0;
    if (!well)
        ticks_stretch(&schedule->settings, guest, turn->collector);
    else if (entry->stretch > 0)
        entry->stretch--;
    ticks_set_next(&schedule->settings, guest, turn->collector, now_ns);
}

/* Somebody else's work there: for how long it is left alone. */
static void
put_off(struct schedule_guest *guest, enum failure_kind outcome, int64_t now_ns)
{
    uint64_t spread =
        ticks_mixed(guest->hash ^ (uint64_t)now_ns) % SCHEDULE_OCCUPIED_NS;

    if (guest->visited && outcome == FAILURE_BUSY) {
        guest->occupied++;
        guest->not_before_ns = now_ns + SCHEDULE_OCCUPIED_NS + (int64_t)spread;
        return;
    }
    guest->not_before_ns = now_ns + SCHEDULE_BUSY_NS;
    /* Such a call waits for half a minute: it shares the lanes of the silent. */
    guest->suspect |= outcome == FAILURE_BUSY;
}

static void
judge(struct schedule *schedule, const struct schedule_turn *turn,
      enum failure_kind outcome, int64_t duration_ns, int64_t now_ns)
{
    struct schedule_guest *guest = turn->guest;
    enum response response = response_of(outcome);

    guest->not_before_ns = now_ns + (guest->visited ? 0 : SCHEDULE_GAP_NS);
    if (response != RESPONSE_OCCUPIED)
        guest->occupied = 0;
    switch (response) {
    case RESPONSE_ANSWERED:
        answered(schedule, turn, duration_ns <= SCHEDULE_SLOW_NS, now_ns);
        break;
    case RESPONSE_REFUSED:
        answered(schedule, turn, false, now_ns);
        break;
    case RESPONSE_FROZEN:
        guest->failures = 0;
        guest->suspect = false;
        guest->not_before_ns = now_ns + SCHEDULE_BUSY_NS;
        break;
    case RESPONSE_GARBLED:
        guest->failures++;
        ticks_stretch(&schedule->settings, guest, turn->collector);
        ticks_set_next(&schedule->settings, guest, turn->collector, now_ns);
        if (turn->probe ||
            guest->failures >= schedule->settings.failures_before_backoff)
            suspect(schedule, guest, now_ns);
        break;
    case RESPONSE_NONE:
        guest->failures++;
        if (outcome == FAILURE_TIMEOUT && !turn->probe) {
            ticks_stretch(&schedule->settings, guest, turn->collector);
            ticks_set_next(&schedule->settings, guest, turn->collector, now_ns);
        }
        suspect(schedule, guest, now_ns);
        break;
    case RESPONSE_OCCUPIED:
        put_off(guest, outcome, now_ns);
        break;
    }
}

static void
leave_place(struct schedule *schedule, const struct schedule_turn *turn)
{
    schedule->in_flight--;
    schedule->places.in_flight[turn->class]--;
}

void
schedule_give_up(struct schedule *schedule, struct schedule_turn *turn)
{
    if (turn->given_up)
        return;
    turn->given_up = true;
    leave_place(schedule, turn);
}

void
schedule_done(struct schedule *schedule, const struct schedule_turn *turn,
              enum failure_kind outcome, int64_t duration_ns, int64_t now_ns)
{
    struct schedule_guest *guest = turn->guest;

    guest->in_flight = false;
    guest->entries[turn->collector].must = false;
    guest->allowed_ns = spend(schedule, guest, now_ns);
    if (!turn->given_up)
        leave_place(schedule, turn);
    if (!turn->probe) /* they are few, and silence is no debt */
        share_spend_lane(&guest->share, duration_ns, now_ns);
    if (turn->epoch == guest->epoch)
        judge(schedule, turn, outcome, duration_ns, now_ns);
    await(schedule, guest);
    guest->on_visit =
        guest->visited && guest->waiting.heap && guest->waiting.wake_ns <= now_ns;
}

bool
schedule_is_backing_off(const struct schedule *schedule,
                        const struct schedule_guest *guest)
{
    return guest->suspect &&
           guest->failures >= schedule->settings.failures_before_backoff;
}

bool
schedule_is_idle(const struct schedule_guest *guest, int64_t now_ns)
{
    if (guest->in_flight)
        return false;
    return guest->held || guest->suspect ||
           guest->waiting.wake_ns > now_ns + SCHEDULE_GAP_NS;
}

bool
schedule_is_put_off(const struct schedule_guest *guest)
{
    return guest->occupied > 0 && guest->occupied < SCHEDULE_OCCUPIED_MAX;
}

bool
schedule_asks_nothing(const struct schedule_guest *guest)
{
    return guest->waiting.heap && guest->waiting.wake_ns == INT64_MAX;
}
