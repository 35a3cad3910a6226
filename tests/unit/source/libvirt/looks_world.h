/* What is made of events: which domains are looked at, how often, and what is announced
 * of them.  Plain values: the libvirt and the clock are the test's.  For the file of a
 * test's main() alone. */
#ifndef UNIT_SOURCE_LIBVIRT_LOOKS_WORLD_H
#define UNIT_SOURCE_LIBVIRT_LOOKS_WORLD_H

#include "source/libvirt/looks.h"

#include "source/libvirt/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

#define S INT64_C(1000000000)
#define UUID "11111111-1111-1111-1111-111111111111"
#define OTHER "22222222-2222-2222-2222-222222222222"

struct source {
    struct looks *looks;
    int64_t now_ns;
    char asked[UUID_BYTES];   /* the look on its way; "": none */
    int count;                /* of looks so far */
    bool takes_all;           /* they do not come back */
    char defined[UUID_BYTES]; /* the same of definitions */
    bool migrates;
    int definitions;
    enum pause_reason pause; /* as it was told last */
    char heard[1024];
};

static inline void
look(struct source *source, const char *uuid)
{
    if (!source->takes_all)
        assert_string_equal(source->asked, ""); /* one at a time, for one domain */
    snprintf(source->asked, sizeof(source->asked), "%s", uuid);
    source->count++;
}

static inline void
define(struct source *source, const char *uuid, bool migrates)
{
    assert_string_equal(source->defined, ""); /* likewise */
    snprintf(source->defined, sizeof(source->defined), "%s", uuid);
    source->migrates = migrates;
    source->definitions++;
}

static const struct looks_driver driver = {.look = look, .define = define};

/* --- what is heard of it --- */

static inline void
note(struct source *source, const char *what, const char *key)
{
    size_t length = strlen(source->heard);

    snprintf(source->heard + length, sizeof(source->heard) - length, "%s %c;", what,
             *key);
}

static inline void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    static const char *const states[] = {[DOMAIN_RUNNING] = "runs",
                                         [DOMAIN_PAUSED] = "paused",
                                         [DOMAIN_SHUTDOWN] = "shuts down",
                                         [DOMAIN_MIGRATING] = "migrates"};

    (void)context;
    source->pause = facts->pause;
    if (facts->just_started)
        note(source, "started", facts->key);
    if (facts->agent_connected)
        note(source, facts->agent_disconnected ? "agent anew" : "agent", facts->key);
    note(source, states[facts->domain], facts->key);
    if (facts->channel == CHANNEL_UNKNOWN)
        note(source, facts->definition_error ? facts->definition_error : "undefined",
             facts->key);
    if (facts->opted_out)
        note(source, "left alone", facts->key);
}

static inline void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)context;
    note(source, "gone", key);
}

static inline void
expect(struct source *source, const char *heard)
{
    assert_string_equal(source->heard, heard);
    source->heard[0] = '\0';
}

/* --- what libvirt says --- */

static inline void
event_of(struct source *source, const char *uuid, enum libvirt_event_kind kind)
{
    looks_take_event(source->looks, kind, uuid, source->now_ns);
}

static inline void
event(struct source *source, enum libvirt_event_kind kind)
{
    event_of(source, UUID, kind);
}

static inline const char *
take_look(struct source *source, char uuid[UUID_BYTES])
{
    assert_string_not_equal(source->asked, "");
    memcpy(uuid, source->asked, UUID_BYTES);
    source->asked[0] = '\0';
    return uuid;
}

/* What libvirt says of its state, whatever its QEMU does. */
static inline void
answer_state(struct source *source, enum domain_state state)
{
    static char name[] = "web";
    struct domain_description domain = {.name = name, .state = state};

    take_look(source, domain.uuid);
    looks_done(source->looks, domain.uuid, &domain, source->now_ns);
}

/* The definition, which names the channel and may say to leave the guest alone. */
static inline void
answer_definition(struct source *source, const struct domain_definition *definition)
{
    char uuid[UUID_BYTES];

    assert_string_not_equal(source->defined, "");
    memcpy(uuid, source->defined, UUID_BYTES);
    source->defined[0] = '\0';
    looks_defined(source->looks, uuid, definition,
                  definition->outcome == DEFINITION_REFUSED ? "denied" : "",
                  source->now_ns);
}

static const struct domain_definition of_channel = {.outcome = DEFINITION_READ,
                                                    .xml = {.channel =
                                                                CHANNEL_CONNECTED}},
                                      of_one_left_alone = {.outcome = DEFINITION_READ,
                                                           .xml = {.opted_out = true}},
                                      held = {.outcome = DEFINITION_AWAITED},
                                      refused = {.outcome = DEFINITION_REFUSED};

/* All of it, at once. */
static inline void
answer(struct source *source, enum domain_state state)
{
    struct domain_definition definition = of_channel;

    definition.leaves = state == DOMAIN_MIGRATING;
    answer_state(source, definition.leaves ? DOMAIN_RUNNING : state);
    if (*source->defined)
        answer_definition(source, &definition);
}

static inline void
answer_gone(struct source *source)
{
    char uuid[UUID_BYTES];

    looks_done(source->looks, take_look(source, uuid), NULL, source->now_ns);
}

static inline bool
is_looking(const struct source *source)
{
    return *source->asked != '\0';
}

/* The review comes once a second. */
static inline void
pass_s(struct source *source, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        source->now_ns += S;
        looks_review(source->looks, source->now_ns);
    }
}

static const struct source_listener listener = {.guest_seen = guest_seen,
                                                .guest_gone = guest_gone};

static inline int
set_up(void **state)
{
    struct source *source = calloc(1, sizeof(*source));

    source->now_ns = 1000 * S;
    source->looks = looks_new(source, &listener, &driver, false);
    *state = source;
    return 0;
}

static inline int
tear_down(void **state)
{
    struct source *source = *state;

    looks_free(source->looks);
    free(source);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
