/* The libvirt source and the memory of its guests: when libvirt is asked, and what is
 * told of it. */
#include "base/log.h"
#include "kit/memory.h"

#include "unit/source/libvirt/world.h"

static struct {
    atomic_int calls;
    atomic_bool hangs, fails, silent;
} statistics;

/* Several lanes may be in it at once. */
struct said {
    virDomainStatsRecordPtr list[2];
    virDomainStatsRecord record;
};

int
virConnectGetAllDomainStats(virConnectPtr connection, unsigned int stats,
                            virDomainStatsRecordPtr **records, unsigned int flags)
{
    int size = 0;

    (void)stats;
    (void)flags;
    statistics.calls++;
    if (statistics.hangs) {
        sem_post(&libvirt.asked);
        sem_wait(&libvirt.answer);
    }
    if (statistics.fails)
        return -1;
    struct said *said = memory_new(1, sizeof(*said));
    virDomainStatsRecordPtr record = said->list[0] = &said->record;

    record->dom = virDomainLookupByName(connection, "test");
    assert_int_equal(virTypedParamsAddULLong(&record->params, &record->nparams, &size,
                                             "balloon.rss", 1),
                     0);
    assert_int_equal(virTypedParamsAddULLong(&record->params, &record->nparams, &size,
                                             "balloon.last-update", !statistics.silent),
                     0);
    *records = said->list;
    return 1;
}

void
virDomainStatsRecordListFree(virDomainStatsRecordPtr *records)
{
    virDomainFree(records[0]->dom);
    virTypedParamsFree(records[0]->params, records[0]->nparams);
    free(records); /* what was said, whose first they are */
}

/* Instead of the log. */
static atomic_uint complaints;

void
log_write(enum log_level level, const char *source_file, int source_line,
          const char *message, ...)
{
    (void)source_file;
    (void)source_line;
    complaints += level == LOG_WARN && strstr(message, "memory statistics");
}

static int
set_up_statistics(void **state)
{
    complaints = 0;
    statistics.calls = 0;
    statistics.hangs = statistics.fails = statistics.silent = false;
    balloon_config = (struct balloon_config){.enabled = true, .interval_ns = S / 1000};
    (void)set_up_world(state);
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    statistics.hangs = false;
    for (int i = 0; i < 9; i++)
        sem_post(&libvirt.answer); /* whatever is still asked */
    virConnectClose(world->own);
    assert_true(source_libvirt.stop(world->source, clock_monotonic_ns() + PATIENCE_NS));
    mailbox_drain(world->mailbox);
    mailbox_close(world->mailbox);
    uv_close((uv_handle_t *)&world->tick, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
    return 0;
}

/* Runs the loop until it was heard so often or oftener. */
static void
await_more(struct world *world, const char *what, int count)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    world->heard[0] = '\0';
    for (int heard = 0; heard < count;) {
        assert_true(clock_monotonic_ns() < end_ns);
        uv_run(&world->loop, UV_RUN_ONCE);
        heard += strstr(world->heard, what) ? 1 : 0;
        world->heard[0] = '\0';
    }
}

/* Not before all guests are announced, or nobody would know whose it is. */
static void
test_it_is_told_again_and_again(void **state)
{
    struct world *world = *state;

    begin(world);
    expect(world, "runs test;up ;said ;told ;");
    await_more(world, "said ;told ;", 2);
    statistics.silent = true;
    await_more(world, "silent ;told ;", 1);
}

static void
test_a_refusal_is_told_too(void **state)
{
    struct world *world = *state;

    statistics.fails = true;
    begin(world);
    expect(world, "runs test;up ;told ;");
    statistics.fails = false;
    await_more(world, "said ;told ;", 1);
}

/* No second call stands behind one that hangs; domains and calls go their way. */
static void
test_a_call_that_hangs(void **state)
{
    struct world *world = *state;

    statistics.hangs = true;
    begin(world);
    await_asked(world);
    virDomainPtr started = create(world, "other");

    await(world, "started other;", 1);
    assert_null(strstr(world->heard, "told"));
    assert_int_equal(statistics.calls, 1);
    statistics.hangs = false;
    sem_post(&libvirt.answer);
    await_more(world, "said ;told ;", 1);
    destroy(started);
}

static uint64_t
abandoned(const struct world *world)
{
    return source_libvirt.figures(world->source).lanes_abandoned;
}

/* One after another, as long as there may be more: each is counted and told, and
 * another lane asks again. */
static void
test_lanes_that_are_given_up(void **state)
{
    struct world *world = *state;

    statistics.hangs = true;
    begin(world);
    for (unsigned int given_up = 0; given_up < 2; given_up++) {
        await_asked(world);
        assert_int_equal(statistics.calls, given_up + 1);
        assert_int_equal(abandoned(world), given_up);
        pass_s(11);
        await_more(world, "told ;", 1); /* what it says of the guests is old */
        assert_int_equal(abandoned(world), given_up + 1);
        assert_int_equal(complaints, given_up + 1);
    }
    await_asked(world);
    statistics.hangs = false;
    for (int i = 0; i < 3; i++)
        sem_post(&libvirt.answer); /* who is woken first is not said */
    await_more(world, "said ;told ;", 2);
    assert_int_equal(abandoned(world), 2);
    assert_int_equal(complaints, 2);
    assert_int_equal(source_libvirt.figures(world->source).lanes, 1);
}

static void
test_nobody_wants_it(void **state)
{
    struct world *world = *state;

    balloon_config.enabled = false;
    begin(world);
    expect(world, "runs test;up ;");
    virDomainPtr started = create(world, "other");

    await(world, "started other;", 1);
    assert_int_equal(statistics.calls, 0);
    destroy(started);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_statistics, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_told_again_and_again),
        TEST(test_a_refusal_is_told_too),
        TEST(test_a_call_that_hangs),
        TEST(test_lanes_that_are_given_up),
        TEST(test_nobody_wants_it),
    };

    sem_init(&libvirt.asked, 0, 0);
    sem_init(&libvirt.answer, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
