/* Lines, and the search for the right one: whatever the bytes are and however they are
 * cut, the same comes out, and it is bounded. */
#include "agent/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

#define REPLY_MAX ((size_t)192)
#define ID INT64_C(8589934592001)
#define ANSWER "\xff{\"return\": 8589934592001}\n"
/* Measured: what an agent (7.2) says to the 0xFF itself. */
#define STRAY                                                                          \
    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, stray "   \
    "'\\uFFFD'\"}}\n"

/* What came of a stream, in order: S for a step in sync, R and the reply, F and why. */
struct outcome {
    char text[4096];
    enum framing_state state;
};

static void
note(struct outcome *outcome, const char *what, const char *more)
{
    size_t length = strlen(outcome->text);

    snprintf(outcome->text + length, sizeof(outcome->text) - length, "%s%s;", what,
             more);
}

/* After each step and each reply the next command is sent, as the poller does. */
static void
command(struct framing *framing)
{
    struct text out = TEXT_INIT(256);

    framing_command(framing, &(struct request){.command = "guest-get-time"}, &out);
    assert_string_equal(out.bytes, "{\"execute\":\"guest-get-time\"}\n");
    text_free(&out);
}

static void
sync_with(struct framing *framing, int64_t id)
{
    struct text out = TEXT_INIT(256);

    framing_sync(framing, id, &out);
    assert_int_equal(out.bytes[0], '\xff');
    text_free(&out);
}

static void
feed(struct framing *framing, struct outcome *outcome, const char *bytes, size_t length)
{
    while (length > 0 && framing->state != FRAMING_BROKEN) {
        size_t taken = 0;
        enum framing_event event = framing_feed(framing, bytes, length, &taken);

        assert_in_range(taken, 1, length);
        bytes += taken;
        length -= taken;
        if (event == FRAMING_SYNCED)
            note(outcome, "S", "");
        else if (event == FRAMING_REPLY)
            note(outcome, "R ", framing->line.bytes);
        else if (event == FRAMING_FAILED)
            note(outcome, "F ", failure_kind_name(framing->failure.kind));
        if (event == FRAMING_SYNCED || event == FRAMING_REPLY)
            command(framing);
        assert_true(framing->line.length <= REPLY_MAX);
    }
}

static unsigned int
random_below(unsigned int *seed, unsigned int limit)
{
    return (unsigned int)rand_r(seed) % limit;
}

/* seed 0: whole; 1: byte by byte; else random pieces. */
static struct outcome
run(const char *bytes, size_t length, unsigned int seed)
{
    struct outcome outcome = {.text = ""};
    struct framing framing;
    unsigned int dice = seed;

    framing_init(&framing, REPLY_MAX);
    sync_with(&framing, ID);
    for (size_t at = 0; at < length;) {
        size_t left = length - at, piece = left;

        if (seed == 1)
            piece = 1;
        else if (seed > 1)
            piece = 1 + random_below(&dice, 40);
        if (piece > left)
            piece = left;
        feed(&framing, &outcome, bytes + at, piece);
        at += piece;
    }
    outcome.state = framing.state;
    framing_free(&framing);
    return outcome;
}

static void
expect(const char *bytes, size_t length, const char *wanted)
{
    for (unsigned int seed = 0; seed < 20; seed++) {
        struct outcome outcome = run(bytes, length, seed);

        assert_string_equal(outcome.text, wanted);
    }
}

#define EXPECT(bytes, wanted) expect(bytes, sizeof(bytes) - 1, wanted)

static void
test_step_in_sync(void **state)
{
    (void)state;
    EXPECT(STRAY ANSWER, "S;");
    EXPECT(ANSWER, "S;");
    /* Late replies and half a line come before. */
    EXPECT("{\"return\": 1}\n{\"return\": []}\n" STRAY ANSWER, "S;");
    EXPECT("n\": {\"a\"" ANSWER, "S;");
    /* An older sync is answered first. */
    EXPECT(STRAY "\xff{\"return\": 7}\n" STRAY ANSWER, "S;");
    /* A 0xFF too many, or within. */
    EXPECT("\xff\xff\xff" ANSWER, "S;");
    EXPECT("\xff{\"retu" ANSWER, "S;");
    EXPECT("\n\n\xff\n" ANSWER, "S;");
    /* No newline: nothing yet. */
    expect(ANSWER, sizeof(ANSWER) - 2, "");
}

static void
test_no_step_in_sync(void **state)
{
    (void)state;
    EXPECT("\xff{\"return\": 8589934592002}\n", "");
    EXPECT("\xff{\"return\": -8589934592001}\n", "");
    EXPECT("\xff{\"return\": 8589934592001.0}\n", "");
    EXPECT("\xff{\"return\": \"8589934592001\"}\n", "");
    EXPECT("\xff{\"return\": true}\n", "");
    EXPECT("\xff{\"return\": null}\n", "");
    EXPECT("\xff{\"return\": [8589934592001]}\n", "");
    EXPECT("\xff{\"return\": {\"return\": 8589934592001}}\n", "");
    EXPECT("\xff{\"error\": 8589934592001}\n", "");
    EXPECT("\xff[8589934592001]\n", "");
    EXPECT("\xff"
           "8589934592001\n",
           "");
    EXPECT("\xff\n\xff{}\n", "");
    EXPECT("\xff{\"return\": 99999999999999999999}\n", "");
    /* Without the 0xFF it is the answer of guest-sync, or a reply that is a number. */
    EXPECT("{\"return\": 8589934592001}\n", "");
    EXPECT("\xff{\"return\": 1}\n{\"return\": 8589934592001}\n", "");
    /* A NUL ends no line and hides nothing. */
    EXPECT("\xff{\"return\": 8589934592001}\0\n", "");
}

static void
test_replies(void **state)
{
    (void)state;
    EXPECT(ANSWER "{\"return\": 1}\n{\"return\": {}}\n",
           "S;R {\"return\": 1};R {\"return\": {}};");
    EXPECT(ANSWER "{\"return\": 1}\r\n", "S;R {\"return\": 1}\r;");
    EXPECT(ANSWER " {}\n", "S;R  {};");
    EXPECT(ANSWER "{\"return\": 1}", "S;");
}

/* One that is no object would move all replies by one. */
static void
test_lines_that_are_no_reply(void **state)
{
    (void)state;
    EXPECT(ANSWER "\n", "S;F malformed;");
    EXPECT(ANSWER "\r\n{}\n", "S;F malformed;");
    EXPECT(ANSWER "kernel: hello\n{}\n", "S;F malformed;");
    EXPECT(ANSWER "{\n", "S;F malformed;");
    EXPECT(ANSWER "}\n", "S;F malformed;");
    EXPECT(ANSWER "[]\n", "S;F malformed;");
    EXPECT(ANSWER "\xff{\"return\": 8589934592001}\n", "S;F malformed;");
    EXPECT(ANSWER "\0{}\n", "S;F malformed;");
}

static void
test_the_limit_of_a_reply(void **state)
{
    char bytes[sizeof(ANSWER) + REPLY_MAX + 8], wanted[REPLY_MAX + 16];
    size_t start = sizeof(ANSWER) - 1;

    (void)state;
    memcpy(bytes, ANSWER, start);
    memset(bytes + start, ' ', REPLY_MAX + 1);
    bytes[start] = '{';
    bytes[start + REPLY_MAX - 1] = '}';
    bytes[start + REPLY_MAX] = '\n';
    snprintf(wanted, sizeof(wanted), "S;R %.*s;", (int)REPLY_MAX, bytes + start);
    expect(bytes, start + REPLY_MAX + 1, wanted);

    bytes[start + REPLY_MAX - 1] = ' ';
    bytes[start + REPLY_MAX] = '}';
    bytes[start + REPLY_MAX + 1] = '\n';
    expect(bytes, start + REPLY_MAX + 2, "S;F too_large;");
    /* It is known before the newline. */
    expect(bytes, start + REPLY_MAX + 1, "S;F too_large;");
}

/* The whole of any flood is bounded, whatever its bytes are. */
static void
test_endless_while_syncing(void **state)
{
    static const char *const patterns[] = {
        "x", "\n", "\xff", "\xff\n", "\xff{\n", "{\"return\": 8589934592002}\n", STRAY,
    };
    char flood[FRAMING_SKIPPED_MAX(REPLY_MAX) + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        size_t length = strlen(patterns[i]);

        for (size_t at = 0; at < sizeof(flood); at++)
            flood[at] = patterns[i][at % length];
        expect(flood, sizeof(flood), "F malformed;");
        expect(flood, sizeof(flood) - 1, "");
    }
}

/* A thousand guests that send a megabyte without end must not keep it. */
static void
test_memory_is_given_back(void **state)
{
    struct framing framing;
    char bytes[REPLY_MAX];
    size_t taken;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    framing_init(&framing, REPLY_MAX);
    command(&framing);
    framing_feed(&framing, bytes, sizeof(bytes), &taken);
    assert_true(framing.line.capacity > 0);
    framing_give_up(&framing);
    assert_int_equal(framing.line.capacity, 0);
    command(&framing);
    framing_feed(&framing, bytes, sizeof(bytes), &taken);
    assert_int_equal(framing_feed(&framing, bytes, 1, &taken), FRAMING_FAILED);
    assert_int_equal(framing.line.capacity, 0);
    framing_free(&framing);
}

static void
test_unsolicited_while_idle(void **state)
{
    struct framing framing;
    size_t taken;

    (void)state;
    framing_init(&framing, REPLY_MAX);
    sync_with(&framing, ID);
    assert_int_equal(
        framing_feed(&framing, ANSWER "\n", sizeof(ANSWER "\n") - 1, &taken),
        FRAMING_SYNCED);
    assert_int_equal(taken, sizeof(ANSWER) - 1);
    assert_int_equal(framing.state, FRAMING_IDLE);
    assert_int_equal(framing_feed(&framing, "", 0, &taken), FRAMING_NOTHING);
    assert_int_equal(framing_feed(&framing, "\n", 1, &taken), FRAMING_FAILED);
    assert_int_equal(framing.state, FRAMING_BROKEN);
    assert_int_equal(framing.failure.kind, FAILURE_MALFORMED);
    /* And it stays so. */
    assert_int_equal(framing_feed(&framing, ANSWER, 5, &taken), FRAMING_FAILED);
    framing_free(&framing);
}

/* The late reply of a command that was given up answers nothing: not out of step, not
 * while syncing, not the next command. */
static void
test_a_late_reply_answers_nothing(void **state)
{
    static const char late[] = "{\"return\": \"late\"}\n";
    struct outcome outcome = {.text = ""};
    struct framing framing;

    (void)state;
    for (size_t before = 0; before <= sizeof(late) - 1; before++) {
        outcome.text[0] = '\0';
        framing_init(&framing, REPLY_MAX);
        command(&framing);
        framing_give_up(&framing);
        feed(&framing, &outcome, late, before); /* before the sync is even sent */
        sync_with(&framing, ID);
        feed(&framing, &outcome, late + before, sizeof(late) - 1 - before);
        feed(&framing, &outcome, STRAY ANSWER, sizeof(STRAY ANSWER) - 1);
        feed(&framing, &outcome, "{\"return\": 2}\n", 14);
        assert_string_equal(outcome.text, "S;R {\"return\": 2};");
        framing_free(&framing);
    }
    outcome.text[0] = '\0';
    framing_init(&framing, REPLY_MAX);
    command(&framing);
    feed(&framing, &outcome, late, 7); /* half of it came in time */
    framing_give_up(&framing);
    sync_with(&framing, 1);
    sync_with(&framing, ID); /* and the first sync was answered late as well */
    feed(&framing, &outcome, late + 7, sizeof(late) - 8);
    feed(&framing, &outcome, "\xff{\"return\": 1}\n" ANSWER "{}\n",
         sizeof("\xff{\"return\": 1}\n" ANSWER "{}\n") - 1);
    assert_string_equal(outcome.text, "S;R {};");
    framing_free(&framing);
}

static void
test_out_of_step_is_bounded(void **state)
{
    struct framing framing;
    char flood[FRAMING_SKIPPED_MAX(REPLY_MAX)];
    size_t taken;

    (void)state;
    memset(flood, 'x', sizeof(flood));
    framing_init(&framing, REPLY_MAX);
    assert_int_equal(framing_feed(&framing, flood, sizeof(flood), &taken),
                     FRAMING_NOTHING);
    assert_int_equal(framing_feed(&framing, flood, 1, &taken), FRAMING_FAILED);
    framing_free(&framing);
}

/* Any stream made of what agents say, and of what they do not, cut in any way. */
static void
test_any_cut_is_the_same(void **state)
{
    static const char *const parts[] = {
        ANSWER,
        STRAY,
        "\xff{\"return\": 3}\n",
        "{\"return\": 1}\n",
        "{\"return\": {",
        "}}\n",
        "\xff",
        "\n",
        "x",
        "{}\n",
    };
    unsigned int dice = 42;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        char stream[1024] = "";
        unsigned int count = 1 + random_below(&dice, 8);

        for (unsigned int i = 0; i < count; i++)
            strcat(stream,
                   parts[random_below(&dice, sizeof(parts) / sizeof(parts[0]))]);
        struct outcome whole = run(stream, strlen(stream), 0);

        for (unsigned int seed = 1; seed < 6; seed++) {
            struct outcome cut =
                run(stream, strlen(stream), seed == 1 ? 1 : dice + seed);

            assert_string_equal(cut.text, whole.text);
            assert_int_equal(cut.state, whole.state);
        }
    }
}

/* A sync whose answer has no 0xFF: whatever comes before it is old. */
static void
test_a_plain_sync(void **state)
{
    static const char old[] = "2}, 3]}\n"
                              "{\"return\": 7}\n"
                              "{\"return\": -6}\n"
                              "{\"error\": {\"desc\": \"stray\"}}\n"
                              "\xff{\"return\": 123401}\n{\"return\": {}}\n";
    static const char answer[] = "{\"return\": -7}\n";
    struct framing framing;
    struct outcome outcome = {.text = ""};
    struct text out = TEXT_INIT(256);

    (void)state;
    framing_init(&framing, REPLY_MAX);
    framing_sync_plain(&framing, -7, &out);
    assert_string_equal(out.bytes, "\xff{\"execute\":\"guest-sync\","
                                   "\"arguments\":{\"id\":-7}}\n");
    text_free(&out);
    for (size_t i = 0; i < strlen(old); i++)
        feed(&framing, &outcome, old + i, 1);
    assert_string_equal(outcome.text, "");
    feed(&framing, &outcome, answer, strlen(answer));
    assert_string_equal(outcome.text, "S;");
    /* And the next one is not plain for it. */
    sync_with(&framing, ID);
    feed(&framing, &outcome, "{\"return\": -7}\n", 16);
    assert_int_equal(framing.state, FRAMING_SYNCING);
    framing_free(&framing);
}

/* A line that is too long for an answer hides none that follows. */
static void
test_a_plain_sync_behind_a_long_line(void **state)
{
    static const char answer[] = "\n{\"return\": -7}\n";
    struct framing framing;
    struct text out = TEXT_INIT(256);
    size_t taken;

    (void)state;
    framing_init(&framing, (size_t)1024 * 1024);
    framing_sync_plain(&framing, -7, &out);
    text_free(&out);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(framing_feed(&framing, "x", 1, &taken), FRAMING_NOTHING);
    assert_int_equal(framing_feed(&framing, answer, strlen(answer), &taken),
                     FRAMING_SYNCED);
    framing_free(&framing);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_in_sync),
        cmocka_unit_test(test_no_step_in_sync),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_lines_that_are_no_reply),
        cmocka_unit_test(test_the_limit_of_a_reply),
        cmocka_unit_test(test_endless_while_syncing),
        cmocka_unit_test(test_memory_is_given_back),
        cmocka_unit_test(test_unsolicited_while_idle),
        cmocka_unit_test(test_a_late_reply_answers_nothing),
        cmocka_unit_test(test_out_of_step_is_bounded),
        cmocka_unit_test(test_any_cut_is_the_same),
        cmocka_unit_test(test_a_plain_sync),
        cmocka_unit_test(test_a_plain_sync_behind_a_long_line),
    };

    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
