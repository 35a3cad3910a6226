/* Collectors of several calls: whatever goes wrong, what was opened in the guest is
 * closed, or never opened again. */
#include "agent/conversation.h"

#include "kit/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

struct talk {
    const struct collector *collector;
    struct conversation conversation;
    void *memory;
    int open_files, opened;
    bool finishing;
};

static void
begin(struct talk *talk, const char *name)
{
    *talk = (struct talk){.collector = collectors[collector_find(name)]};
    talk->memory = memory_new(1, talk->collector->memory_bytes);
}

static bool
refuses(enum failure_kind kind)
{
    return kind == FAILURE_AGENT_ERROR || kind == FAILURE_MALFORMED ||
           kind == FAILURE_WRONG_SHAPE || kind == FAILURE_TOO_LARGE ||
           kind == FAILURE_UNSUPPORTED || kind == FAILURE_DISABLED;
}

/* Sends what is to be sent to an agent that keeps count, and hands over its answer. */
static enum conversation_turn
say(struct talk *talk, enum failure_kind kind)
{
    const struct request *request =
        conversation_request(talk->collector, &talk->conversation, talk->memory);
    json_t *answer = json_object();

    if (kind == FAILURE_NONE && strcmp(request->command, "guest-file-open") == 0) {
        json_decref(answer);
        answer = json_integer(1000 + talk->opened++);
        talk->open_files++;
    } else if (strcmp(request->command, "guest-file-close") == 0 &&
               (kind == FAILURE_NONE || refuses(kind))) {
        talk->open_files--; /* one that refuses says that there is none */
    }
    enum conversation_turn turn =
        conversation_answer(talk->collector, &talk->conversation, talk->memory, kind,
                            kind == FAILURE_NONE ? answer : NULL, talk->finishing);

    json_decref(answer);
    return turn;
}

static void
test_all_files_are_read_and_closed(void **state)
{
    struct talk talk;
    enum conversation_turn turn;
    int calls = 0;

    (void)state;
    begin(&talk, "procfs");
    do {
        turn = say(&talk, FAILURE_NONE);
        assert_in_range(talk.open_files, 0, 1);
        calls++;
    } while (turn == CONVERSATION_GOES_ON);
    assert_int_equal(turn, CONVERSATION_COMPLETE);
    assert_false(talk.conversation.open);
    assert_int_equal(talk.open_files, 0);
    assert_int_equal(calls, talk.collector->calls);
    free(talk.memory);
}

/* A pass costs no more than it did when it read eight files, and two calls at most; all
 * files have their turn. */
static void
test_files_have_their_turn(void **state)
{
    enum { CALLS_MAX = 24 + 2, FILES = 11, PASSES = 3 };
    char paths[FILES][REQUEST_ARGUMENTS_BYTES];
    size_t known = 0;
    struct talk talk;

    (void)state;
    begin(&talk, "procfs");
    for (int pass = 0; pass < PASSES; pass++) {
        int calls = 0;
        enum conversation_turn turn;

        do {
            const struct request *request =
                conversation_request(talk.collector, &talk.conversation, talk.memory);
            size_t i = 0;

            while (i < known && strcmp(paths[i], request->arguments) != 0)
                i++;
            if (i == known && strcmp(request->command, "guest-file-open") == 0) {
                assert_true(known < FILES);
                (void)snprintf(paths[known++], sizeof(paths[0]), "%s",
                               request->arguments);
            }
            turn = say(&talk, FAILURE_NONE);
            calls++;
        } while (turn == CONVERSATION_GOES_ON);
        assert_true(calls <= CALLS_MAX);
        assert_true((unsigned int)calls <= talk.collector->calls);
    }
    assert_int_equal(known, FILES);
    free(talk.memory);
}

/* At every call, every way to fail: what is open afterwards gets closed. */
static void
test_failures_leave_nothing_open(void **state)
{
    struct talk talk;

    (void)state;
    for (int kind = FAILURE_NONE + 1; kind < FAILURE_KINDS; kind++) {
        for (unsigned int at = 0; at < 24; at++) {
            enum conversation_turn turn = CONVERSATION_GOES_ON;
            unsigned int calls = 0;

            begin(&talk, "procfs");
            while (turn == CONVERSATION_GOES_ON && calls < 100)
                turn =
                    say(&talk, calls++ == at ? (enum failure_kind)kind : FAILURE_NONE);
            assert_true(calls < 100);
            assert_int_equal(talk.open_files, 0);
            /* A lost answer to an open: nobody knows the handle, so never again. */
            if (kind == FAILURE_TIMEOUT)
                assert_int_equal(turn, at % 3 == 0 ? CONVERSATION_UNSETTLED
                                                   : CONVERSATION_BROKEN);
            if (kind == FAILURE_AGENT_ERROR || kind == FAILURE_FROZEN)
                assert_int_equal(turn, CONVERSATION_COMPLETE);
            free(talk.memory);
        }
    }
}

static void
test_the_end_closes_and_opens_nothing(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk, "procfs");
    assert_int_equal(say(&talk, FAILURE_NONE), CONVERSATION_GOES_ON); /* open */
    talk.finishing = true;
    assert_int_equal(say(&talk, FAILURE_NONE), CONVERSATION_GOES_ON); /* read */
    assert_int_equal(say(&talk, FAILURE_NONE), CONVERSATION_BROKEN);  /* close */
    assert_int_equal(talk.open_files, 0);
    assert_int_equal(talk.opened, 1);
    free(talk.memory);
}

/* However far it has come, and whether an answer is still on its way: what the same
 * agent was left with is closed, and no more is opened. */
static void
test_an_interruption_leaves_nothing_open(void **state)
{
    struct talk talk;

    (void)state;
    for (unsigned int at = 0; at < 24; at++) {
        for (int awaited = 0; awaited <= 1; awaited++) {
            begin(&talk, "procfs");
            for (unsigned int calls = 0; calls < at; calls++)
                assert_int_equal(say(&talk, FAILURE_NONE), CONVERSATION_GOES_ON);
            if (awaited)
                conversation_request(talk.collector, &talk.conversation, talk.memory);
            int opened = talk.opened + (awaited && at % 3 == 0);
            bool over = conversation_interrupt(talk.collector, &talk.conversation,
                                               talk.memory, true);
            assert_int_equal(over, !awaited && at % 3 == 0);
            while (!over)
                over = say(&talk, FAILURE_NONE) != CONVERSATION_GOES_ON;
            assert_int_equal(talk.open_files, 0);
            assert_int_equal(talk.opened, opened);
            free(talk.memory);
        }
    }
}

/* The answer to an open that never came: of an agent that has gone, or that is still
 * there. */
static void
test_what_is_lost_goes_with_its_agent(void **state)
{
    struct talk talk;

    (void)state;
    for (int is_new = 0; is_new <= 1; is_new++) {
        begin(&talk, "procfs");
        conversation_request(talk.collector, &talk.conversation, talk.memory);
        assert_false(conversation_interrupt(talk.collector, &talk.conversation,
                                            talk.memory, is_new));
        assert_int_equal(say(&talk, FAILURE_TIMEOUT),
                         is_new ? CONVERSATION_BROKEN : CONVERSATION_UNSETTLED);
        free(talk.memory);
    }
}

/* One that never went out is not sent again in a conversation that only tidies up. */
static void
test_an_open_that_was_not_sent_stays_unsent(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk, "procfs");
    conversation_request(talk.collector, &talk.conversation, talk.memory);
    assert_false(
        conversation_interrupt(talk.collector, &talk.conversation, talk.memory, false));
    assert_int_equal(say(&talk, FAILURE_NOT_RUNNING), CONVERSATION_BROKEN);
    free(talk.memory);
}

static void
test_a_query_of_two_calls(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk, "memory_blocks");
    assert_int_equal(say(&talk, FAILURE_TIMEOUT), CONVERSATION_BROKEN);
    assert_int_equal(say(&talk, FAILURE_AGENT_ERROR), CONVERSATION_COMPLETE);
    free(talk.memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_files_are_read_and_closed),
        cmocka_unit_test(test_files_have_their_turn),
        cmocka_unit_test(test_failures_leave_nothing_open),
        cmocka_unit_test(test_the_end_closes_and_opens_nothing),
        cmocka_unit_test(test_an_interruption_leaves_nothing_open),
        cmocka_unit_test(test_what_is_lost_goes_with_its_agent),
        cmocka_unit_test(test_an_open_that_was_not_sent_stays_unsent),
        cmocka_unit_test(test_a_query_of_two_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
