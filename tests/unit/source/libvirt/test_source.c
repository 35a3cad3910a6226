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
#include <stdatomic.h>
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
/* Domains whose QEMU does not answer begin so. */
#define STUCK "stuck-"
#define LIBVIRT_9 9000000UL
#define LIBVIRT_11 11003000UL

/* --- what libvirt's test driver cannot do --- */

static struct {
    virConnectDomainEventMigrationIterationCallback migrates;
    void *migrates_opaque;
    sem_t asked, answer; /* a lane hangs in a call, and may go on */
    unsigned long version;
    atomic_bool held;       /* the monitor of domains that are stuck is */
    atomic_bool hangs;      /* so do requests for the definitions of these */
    atomic_int definitions; /* of them that were asked for */
} libvirt;

static void *
real_function(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool
is_stuck(virDomainPtr domain)
{
    return strncmp(virDomainGetName(domain), STUCK, strlen(STUCK)) == 0;
}

int
virConnectGetLibVersion(virConnectPtr connection, unsigned long *version)
{
    (void)connection;
    *version = libvirt.version;
    return 0;
}

int
virDomainGetControlInfo(virDomainPtr domain, virDomainControlInfoPtr info,
                        unsigned int flags)
{
    (void)flags;
    info->state = libvirt.held && is_stuck(domain) ? VIR_DOMAIN_CONTROL_OCCUPIED
                                                   : VIR_DOMAIN_CONTROL_OK;
    return 0;
}

char *
virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    char *(*real)(virDomainPtr, unsigned int) = NULL;
    void *found = real_function(__func__);

    memcpy(&real, &found, sizeof(real));
    if (!is_stuck(domain))
        return real(domain, flags);
    libvirt.definitions++;
    if (libvirt.hangs) {
        sem_post(&libvirt.asked);
        sem_wait(&libvirt.answer);
    }
    return real(domain, flags);
}

int
virConnectDomainEventRegisterAny(virConnectPtr connection, virDomainPtr domain, int id,
                                 virConnectDomainEventGenericCallback callback,
                                 void *opaque, virFreeCallback free_opaque)
{
    int (*real)(virConnectPtr, virDomainPtr, int, virConnectDomainEventGenericCallback,
                void *, virFreeCallback) = NULL;

    void *found = real_function(__func__);

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
note(struct world *world, const char *what, const char *name, const char *then)
{
    size_t length = strlen(world->heard);

    snprintf(world->heard + length, sizeof(world->heard) - length, "%s %s%s;", what,
             name, then);
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    struct world *world = context;

    (void)source;
    snprintf(world->key, sizeof(world->key), "%s", facts->key);
    note(world,
         facts->domain == DOMAIN_MIGRATING ? "migrates"
         : facts->domain == DOMAIN_PAUSED  ? "paused"
         : facts->just_started             ? "started"
                                           : "runs",
         facts->name, facts->channel == CHANNEL_UNKNOWN ? "?" : "");
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)source;
    (void)key;
    note(context, "gone", "", "");
}

static void
source_up(void *context, struct source *source)
{
    (void)source;
    note(context, "up", "", "");
}

static void
source_down(void *context, struct source *source, const char *why)
{
    (void)source;
    note(context, "down", why, "");
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

/* Likewise until it was heard so often, whatever else was. */
static void
await(struct world *world, const char *what, int count)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    for (;;) {
        int found = 0;

        for (const char *at = world->heard; (at = strstr(at, what)); at++)
            found++;
        if (found == count)
            return;
        if (found > count || clock_monotonic_ns() >= end_ns)
            fail_msg("\"%s\" is %d times in \"%s\"", what, found, world->heard);
        uv_run(&world->loop, UV_RUN_ONCE);
    }
}

static void
begin(struct world *world)
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
}

/* Made anew it would let go on who still waits: a lane of a test that has left it
 * behind. */
static void
empty(sem_t *semaphore)
{
    while (sem_trywait(semaphore) == 0)
        continue;
}

/* All but the source. */
static int
set_up_world(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    empty(&libvirt.asked);
    empty(&libvirt.answer);
    uv_loop_init(&world->loop);
    uv_timer_init(&world->loop, &world->tick);
    uv_timer_start(&world->tick, ticked, 2, 2);
    world->mailbox = mailbox_new(&world->loop);
    *state = world;
    world->own = virConnectOpen(TEST_URI);
    assert_non_null(world->own);
    libvirt.version = LIBVIRT_9;
    libvirt.held = libvirt.hangs = false;
    libvirt.definitions = 0;
    return 0;
}

static int
set_up(void **state)
{
    (void)set_up_world(state);
    begin(*state);
    expect(*state, "runs test;up ;");
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    libvirt.hangs = false;
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

static virDomainPtr
create(struct world *world, const char *name)
{
    char xml[256];

    snprintf(xml, sizeof(xml),
             "<domain type='test'><name>%s</name><memory>1024</memory>"
             "<os><type>hvm</type></os></domain>",
             name);
    virDomainPtr domain = virDomainCreateXML(world->own, xml, 0);

    assert_non_null(domain);
    return domain;
}

static void
destroy(virDomainPtr domain)
{
    assert_int_equal(virDomainDestroy(domain), 0);
    virDomainFree(domain);
}

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
    virDomainPtr started = create(world, "other");

    await(world, "started other;", 1);
    await(world, "migrates test?;", 1); /* nothing better is known */
    sem_post(&libvirt.answer);
    await(world, "migrates test;", 1);
    destroy(started);
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
    world->heard[0] = '\0';
    close_connection(VIR_CONNECT_CLOSE_REASON_EOF);
    await(world, "down the daemon closed the connection;runs test;up ;", 1);
    libvirt.migrates(world->own, domain, 1, libvirt.migrates_opaque);
    await_asked(world);
    sem_post(&libvirt.answer); /* one of the two */
    sem_post(&libvirt.answer);
    await(world, "migrates test;", 1);
    virDomainPtr started = create(world, "other");

    await(world, "started other;", 1);
    await(world, "migrates test;", 1); /* and not twice */
    destroy(started);
    virDomainFree(domain);
}

/* --- domains whose QEMU does not answer libvirt --- */

#define STUCK_COUNT 10
#define LANES_MAX 8 /* of definitions */

/* Another guest starts, is suspended and stops, and each is told. */
static void
expect_others_are_followed(struct world *world)
{
    virDomainPtr domain = create(world, "other");

    await(world, "started other;", 1);
    assert_int_equal(virDomainSuspend(domain), 0);
    await(world, "paused other;", 1);
    destroy(domain);
    await(world, "gone ;gone ;", 1);
    world->heard[0] = '\0';
}

/* libvirt says that its monitor is held: the definition is not even asked for. */
static void
test_a_domain_that_is_held(void **state)
{
    struct world *world = *state;
    virDomainPtr stuck = create(world, STUCK "0");

    libvirt.version = LIBVIRT_11;
    libvirt.held = true;
    begin(world);
    await(world, "runs stuck-0?;up ;", 1);
    await(world, "runs test;", 1);
    expect_others_are_followed(world);
    assert_int_equal(libvirt.definitions, 0);
    libvirt.held = false;
    await(world, "runs stuck-0;", 1);
    assert_int_equal(libvirt.definitions, 1);
    destroy(stuck);
}

/* Its monitor was free when libvirt was asked that, and is not any more. */
static void
test_a_definition_that_hangs(void **state)
{
    struct world *world = *state;
    virDomainPtr stuck = create(world, STUCK "0");

    libvirt.hangs = true;
    begin(world);
    await(world, "runs stuck-0?;up ;", 1);
    expect_others_are_followed(world);
    assert_int_equal(virDomainSuspend(stuck), 0);
    await(world, "paused stuck-0?;", 1);
    close_connection(VIR_CONNECT_CLOSE_REASON_EOF); /* the daemon is restarted */
    await(world, "paused stuck-0?;up ;", 1);
    await(world, "runs test;", 1);
    expect_others_are_followed(world);
    assert_int_equal(libvirt.definitions, 2); /* one of each connection */
    libvirt.hangs = false;
    sem_post(&libvirt.answer);
    sem_post(&libvirt.answer);
    await(world, "paused stuck-0;", 1);
    destroy(stuck);
}

/* ... with more of them than there may be lanes: no definition comes any more, and what
 * is told without is followed. */
static void
test_many_definitions_that_hang(void **state)
{
    struct world *world = *state;
    virDomainPtr stuck[STUCK_COUNT];
    char name[16];

    for (int i = 0; i < STUCK_COUNT; i++) {
        snprintf(name, sizeof(name), STUCK "%d", i);
        stuck[i] = create(world, name);
    }
    libvirt.hangs = true;
    begin(world);
    await(world, "up ;", 1);
    await(world, "runs stuck-", STUCK_COUNT);
    for (int i = 0; i < LANES_MAX; i++)
        await_asked(world);
    virDomainPtr other = create(world, "other");

    await(world, "runs other?;", 1);
    destroy(other);
    await(world, "gone ;gone ;", 1);
    assert_int_equal(libvirt.definitions, LANES_MAX);
    libvirt.hangs = false;
    world->heard[0] = '\0';
    for (int i = 0; i < STUCK_COUNT; i++)
        sem_post(&libvirt.answer);
    await(world, "runs stuck-", STUCK_COUNT);
    expect_others_are_followed(world);
    for (int i = 0; i < STUCK_COUNT; i++)
        destroy(stuck[i]);
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

/* The process ends without them. */
static void
test_the_end_does_not_wait_for_a_definition_that_hangs(void **state)
{
    struct world *world = *state;
    virDomainPtr stuck = create(world, STUCK "0");

    libvirt.hangs = true;
    begin(world);
    await_asked(world);
    destroy(stuck);
    assert_false(source_libvirt.stop(world->source, clock_monotonic_ns() + S));
    world->source = NULL;
    mailbox_drain(world->mailbox);
}

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
#define TEST_WORLD(name) cmocka_unit_test_setup_teardown(name, set_up_world, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_domains_come_and_go),
        TEST(test_a_daemon_that_went_is_connected_to_anew),
        TEST(test_a_migration_that_hangs),
        TEST(test_an_answer_of_an_old_connection),
        TEST_WORLD(test_a_domain_that_is_held),
        TEST_WORLD(test_a_definition_that_hangs),
        TEST_WORLD(test_many_definitions_that_hang),
        TEST(test_calls_wait_for_their_lane),
        TEST(test_the_end_does_not_wait_for_a_call_that_hangs),
        TEST_WORLD(test_the_end_does_not_wait_for_a_definition_that_hangs),
    };

    sem_init(&libvirt.asked, 0, 0);
    sem_init(&libvirt.answer, 0, 0);
    return cmocka_run_group_tests_name("libvirt source", tests, NULL, NULL);
}
