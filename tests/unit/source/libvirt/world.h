/* The libvirt source with its real lanes and event thread, against libvirt's own test
 * driver.  What that driver cannot do (lose its daemon, migrate, hang) is the test's:
 * these functions stand before the library's.  For the file of a test's main() alone.
 */
#ifndef UNIT_SOURCE_LIBVIRT_WORLD_H
#define UNIT_SOURCE_LIBVIRT_WORLD_H

#include "source/balloon.h"
#include "source/guest_event.h"
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
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
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
    virConnectDomainEventGenericCallback reboots;
    void *reboots_opaque;
    sem_t asked, answer; /* a lane hangs in a call, and may go on */
    unsigned long version;
    atomic_bool held;       /* the monitor of domains that are stuck is */
    atomic_bool hangs;      /* so do requests for the definitions of these */
    atomic_bool look_hangs; /* ... and for their states */
    atomic_bool list_hangs; /* the list of all */
    atomic_bool is_deaf;    /* to domains that start and stop: no event tells of them */
    atomic_int definitions; /* of them that were asked for */
} libvirt;

/* Time passes when the test says so, besides. */
static atomic_int_least64_t passed_ns;

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    long failed = syscall(SYS_clock_gettime, clock, now);
    int64_t now_ns =
        (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + atomic_load(&passed_ns);

    now->tv_sec = now_ns / 1000000000;
    now->tv_nsec = now_ns % 1000000000;
    return (int)failed;
}

static inline void
pass_s(int64_t seconds)
{
    atomic_fetch_add(&passed_ns, seconds * S);
}

static inline void *
real_function(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static inline bool
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

static inline void
hang_if(bool hangs)
{
    if (!hangs)
        return;
    sem_post(&libvirt.asked);
    sem_wait(&libvirt.answer);
}

int
virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags)
{
    int (*real)(virDomainPtr, int *, int *, unsigned int) = NULL;
    void *found = real_function(__func__);

    memcpy(&real, &found, sizeof(real));
    hang_if(libvirt.look_hangs && is_stuck(domain));
    return real(domain, state, reason, flags);
}

int
virConnectListAllDomains(virConnectPtr connection, virDomainPtr **domains,
                         unsigned int flags)
{
    int (*real)(virConnectPtr, virDomainPtr **, unsigned int) = NULL;
    void *found = real_function(__func__);

    memcpy(&real, &found, sizeof(real));
    hang_if(libvirt.list_hangs);
    return real(connection, domains, flags);
}

static inline int
hear_nothing(virConnectPtr connection, virDomainPtr domain, int event, int detail,
             void *opaque)
{
    (void)connection;
    (void)domain;
    (void)event;
    (void)detail;
    (void)opaque;
    return 0;
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
    if (id == VIR_DOMAIN_EVENT_ID_REBOOT) {
        libvirt.reboots = callback;
        libvirt.reboots_opaque = opaque;
    }
    if (id == VIR_DOMAIN_EVENT_ID_LIFECYCLE && libvirt.is_deaf)
        callback = VIR_DOMAIN_EVENT_CALLBACK((void (*)(void))hear_nothing);
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

/* What its source is told; off unless a test sets it. */
static struct balloon_config balloon_config;

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

static inline void
note(struct world *world, const char *what, const char *name, const char *then)
{
    size_t length = strlen(world->heard);

    snprintf(world->heard + length, sizeof(world->heard) - length, "%s %s%s;", what,
             name, then);
}

static inline void
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

static inline void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)source;
    (void)key;
    note(context, "gone", "", "");
}

static inline void
source_up(void *context, struct source *source)
{
    (void)source;
    note(context, "up", "", "");
}

static inline void
source_down(void *context, struct source *source, const char *why)
{
    (void)source;
    note(context, "down", why, "");
}

static inline void
guest_event(void *context, struct source *source, const char *key,
            const struct guest_event *event)
{
    (void)source;
    (void)key;
    note(context, event->kind == GUEST_REBOOTED ? "rebooted" : "happened", "", "");
}

static inline void
balloon_told(void *context, struct source *source, const char *key,
             const struct balloon *balloon)
{
    (void)source;
    (void)key;
    note(context, balloon->updated_ns > 0 ? "said" : "silent", "", "");
}

static inline void
balloons_told(void *context, struct source *source)
{
    (void)source;
    note(context, "told", "", "");
}

static inline void
ticked(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until so much was heard. */
static inline void
expect(struct world *world, const char *heard)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (strlen(world->heard) < strlen(heard) && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_string_equal(world->heard, heard);
    world->heard[0] = '\0';
}

/* Likewise until it was heard so often, whatever else was. */
static inline void
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

static inline void
begin(struct world *world)
{
    static char uri[] = TEST_URI;
    static struct source_listener listener = {.guest_seen = guest_seen,
                                              .guest_gone = guest_gone,
                                              .source_up = source_up,
                                              .source_down = source_down,
                                              .guest_event = guest_event,
                                              .balloon_told = balloon_told,
                                              .balloons_told = balloons_told};
    const struct source_config config = {
        .kind = SOURCE_LIBVIRT,
        .libvirt = {.uri = uri, .lanes = 1, .balloon = balloon_config}};

    listener.context = world;
    world->source =
        source_libvirt.start(&config, &world->loop, world->mailbox, &listener);
}

/* Made anew it would let go on who still waits: a lane of a test that has left it
 * behind. */
static inline void
empty(sem_t *semaphore)
{
    while (sem_trywait(semaphore) == 0)
        continue;
}

/* All but the source. */
static inline int
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
    libvirt.look_hangs = libvirt.list_hangs = libvirt.is_deaf = false;
    libvirt.definitions = 0;
    return 0;
}

static inline int
set_up(void **state)
{
    (void)set_up_world(state);
    begin(*state);
    expect(*state, "runs test;up ;");
    return 0;
}

/* Until a lane hangs in a call. */
static inline void
await_asked(struct world *world)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (sem_trywait(&libvirt.asked) < 0) {
        assert_true(clock_monotonic_ns() < end_ns);
        uv_run(&world->loop, UV_RUN_ONCE);
    }
}

/* --- domains and calls --- */

static inline virDomainPtr
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

static inline void
destroy(virDomainPtr domain)
{
    assert_int_equal(virDomainDestroy(domain), 0);
    virDomainFree(domain);
}

static inline void
note_done(struct call *call)
{
    struct world *world = call->context;

    world->done++;
}

static inline struct call
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

#endif
