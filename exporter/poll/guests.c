/* The guests of a watch: what its source announces, and what that changes. */
#include "poll/inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "doctor/remedies.h"
#include "guest/avoid.h"
#include "kit/memory.h"
#include "kit/utf8.h"
#include "poll/publish.h"
#include "store/exposition.h"
#include "store/store.h"
#include "store/telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A channel that has just opened, a domain that has just resumed: let the guest
 * breathe. */
#define SETTLE_NS (INT64_C(200) * 1000 * 1000)
/* Guests found at the start (or at a reconnect) are first asked one after the other, so
 * that a host with a thousand of them sees no burst. */
#define SPREAD_NS (INT64_C(20) * 1000 * 1000)
/* ~ and a number, where two guests of a source have one name. */
#define NAME_SUFFIX_BYTES 12
/* As much as service discovery shows: what tells two apart must not be cut there. */
#define NAME_BYTES_MAX DISCOVERY_LABEL_BYTES_MAX

static int64_t
first_call_ns(struct watch *watch)
{
    int64_t now_ns = clock_monotonic_ns();

    if (watch->parts->at_once)
        return now_ns;
    if (watch->up)
        return now_ns + SETTLE_NS; /* one guest, now */
    if (watch->spread_ns < now_ns)
        watch->spread_ns = now_ns;
    watch->spread_ns += SPREAD_NS; /* one of a list */
    return watch->spread_ns;
}

static struct guest *
find_guest(struct watch *watch, const char *key)
{
    struct guest *guest;

    HASH_FIND_STR(watch->guests, key, guest);
    return guest;
}

/* --- sockets --- */

const struct guest *
watch_find_socket(const struct watch *watch, const struct socket_file *socket)
{
    const struct guest *guest;

    HASH_FIND(by_socket, watch->sockets, socket, sizeof(*socket), guest);
    return guest;
}

static void
take_socket(struct watch *watch, struct guest *guest, const struct socket_file *socket)
{
    if (memcmp(&guest->socket, socket, sizeof(*socket)) == 0)
        return;
    if (guest->socket.inode != 0)
        HASH_DELETE(by_socket, watch->sockets, guest);
    guest->socket = *socket;
    if (socket->inode == 0)
        return;
    HASH_ADD(by_socket, watch->sockets, socket, sizeof(guest->socket), guest);
    if (watch->parts->socket_found)
        watch->parts->socket_found(watch->parts->context, watch, guest);
}

/* --- guests --- */

void
watch_drop_guest(struct watch *watch, struct guest *guest)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): it cannot follow uthash's table */
    HASH_DEL(watch->guests, guest);
    /* NOLINTNEXTLINE(clang-analyzer-*): as above */
    HASH_DELETE(by_identity, watch->identities, guest);
    store_guest_remove(watch->parts->store, guest->place);
    take_socket(watch, guest, &(struct socket_file){.inode = 0});
    schedule_hold(watch->schedule, &guest->schedule);
    if (guest->schedule.in_flight)
        guest->gone = true; /* freed when its call comes back */
    else
        watch_forget_guest(watch, guest);
}

/* By what becomes of the name in its label: two that are no UTF-8 may become one. */
static struct guest *
find_name(struct watch *watch, const char *name)
{
    char *identity = exposition_identity(name, watch->identity.name);
    struct guest *guest;

    HASH_FIND(by_identity, watch->identities, identity, strlen(identity), guest);
    free(identity);
    return guest;
}

/* The first of a name has it as it is. */
static void
write_name(char name[NAME_BYTES_MAX + 1], const char *listed, unsigned int number)
{
    char suffix[NAME_SUFFIX_BYTES] = "";

    if (number > 1)
        (void)snprintf(suffix, sizeof(suffix), "~%u", number);
    (void)snprintf(name, NAME_BYTES_MAX + 1, "%.*s%s",
                   (int)utf8_cut(listed, NAME_BYTES_MAX - strlen(suffix)), listed,
                   suffix);
}

/* The name, or with a suffix where another guest of the source has it: identities are
 * unique.  Kept for the guest's life. */
static void
unique_name(struct watch *watch, const struct guest_facts *facts,
            char name[NAME_BYTES_MAX + 1])
{
    unsigned int number = 1;

    write_name(name, facts->name, number);
    struct guest *holder = find_name(watch, name);

    /* One that was not seen since the source is up again was replaced by this one. */
    if (holder && !holder->seen)
        watch_drop_guest(watch, holder);
    while (find_name(watch, name))
        write_name(name, facts->name, ++number);
    if (number == 1)
        return;
    telemetry_name_conflict(watch->parts->telemetry);
    log_warn("two guests of a source have one name; give them names of their own, or "
             "let guest_name take in more of the path",
             LOG_STR("name", facts->name), LOG_STR("domain", name),
             LOG_STR("key", facts->key));
}

/* A definition that has only not come says nothing against the one before. */
static bool
says_of_channel(const struct guest *guest, const struct guest_facts *facts)
{
    return facts->channel != CHANNEL_UNKNOWN || facts->definition_error ||
           facts->incarnation != guest->incarnation;
}

/* What the definition says, or that it is not known. */
static void
take_channel(struct guest *guest, const struct guest_facts *facts)
{
    const char *error = facts->definition_error ? facts->definition_error : "";

    if (facts->channel == CHANNEL_UNKNOWN && guest->channel != CHANNEL_UNKNOWN)
        log_warn("the domain's definition is not known; it is not asked before that, "
                 "because the definition may say to leave it alone",
                 LOG_STR("domain", guest->name),
                 LOG_STR("error", *error ? error : "its QEMU does not answer libvirt"));
    else if (guest->channel == CHANNEL_UNKNOWN && facts->channel != CHANNEL_UNKNOWN)
        log_info("the domain's definition is known now",
                 LOG_STR("domain", guest->name));
    guest->channel = facts->channel;
    guest->opted_out = facts->opted_out;
    (void)snprintf(guest->definition_error, sizeof(guest->definition_error), "%s",
                   error);
    (void)snprintf(guest->os_hint, sizeof(guest->os_hint), "%s",
                   facts->os_hint ? facts->os_hint : "");
}

static struct guest *
add_guest(struct watch *watch, const struct guest_facts *facts)
{
    struct guest_facts named = *facts;
    char name[NAME_BYTES_MAX + 1];

    unique_name(watch, facts, name);
    named.name = name;
    struct guest *guest = guest_new(&named, watch->identity.name);

    guest->listed_name = memory_string(facts->name);
    guest->incarnation = facts->incarnation;
    take_channel(guest, facts);
    guest->schedule.held = true;
    fallen_rise(watch, guest);
    guest->place = store_guest_add(watch->parts->store, guest->identity);
    schedule_add(watch->schedule, &guest->schedule, guest->identity, 0);
    HASH_ADD_KEYPTR(hh, watch->guests, guest->key, strlen(guest->key), guest);
    HASH_ADD_KEYPTR(by_identity, watch->identities, guest->identity,
                    strlen(guest->identity), guest);
    return guest;
}

/* The guest of this key, or NULL if it has another name now: its series are another
 * guest's then. */
static struct guest *
find_named(struct watch *watch, const struct guest_facts *facts)
{
    struct guest *guest = find_guest(watch, facts->key);

    if (!guest || strcmp(guest->listed_name, facts->name) == 0)
        return guest;
    log_info("the domain has another name now", LOG_STR("was", guest->name),
             LOG_STR("name", facts->name));
    watch_drop_guest(watch, guest);
    return NULL;
}

/* Returns what has changed (GUEST_...). */
static unsigned int
take_facts(const struct watch *watch, struct guest *guest,
           const struct guest_facts *facts)
{
    unsigned int changed = GUEST_HEALTH | guest_identify(guest, facts->uuid) |
                           guest_define(guest, facts->definition);

    if (says_of_channel(guest, facts))
        take_channel(guest, facts);
    if (facts->incarnation != guest->incarnation) {
        changed |= guest_locate(guest, NULL, 0);
        guest->balloon = (struct balloon){0};
        publish_balloon(watch, guest);
    }
    if (facts->just_started || facts->incarnation != guest->incarnation)
        guest->started_ns = clock_monotonic_ns();
    guest->incarnation = facts->incarnation;
    if (guest->domain != facts->domain || guest->pause != facts->pause ||
        !guest->source_is_up)
        changed |= GUEST_EVENTS;
    guest->domain = facts->domain;
    guest->pause = facts->pause;
    guest->schedule.visited = facts->channel_is_shared;
    guest_judge_harm(guest, &watch->rules.config->avoid);
    guest->source_is_up = true;
    guest->seen = true;
    return changed;
}

static bool
is_wanted(const struct watch *watch, const struct guest_facts *facts)
{
    const char *const *wanted = watch->parts->only;

    if (!wanted || !*wanted)
        return true;
    for (; *wanted; wanted++) {
        if (guest_facts_are_called(facts, *wanted))
            return true;
    }
    return false;
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    struct watch *watch = context;
    struct guest *guest = find_named(watch, facts);
    unsigned int changed = guest ? 0 : GUEST_ALL;

    (void)source;
    if (!guest && !is_wanted(watch, facts))
        return;
    /* One whose agent connects again and again holds up nobody's first pass. */
    if (guest && facts->agent_connected)
        guest->first_visit_done = true;
    if (!guest)
        guest = add_guest(watch, facts);

    bool was_askable = guest_is_askable(guest);
    bool restarted = guest->incarnation != facts->incarnation;
    /* A daemon that restarts says "connected" of an agent that was there all the time:
     * nothing that it holds is forgotten. */
    bool is_new_agent =
        restarted || (facts->agent_connected && (facts->agent_disconnected ||
                                                 guest->channel != CHANNEL_CONNECTED));

    take_socket(watch, guest, &facts->socket);
    changed |= take_facts(watch, guest, facts);
    bool is_askable = guest_is_askable(guest);

    if (is_askable && (!was_askable || restarted || facts->agent_connected)) {
        guest_forget_agent(guest, is_new_agent, clock_monotonic_ns());
        watch_release(watch, guest, first_call_ns(watch));
    } else if (!is_askable) {
        schedule_hold(watch->schedule, &guest->schedule);
    } else if (facts->agent_recovered) {
        schedule_probe_soon(watch->schedule, &guest->schedule, first_call_ns(watch));
    }
    (void)publish(watch, guest, changed, clock_monotonic_ns());
    watch->parts->progressed(watch->parts->context);
    watch_take_turns(watch);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    struct watch *watch = context;
    struct guest *guest = find_guest(watch, key);

    (void)source;
    if (!guest)
        return;
    log_info("the domain has stopped", LOG_STR("domain", guest->name));
    struct fallen *fallen = fallen_of(guest, clock_monotonic_ns());

    watch_drop_guest(watch, guest);
    fallen_show(watch, fallen);
    watch->parts->progressed(watch->parts->context);
}

void
watch_take_figures(const struct watch *watch, const struct source *source)
{
    struct source_figures figures = watch->driver->figures(source);
    struct telemetry *telemetry = watch->parts->telemetry;

    if (figures.has_lanes)
        telemetry_lanes(telemetry, watch->telemetry_row, figures.lanes,
                        figures.lanes_in_use, figures.lanes_abandoned);
    if (figures.has_sockets)
        telemetry_sockets_beyond(telemetry, watch->telemetry_row,
                                 figures.sockets_beyond);
}

static void
source_up(void *context, struct source *source)
{
    struct watch *watch = context;
    struct guest *guest, *next;

    telemetry_source_up(watch->parts->telemetry, watch->telemetry_row, true);
    watch_take_figures(watch, source);
    watch->up = watch->tried = true;
    watch->progress_ns = clock_monotonic_ns();
    HASH_ITER (hh, watch->guests, guest, next) {
        if (!guest->seen)
            watch_drop_guest(watch, guest);
    }
    watch->parts->progressed(watch->parts->context);
}

/* Once for each reason. */
static void
log_remedy(const struct watch *watch, const char *why)
{
    if (watch->tried && !watch->up && strcmp(watch->away, why) == 0)
        return;
    char *remedy = doctor_source_remedy(&watch->identity, why);

    log_warn("what to do about a source that is away",
             LOG_STR("source", watch->identity.name), LOG_STR("remedy", remedy));
    free(remedy);
}

static void
source_down(void *context, struct source *source, const char *why)
{
    struct watch *watch = context;
    struct guest *guest, *next;

    telemetry_source_up(watch->parts->telemetry, watch->telemetry_row, false);
    watch_take_figures(watch, source);
    log_remedy(watch, why ? why : "");
    snprintf(watch->away, sizeof(watch->away), "%s", why ? why : "");
    watch->up = false;
    watch->tried = true;
    HASH_ITER (hh, watch->guests, guest, next) {
        guest->source_is_up = guest->seen = false;
        schedule_hold(watch->schedule, &guest->schedule);
        (void)publish(watch, guest, GUEST_HEALTH | GUEST_EVENTS, clock_monotonic_ns());
    }
    watch->parts->progressed(watch->parts->context);
}

static void
guest_event(void *context, struct source *source, const char *key,
            const struct guest_event *event)
{
    struct guest *guest = find_guest(context, key);

    (void)source;
    if (guest)
        watch_count_event(guest, event);
}

static void
balloon_told(void *context, struct source *source, const char *key,
             const struct balloon *balloon)
{
    struct watch *watch = context;
    struct guest *guest = find_guest(watch, key);

    (void)source;
    if (!guest || balloon->read_mono_ns < guest->balloon.read_mono_ns)
        return;
    guest->balloon = *balloon;
    publish_balloon(watch, guest);
    (void)publish(watch, guest, GUEST_NOTES, clock_monotonic_ns());
}

static void
balloons_told(void *context, struct source *source)
{
    struct watch *watch = context;

    (void)source;
    if (!watch->balloons_awaited)
        return;
    watch->balloons_awaited = false;
    watch->parts->progressed(watch->parts->context);
}

const struct source_listener watch_listener = {
    .guest_seen = guest_seen,
    .guest_gone = guest_gone,
    .source_up = source_up,
    .source_down = source_down,
    .guest_event = guest_event,
    .balloon_told = balloon_told,
    .balloons_told = balloons_told,
};
