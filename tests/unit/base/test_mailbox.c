/* The mailbox: order, other threads, and when the loop is woken.  The clock stands, so
 * that nothing is delivered by the way. */
#include "base/mailbox.h"

#include "base/clock.h"
#include "unit/hand_clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define LETTERS 3

struct letter {
    struct mail mail; /* first */
    struct post *post;
};

struct post {
    uv_loop_t loop;
    struct mailbox *mailbox;
    struct letter letters[LETTERS];
    char order[LETTERS + 1]; /* '0' for the first letter ... */
};

static void
deliver(struct mail *mail)
{
    struct letter *letter = (struct letter *)mail;
    struct post *post = letter->post;

    post->order[strlen(post->order)] = (char)('0' + (letter - post->letters));
}

static int
set_up(void **state)
{
    static struct post post;

    memset(&post, 0, sizeof(post));
    assert_int_equal(uv_loop_init(&post.loop), 0);
    post.mailbox = mailbox_new(&post.loop);
    for (size_t i = 0; i < LETTERS; i++)
        post.letters[i] = (struct letter){.mail.deliver = deliver, .post = &post};
    *state = &post;
    return 0;
}

static int
tear_down(void **state)
{
    struct post *post = *state;

    mailbox_close(post->mailbox);
    (void)uv_run(&post->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&post->loop), 0);
    return 0;
}

static void
post_letter(struct post *post, size_t letter)
{
    mailbox_post(post->mailbox, &post->letters[letter].mail);
}

static void
expect(struct post *post, const char *order)
{
    (void)uv_run(&post->loop, UV_RUN_NOWAIT);
    assert_string_equal(post->order, order);
}

static void
test_order(void **state)
{
    struct post *post = *state;

    post_letter(post, 2);
    post_letter(post, 0);
    assert_string_equal(post->order, ""); /* later, by the loop */
    expect(post, "20");
    post_letter(post, 1);
    expect(post, "201");
}

static void *
send_all(void *argument)
{
    for (size_t i = 0; i < LETTERS; i++)
        post_letter(argument, i);
    return NULL;
}

static void
test_another_thread_wakes_the_loop(void **state)
{
    struct post *post = *state;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, send_all, post), 0);
    while (strlen(post->order) < LETTERS)
        (void)uv_run(&post->loop, UV_RUN_ONCE); /* for ever, if nobody wakes it */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(post->order, "012");
}

static void
test_gathered(void **state)
{
    struct post *post = *state;

    mailbox_coalesce(post->mailbox);
    post_letter(post, 0);
    post_letter(post, 1);
    expect(post, "");
    hand_clock_pass(MAILBOX_TICK_NS);
    expect(post, "01");
    post_letter(post, 2); /* that was the end of coalescing */
    expect(post, "012");
}

static void
test_hurried(void **state)
{
    struct post *post = *state;

    mailbox_coalesce(post->mailbox);
    post_letter(post, 0);
    expect(post, "");
    mailbox_coalesce_no_more(post->mailbox);
    expect(post, "0");
    post_letter(post, 1);
    expect(post, "01");
    mailbox_coalesce(post->mailbox); /* with nothing there, too */
    mailbox_coalesce_no_more(post->mailbox);
    post_letter(post, 2);
    expect(post, "012");
}

static void
test_drained(void **state)
{
    struct post *post = *state;

    mailbox_coalesce(post->mailbox);
    post_letter(post, 1);
    post_letter(post, 0);
    mailbox_drain(post->mailbox);
    assert_string_equal(post->order, "10"); /* without the loop */
    mailbox_drain(post->mailbox);
    assert_string_equal(post->order, "10");
}

static void
never(uv_timer_t *timer)
{
    (void)timer;
    fail();
}

static uint64_t
wait_ms(struct post *post, int64_t at_ns, bool exactly)
{
    static uv_timer_t timer;

    assert_int_equal(uv_timer_init(&post->loop, &timer), 0);
    mailbox_start_timer(&timer, never, at_ns, exactly);
    uint64_t due_ms = uv_timer_get_due_in(&timer);

    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&post->loop, UV_RUN_NOWAIT);
    return due_ms;
}

static void
test_timers(void **state)
{
    struct post *post = *state;

    hand_clock_pass(MAILBOX_TICK_NS - clock_monotonic_ns() % MAILBOX_TICK_NS);
    int64_t now_ns = clock_monotonic_ns();

    assert_int_equal(wait_ms(post, now_ns, false), 0);
    assert_int_equal(wait_ms(post, now_ns - 100 * MS, false), 0);
    assert_int_equal(wait_ms(post, now_ns + 1, false), 20);
    assert_int_equal(wait_ms(post, now_ns + 20 * MS, false), 20);
    assert_int_equal(wait_ms(post, now_ns + 21 * MS, false), 40);
    assert_int_equal(wait_ms(post, now_ns + 21 * MS, true), 21);
    assert_int_equal(wait_ms(post, now_ns + 21 * MS + 1, true), 22); /* not too early */
    assert_int_equal(wait_ms(post, now_ns - 1, true), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order),    TEST(test_another_thread_wakes_the_loop),
        TEST(test_gathered), TEST(test_hurried),
        TEST(test_drained),  TEST(test_timers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
