/* The libvirt source with its real lanes and event thread, against libvirt's own test
 * driver.  What that driver cannot do (lose its daemon, migrate, hang) is the test's:
 * these functions stand before the library's. */
#include "source/source.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "config/config.h"
#include "unit/source/libvirt/close_callback.h"

#include <dlfcn.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "unit/cmocka_any.h"

#define S INT64_C(1000000000)
#define PATIENCE_NS (60 * S) /* only ends a test that hangs */
/* One domain, `test`, that is running. */
#define TEST_URI "test:///default"

/* --- what libvirt's test driver cannot do --- */

static struct {
    virConnectDomainEventMigrationIterationCallback migrates;
    void *migrates_opaque;
    sem_t asked, answer; /* a lane hangs in a call, and may go on */
} libvirt;

int
virConnectDomainEventRegisterAny(virConnectPtr connection, virDomainPtr domain, int id,
                                 virConnectDomainEventGenericCallback callback,
                                 void *opaque, virFreeCallback free_opaque)
{
    int (*real)(virConnectPtr, virDomainPtr, int, virConnectDomainEventGenericCallback,
                void *, virFreeCallback) = NULL;

    void *found = dlsym(RTLD_NEXT, __func__);

    memcpy(&real, &found, sizeof(real));
    if (id == VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION) {
        memcpy(&libvirt.migrates, &callback, sizeof(callback));
        libvirt.migrates_opaque = opaque;
    }
    return real(connection, domain, id, callback, opaque, free_opaque);
}

char *
virDomainQemuAgentCommand(virDomainPtr domain, const char *command, int timeout,
                          unsigned int flags)
{
    (void)flags;
    assert_string_equal(virDomainGetName(domain), "test");
    assert_string_equal(command, "{\"execute\":\"guest-get-time\"}");
    assert_int_equal(timeout, 3);
    sem_post(&libvirt.asked);
    sem_wait(&libvirt.answer);
    return strdup("{\"return\": 1}");
}

int
virDomainGetJobStats(virDomainPtr domain, int *type, virTypedParameterPtr *parameters,
                     int *count, unsigned int flags)
{
    int size = 0;

    (void)domain;
    (void)flags;
    sem_post(&libvirt.asked);
    sem_wait(&libvirt.answer);
    *type = VIR_DOMAIN_JOB_UNBOUNDED;
    return virTypedParamsAddInt(parameters, count, &size, VIR_DOMAIN_JOB_OPERATION,
                                VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT);
}

/* --- what is heard of the source --- */

struct world {
    uv_loop_t loop;
    uv_timer_t tick; /* so that the loop never waits for long */
    struct mailbox *mailbox;
    struct source *source;
    virConnectPtr own; /* the driver's domains are those of the process */
    char heard[1024];
    char key[64];
    int done;
};

static void
note(struct world *world, const char *what, const char *name)
{
    size_t length = strlen(world->heard);

    snprintf(world->heard + length, sizeof(world->heard) - length, "%s %s;", what,
             name);
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    struct world *world = context;

    (void)source;
    snprintf(world->key, sizeof(world->key), "%s", facts->key);
    note(world,
         facts->domain == DOMAIN_MIGRATING ? "migrates"
         : facts->just_started             ? "started"
                                           : "runs",
         facts->name);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)source;
    (void)key;
    note(context, "gone", "");
}

static void
source_up(void *context, struct source *source)
{
    (void)source;
    note(context, "up", "");
}

static void
source_down(void *context, struct source *source, const char *why)
{
    (void)source;
    note(context, "down", why);
}

static void
ticked(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until so much was heard. */
static void
expect(struct world *world, const char *heard)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (strlen(world->heard) < strlen(heard) && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_string_equal(world->heard, heard);
    world->heard[0] = '\0';
}

static void
start(struct world *world)
{
    static char uri[] = TEST_URI;
    static struct source_listener listener = {.guest_seen = guest_seen,
                                              .guest_gone = guest_gone,
                                              .source_up = source_up,
                                              .source_down = source_down};
    const struct source_config config = {.kind = SOURCE_LIBVIRT,
                                         .libvirt = {.uri = uri, .lanes = 1}};

    listener.context = world;
    world->source =
        source_libvirt.start(&config, &world->loop, world->mailbox, &listener);
    expect(world, "runs test;up ;");
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    sem_init(&libvirt.asked, 0, 0);
    sem_init(&libvirt.answer, 0, 0);
    uv_loop_init(&world->loop);
    uv_timer_init(&world->loop, &world->tick);
    uv_timer_start(&world->tick, ticked, 2, 2);
    world->mailbox = mailbox_new(&world->loop);
    *state = world;
    start(world);
    world->own = virConnectOpen(TEST_URI);
    assert_non_null(world->own);
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 9; i++)
        sem_post(&libvirt.answer); /* whatever is still asked */
    virConnectClose(world->own);
    if (world->source)
        assert_true(
            source_libvirt.stop(world->source, clock_monotonic_ns() + PATIENCE_NS));
    mailbox_drain(world->mailbox);
    mailbox_close(world->mailbox);
    uv_close((uv_handle_t *)&world->tick, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
    return 0;
}

/* Until a lane hangs in a call. */
static void
await_asked(struct world *world)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (sem_trywait(&libvirt.asked) < 0) {
        assert_true(clock_monotonic_ns() < end_ns);
        uv_run(&world->loop, UV_RUN_ONCE);
    }
}

/* --- domains --- */

static const char other[] =
    "<domain type='test'><name>other</name><memory>1024</memory>"
    "<os><type>hvm</type></os></domain>";

static void
test_domains_come_and_go(void **state)
{
    struct world *world = *state;
    virDomainPtr domain = virDomainLookupByName(world->own, "test");

    assert_int_equal(virDomainDestroy(domain), 0);
    expect(world, "gone ;gone ;"); /* by the event's word, and by the look's */
    assert_int_equal(virDomainCreate(domain), 0);
    expect(world, "started test;");
    virDomainFree(domain);
}

static void
test_a_daemon_that_went_is_connected_to_anew(void **state)
{
    struct world *world = *state;

    close_connection(VIR_CONNECT_CLOSE_REASON_EOF);
    expect(world, "down the daemon closed the connection;");
    expect(world, "runs test;up ;");
    close_connection(VIR_CONNECT_CLOSE_REASON_KEEPALIVE);
    expect(world, "down the daemon does not answer keep-alive messages;");
    expect(world, "runs test;up ;");
}

/* QEMU is asked whether it is on its way; one that hangs holds up nobody else. */
static void
test_a_migration_that_hangs(void **state)
{
    struct world *world = *state;
    virDomainPtr domain = virDomainLookupByName(world->own, "test");

    libvirt.migrates(world->own, domain, 1, libvirt.migrates_opaque);
    await_asked(world);
    virDomainPtr started = virDomainCreateXML(world->own, other, 0);

    assert_non_null(started);
    expect(world, "started other;");
    sem_post(&libvirt.answer);
    expect(world, "migrates test;");
    assert_int_equal(virDomainDestroy(started), 0);
    virDomainFree(started);
    virDomainFree(domain);
}

/* What was asked by a connection that is gone is not the answer to what is asked now.
 */
static void
test_an_answer_of_an_old_connection(void **state)
{
    struct world *world = *state;
    virDomainPtr domain = virDomainLookupByName(world->own, "test");

    libvirt.migrates(world->own, domain, 1, libvirt.migrates_opaque);
    await_asked(world);
    close_connection(VIR_CONNECT_CLOSE_REASON_EOF);
    expect(world, "down the daemon closed the connection;runs test;up ;");
    libvirt.migrates(world->own, domain, 1, libvirt.migrates_opaque);
    sem_post(&libvirt.answer); /* the first */
    await_asked(world);
    sem_post(&libvirt.answer);
    expect(world, "migrates test;");
    virDomainPtr started = virDomainCreateXML(world->own, other, 0);

    expect(world, "started other;"); /* and nothing twice */
    assert_int_equal(virDomainDestroy(started), 0);
    virDomainFree(started);
    virDomainFree(domain);
}

/* --- calls --- */

static void
note_done(struct call *call)
{
    struct world *world = call->context;

    world->done++;
}

static struct call
call_of(struct world *world)
{
    return (struct call){
        .guest_key = world->key,
        .request = {.command = "guest-get-time"},
        .timeout_ns = 3 * S,
        .done = note_done,
        .context = world,
    };
}

static void
run_until_done(struct world *world, int done)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (world->done < done && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->done, done);
}

static void
test_calls_wait_for_their_lane(void **state)
{
    struct world *world = *state;
    struct call first = call_of(world), second = call_of(world);

    source_libvirt.call(world->source, &first);
    source_libvirt.call(world->source, &second);
    await_asked(world);
    assert_false(source_libvirt.is_waiting(world->source, &first));
    assert_true(source_libvirt.is_waiting(world->source, &second));
    struct source_figures figures = source_libvirt.figures(world->source);

    assert_true(figures.has_lanes && !figures.has_sockets);
    assert_int_equal(figures.lanes, 1);
    assert_int_equal(figures.lanes_in_use, 1);
    assert_int_equal(source_libvirt.capacity(world->source).lanes, 1);
    assert_int_equal(world->done, 0);
    sem_post(&libvirt.answer);
    run_until_done(world, 1);
    assert_string_equal(first.answer.reply, "{\"return\": 1}");
    assert_int_equal(first.answer.reply_length, strlen("{\"return\": 1}"));
    assert_int_equal(first.answer.failure.kind, FAILURE_NONE);
    assert_true(first.answer.received_mono_ns >= first.answer.sent_mono_ns);
    assert_null(second.answer.reply);
    sem_post(&libvirt.answer);
    run_until_done(world, 2);
    free(first.answer.reply);
    free(second.answer.reply);
}

/* The process ends without it. */
static void
test_the_end_does_not_wait_for_a_call_that_hangs(void **state)
{
    struct world *world = *state;
    struct call call = call_of(world);

    source_libvirt.call(world->source, &call);
    await_asked(world);
    assert_false(source_libvirt.stop(world->source, clock_monotonic_ns() + S));
    world->source = NULL;
    mailbox_drain(world->mailbox);
    assert_int_equal(world->done, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_domains_come_and_go),
        TEST(test_a_daemon_that_went_is_connected_to_anew),
        TEST(test_a_migration_that_hangs),
        TEST(test_an_answer_of_an_old_connection),
        TEST(test_calls_wait_for_their_lane),
        TEST(test_the_end_does_not_wait_for_a_call_that_hangs),
    };

    return cmocka_run_group_tests_name("libvirt source", tests, NULL, NULL);
}
