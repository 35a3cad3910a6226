/* Answers, and a guest to give them to: for the tests of what is made of an answer. */
#ifndef UNIT_GUEST_ANSWERS_H
#define UNIT_GUEST_ANSWERS_H

#include "config/config.h"
#include "guest/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

#define S INT64_C(1000000000)
#define NOW (10000 * S)
#define NOW_REAL (INT64_C(1700000000) * S)
#define GRACE (180 * S)

/* --- answers --- */

#define VCPUS "{\"return\":[{\"logical-id\":0,\"online\":true}]}"
#define OTHER_VCPUS "{\"return\":[{\"logical-id\":0,\"online\":false}]}"
#define TIME "{\"return\":1700000000000000000}"
#define FROZEN_STATUS "{\"return\":\"frozen\"}"
#define THAWED_STATUS "{\"return\":\"thawed\"}"
#define OS "{\"return\":{\"id\":\"debian\"}}"
#define HANDLE "{\"return\":7}"
#define NO_SHAPE "{\"return\":{\"no\":\"such\"}}"
#define NOTHING "{\"return\":null}"
#define NO_REPLY "{\"no\":\"return\"}"
#define GARBAGE "garbage"
#define HALF "{\"return\":[{\"logical-id\":0,"
#define ERROR(class, text) "{\"error\":{\"class\":\"" class "\",\"desc\":\"" text "\"}}"
#define NOT_FOUND ERROR("CommandNotFound", "The command has not been found")
#define DISABLED                                                                       \
    ERROR("CommandNotFound", "Command x has been disabled: the command is not "        \
                             "allowed")
#define SAYS_FROZEN                                                                    \
    ERROR("GenericError", "Command x has been disabled: the agent is in frozen state")
#define REFUSES ERROR("GenericError", "cannot open /dev/x")
#define COMMANDS(enabled)                                                              \
    "{\"return\":{\"version\":\"10.0.0\",\"supported_commands\":["                     \
    "{\"name\":\"guest-get-vcpus\",\"enabled\":false},"                                \
    "{\"name\":\"guest-get-time\",\"enabled\":" enabled "}]}}"

static inline size_t
index_of(const char *collector)
{
    int index = collector_find(collector);

    assert_true(index >= 0);
    return (size_t)index;
}

static inline struct guest *
new_guest(void)
{
    static const struct guest_facts facts = {.key = "k", .name = "web-1", .uuid = ""};
    struct guest *guest = guest_new(&facts, NULL);

    guest->source_is_up = true;
    guest->domain = DOMAIN_RUNNING;
    guest->channel = CHANNEL_CONNECTED;
    return guest;
}

/* --- one answer --- */

static struct config config;
static struct samples *samples;
static int64_t now_ns; /* moved by the test */

static inline int
set_up(void **state)
{
    const struct samples_limits none = {.series_max = 0};

    (void)state;
    config = (struct config){
        .health.starting_ns = GRACE,
        .limits = {.reply_bytes = 1 << 20, .series_per_guest = 100, .label_bytes = 256},
        .avoid.known_harm = true};
    for (size_t i = 0; i < collectors_count; i++)
        config.collectors[i] =
            (struct collector_config){.enabled = true, .profile = PROFILE_FULL};
    samples = samples_new(&none);
    now_ns = NOW;
    return 0;
}

static inline int
tear_down(void **state)
{
    (void)state;
    samples_free(samples);
    return 0;
}

static inline struct verdict
take(struct guest *guest, const char *collector, struct answer answer)
{
    const struct answer_rules rules = {.config = &config, .samples = samples};
    const struct schedule_turn turn = {.guest = &guest->schedule,
                                       .collector = index_of(collector)};

    answer.sent_mono_ns = now_ns - S / 100;
    answer.received_mono_ns = now_ns;
    answer.received_ns = NOW_REAL + now_ns - NOW;
    answer.sent_ns = answer.received_ns - S / 100;
    return guest_answer(guest, &turn, &answer, &rules, now_ns);
}

static inline struct answer
said(const char *reply)
{
    static char bytes[1024];

    assert_true(strlen(reply) < sizeof(bytes));
    memcpy(bytes, reply, strlen(reply) + 1);
    return (struct answer){.reply = bytes, .reply_length = strlen(reply)};
}

static inline struct answer
lost(enum failure_kind kind)
{
    return (struct answer){.failure = {.kind = kind, .text = "the test says so"}};
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
