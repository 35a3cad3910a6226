/* A broker that is told what nobody of ours would tell it. */
#include "broker/broker_parts.h"

#include "unit/broker/both_ends.h"

static void
say(int fd, unsigned int kind, const struct text *message)
{
    const uint32_t head[] = {(uint32_t)message->length, kind};

    assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
    if (message->length > 0)
        assert_int_equal(write(fd, message->bytes, message->length), message->length);
}

static void
expect_desertion(struct world *world, unsigned int kind, const struct text *message)
{
    unsigned int desertions = world->desertions;
    unsigned int calls = the_source->calls;
    int fd = serve_anew(world);

    say(fd, kind, message);
    settle(world);
    assert_int_equal(world->desertions, desertions + 1);
    assert_int_equal(the_source->calls, calls);
    (void)close(fd);
}

static struct text
call_of(struct asked_call asked)
{
    struct text message = TEXT_INIT(ASK_BYTES_MAX);

    bytes_put_string(&message, KEY);
    bytes_put_block(&message, &asked, sizeof(asked));
    return message;
}

static void
test_what_is_no_query(void **state)
{
    struct world *world = *state;
    const struct asked_call good = {
        .source = 1, .number = 1, .timeout_ns = S, .reply_bytes_max = 1};
    struct asked_call evil[7];
    struct text message;

    for (size_t i = 0; i < 7; i++)
        evil[i] = good;
    evil[0].query.query = UINT32_MAX;
    evil[1].query.query = 1000;
    evil[2].timeout_ns = 0;
    evil[3].timeout_ns = INT64_MAX;
    evil[4].timeout_ns = S + 1; /* libvirt counts whole seconds */
    evil[5].reply_bytes_max = SIZE_MAX;
    evil[6].timeout_ns = 5 * S; /* a backup's thaw would be skipped */
    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    for (size_t i = 0; i < 7; i++) {
        message = call_of(evil[i]);
        expect_desertion(world, ASK_CALL, &message);
        text_free(&message);
    }
    message = call_of(good);
    message.length--;
    expect_desertion(world, ASK_CALL, &message);
    text_free(&message);
    message = TEXT_INIT(16);
    expect_desertion(world, ASK_CALL, &message);
    expect_desertion(world, 99, &message);
    expect_desertion(world, ASK_START, &message);
    expect_desertion(world, ASK_STOP, &message);
    expect_desertion(world, ASK_END_VISIT, &message);
    expect_desertion(world, ASK_LOG, &message);
}

static void
test_a_message_without_end(void **state)
{
    struct world *world = *state;
    const uint32_t head[] = {UINT32_MAX, ASK_CALL};
    int fd = serve_anew(world);

    assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
    settle(world);
    assert_int_equal(world->desertions, 1);
    (void)close(fd);
}

/* Whatever comes: no call, no crash. */
static void
test_noise(void **state)
{
    struct world *world = *state;
    uint64_t random = 88172645463325252U;
    char noise[64];

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    for (int i = 0; i < 2000; i++) {
        struct text message = TEXT_INIT(sizeof(noise));
        int fd = serve_anew(world);

        for (size_t j = 0; j < sizeof(noise); j++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            noise[j] = (char)(random % 3 == 0 ? random >> 8 : 0);
        }
        text_add(&message, noise, random % sizeof(noise));
        say(fd, (unsigned int)(random % (ASK_LOG + 1)), &message);
        for (int j = 0; j < 3; j++)
            turn(world);
        (void)close(fd);
        text_free(&message);
    }
    settle(world);
    assert_int_equal(the_source->calls, 0);
    assert_int_equal(sources_count, 1);
}

/* Who starts and stops a source again and again gains nothing by it. */
static void
test_starts_without_end(void **state)
{
    struct world *world = *state;
    struct text message = TEXT_INIT(ASK_BYTES_MAX), stop = TEXT_INIT(ASK_BYTES_MAX);
    int fd;

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    bytes_put_number(&message, 7);
    message_put_source(&message, &world->config);
    bytes_put_number(&stop, 7);
    fd = serve_anew(world);
    for (int i = 0; i < 10; i++) {
        say(fd, ASK_START, &message);
        say(fd, ASK_STOP, &stop);
        settle(world);
    }
    assert_int_equal(world->desertions, 0);
    assert_int_equal(sources_count, 1);
    assert_int_equal(the_source->stops, 0);
    say(fd, ASK_START, &message);
    text_clear(&message);
    bytes_put_number(&message, 8);
    message_put_source(&message, &world->config);
    say(fd, ASK_START, &message);
    settle(world);
    assert_int_equal(world->desertions, 1);
    assert_int_equal(sources_count, 1);
    (void)close(fd);
    text_free(&message);
    text_free(&stop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        IN_A_WORLD(test_what_is_no_query),
        IN_A_WORLD(test_a_message_without_end),
        IN_A_WORLD(test_noise),
        IN_A_WORLD(test_starts_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
