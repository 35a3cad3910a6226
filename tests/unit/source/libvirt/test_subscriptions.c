/* What libvirt's test driver tells of its domains, and what a connection says of its
 * end. */
#include "source/libvirt/subscriptions.h"

#include "source/libvirt/connection.h"
#include "source/libvirt/events.h"
#include "unit/source/libvirt/close_callback.h"

#include <dlfcn.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "unit/cmocka_any.h"

#define NUMBER 7

#define EVENT_IDS_MAX 64

/* Subscribed to; and one that the daemon does not have. */
static virConnectDomainEventGenericCallback callbacks[EVENT_IDS_MAX];
static void *opaques[EVENT_IDS_MAX];
static int unknown_event = -1;

int
virConnectDomainEventRegisterAny(virConnectPtr connection, virDomainPtr domain, int id,
                                 virConnectDomainEventGenericCallback callback,
                                 void *opaque, virFreeCallback free_opaque)
{
    int (*real)(virConnectPtr, virDomainPtr, int, virConnectDomainEventGenericCallback,
                void *, virFreeCallback) = NULL;
    void *found = dlsym(RTLD_NEXT, __func__);

    memcpy(&real, &found, sizeof(real));
    assert_in_range(id, 0, EVENT_IDS_MAX - 1);
    if (id == unknown_event)
        return -1;
    callbacks[id] = callback;
    opaques[id] = opaque;
    return real(connection, domain, id, callback, opaque, free_opaque);
}

/* QEMU's own event, which the test driver has not. */
static struct {
    virConnectDomainQemuMonitorEventCallback callback;
    void *opaque;
    virFreeCallback free_opaque;
    bool is_denied;
} qemu;

int
virConnectDomainQemuMonitorEventRegister(
    virConnectPtr connection, virDomainPtr domain, const char *event,
    virConnectDomainQemuMonitorEventCallback callback, void *opaque,
    virFreeCallback free_opaque, unsigned int flags)
{
    assert_non_null(connection);
    assert_null(domain);
    assert_string_equal(event, "MIGRATION");
    assert_int_equal(flags, 0);
    assert_null(qemu.callback);
    if (qemu.is_denied)
        return -1;
    qemu.callback = callback;
    qemu.opaque = opaque;
    qemu.free_opaque = free_opaque;
    return 0;
}

int
virConnectDomainQemuMonitorEventDeregister(virConnectPtr connection, int number)
{
    assert_non_null(connection);
    assert_int_equal(number, 0);
    assert_non_null(qemu.callback);
    qemu.callback = NULL;
    qemu.free_opaque(qemu.opaque);
    return 0;
}

/* Of another type, which libvirt casts as well. */
#define CALL(id, type, ...)                                                            \
    do {                                                                               \
        type callback = NULL;                                                          \
                                                                                       \
        memcpy(&callback, &callbacks[id], sizeof(callback));                           \
        callback(source->connection, domain, __VA_ARGS__);                             \
    } while (0)

struct source {
    uv_loop_t loop;
    struct mailbox *mailbox;
    struct libvirt_link *link;
    struct subscriptions subscriptions;
    virConnectPtr connection;
    char heard[512];
};

static void
take_event(struct source *source, const struct libvirt_event *event)
{
    static const char *const names[] = {
        [LIBVIRT_DOMAIN_STARTED] = "started",   [LIBVIRT_DOMAIN_STOPPED] = "stopped",
        [LIBVIRT_AGENT_CONNECTED] = "agent",    [LIBVIRT_AGENT_DISCONNECTED] = "left",
        [LIBVIRT_DOMAIN_CHANGED] = "changed",   [LIBVIRT_DOMAIN_MIGRATES] = "migrates",
        [LIBVIRT_CONNECTION_CLOSED] = "closed",
    };
    static const char *const happened[] = {
        [GUEST_PANICKED] = "panicked",         [GUEST_WATCHDOG] = "watchdog",
        [GUEST_IO_ERROR] = "io error",         [GUEST_REBOOTED] = "rebooted",
        [GUEST_MEMORY_FAILURE] = "bad memory",
    };
    bool counts = event->kind == LIBVIRT_DOMAIN_HAPPENED;
    size_t length = strlen(source->heard);

    assert_int_equal(event->connection, NUMBER);
    snprintf(source->heard + length, sizeof(source->heard) - length, "%s%s %s;",
             counts ? happened[event->happened.kind] : names[event->kind],
             event->happened.disk,
             event->kind == LIBVIRT_CONNECTION_CLOSED ? event->reason : event->uuid);
}

static int
set_up(void **state)
{
    struct source *source = calloc(1, sizeof(*source));

    uv_loop_init(&source->loop);
    source->mailbox = mailbox_new(&source->loop);
    source->link = libvirt_link_new("", source->mailbox, source, take_event);
    libvirt_events_start(&libvirt_connections_guard);
    source->connection = virConnectOpen("test:///default");
    assert_non_null(source->connection);
    assert_int_equal(subscriptions_open(&source->subscriptions, source->connection,
                                        source->link, NUMBER),
                     0);
    *state = source;
    return 0;
}

/* Whatever libvirt still held of ours would hold the link. */
static int
tear_down(void **state)
{
    struct source *source = *state;

    subscriptions_close(&source->subscriptions, source->connection);
    virConnectClose(source->connection);
    libvirt_events_stop();
    mailbox_drain(source->mailbox);
    assert_int_equal(atomic_load(&source->link->references), 1);
    libvirt_link_unref(source->link);
    mailbox_close(source->mailbox);
    uv_run(&source->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&source->loop), 0);
    free(source);
    return 0;
}

static void
expect(struct source *source, const char *heard)
{
    while (strlen(source->heard) < strlen(heard))
        uv_run(&source->loop, UV_RUN_ONCE);
    assert_string_equal(source->heard, heard);
    source->heard[0] = '\0';
}

static void
expect_of(struct source *source, virDomainPtr domain, const char *what)
{
    char uuid[VIR_UUID_STRING_BUFLEN], heard[128];

    assert_int_equal(virDomainGetUUIDString(domain, uuid), 0);
    snprintf(heard, sizeof(heard), "%s %s;", what, uuid);
    expect(source, heard);
}

static void
test_domains_that_start_change_and_stop(void **state)
{
    struct source *source = *state;
    virDomainPtr domain = virDomainLookupByName(source->connection, "test");

    assert_int_equal(virDomainSuspend(domain), 0);
    expect_of(source, domain, "changed");
    assert_int_equal(virDomainResume(domain), 0);
    expect_of(source, domain, "changed");
    assert_int_equal(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, "Web",
                                          NULL, NULL, VIR_DOMAIN_AFFECT_LIVE),
                     0);
    expect_of(source, domain, "changed");
    assert_int_equal(virDomainDestroy(domain), 0);
    expect_of(source, domain, "stopped");
    assert_int_equal(virDomainCreate(domain), 0);
    expect_of(source, domain, "started");
    virDomainFree(domain);
}

/* The test driver has none of these: they are told by hand. */
static void
test_what_happens_to_domains(void **state)
{
    struct source *source = *state;
    virDomainPtr domain = virDomainLookupByName(source->connection, "test");

    CALL(VIR_DOMAIN_EVENT_ID_REBOOT, virConnectDomainEventGenericCallback,
         opaques[VIR_DOMAIN_EVENT_ID_REBOOT]);
    expect_of(source, domain, "rebooted");
    CALL(VIR_DOMAIN_EVENT_ID_WATCHDOG, virConnectDomainEventWatchdogCallback,
         VIR_DOMAIN_EVENT_WATCHDOG_PAUSE, opaques[VIR_DOMAIN_EVENT_ID_WATCHDOG]);
    expect_of(source, domain, "watchdog");
    CALL(VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON,
         virConnectDomainEventIOErrorReasonCallback, "/a", "virtio-disk0",
         VIR_DOMAIN_EVENT_IO_ERROR_PAUSE, "enospc",
         opaques[VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON]);
    expect_of(source, domain, "io errorvirtio-disk0");
    CALL(VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON,
         virConnectDomainEventIOErrorReasonCallback, NULL, NULL,
         VIR_DOMAIN_EVENT_IO_ERROR_REPORT, NULL,
         opaques[VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON]);
    expect_of(source, domain, "io error");
    CALL(VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE, virConnectDomainEventMemoryFailureCallback,
         VIR_DOMAIN_EVENT_MEMORY_FAILURE_RECIPIENT_GUEST,
         VIR_DOMAIN_EVENT_MEMORY_FAILURE_ACTION_INJECT, 0,
         opaques[VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE]);
    expect_of(source, domain, "bad memory");
    virDomainFree(domain);
}

static void
libvirt_tells_of_a_migration(struct source *source, virDomainPtr domain)
{
    CALL(VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
         virConnectDomainEventMigrationIterationCallback, 2,
         opaques[VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION]);
    expect_of(source, domain, "migrates");
}

static void
test_migrations(void **state)
{
    struct source *source = *state;
    virDomainPtr domain = virDomainLookupByName(source->connection, "test");

    libvirt_tells_of_a_migration(source, domain);
    qemu.callback(source->connection, domain, "MIGRATION", 1, 2,
                  "{\"status\":\"setup\"}", qemu.opaque);
    expect_of(source, domain, "migrates");
    virDomainFree(domain);
}

/* Who may not hear QEMU's own events has the others. */
static void
test_events_of_qemu_that_are_denied(void **state)
{
    struct source *source = *state;
    virDomainPtr domain = virDomainLookupByName(source->connection, "test");

    subscriptions_close(&source->subscriptions, source->connection);
    qemu.is_denied = true;
    assert_int_equal(subscriptions_open(&source->subscriptions, source->connection,
                                        source->link, NUMBER),
                     0);
    qemu.is_denied = false;
    libvirt_tells_of_a_migration(source, domain);
    virDomainFree(domain);
}

/* It counts, and it is looked at. */
static void
test_a_panic(void **state)
{
    struct source *source = *state;
    virDomainPtr domain = virDomainLookupByName(source->connection, "test");
    char uuid[VIR_UUID_STRING_BUFLEN], heard[128];

    assert_int_equal(virDomainGetUUIDString(domain, uuid), 0);
    CALL(VIR_DOMAIN_EVENT_ID_LIFECYCLE, virConnectDomainEventCallback,
         VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED,
         opaques[VIR_DOMAIN_EVENT_ID_LIFECYCLE]);
    snprintf(heard, sizeof(heard), "panicked %s;changed %s;", uuid, uuid);
    expect(source, heard);
    virDomainFree(domain);
}

/* A daemon before 6.9 tells the others all the same; one that lacks those is none. */
static void
test_a_daemon_that_does_not_know_memory_failures(void **state)
{
    struct source *source = *state;

    subscriptions_close(&source->subscriptions, source->connection);
    unknown_event = VIR_DOMAIN_EVENT_ID_WATCHDOG;
    assert_int_equal(subscriptions_open(&source->subscriptions, source->connection,
                                        source->link, NUMBER),
                     -1);
    subscriptions_close(&source->subscriptions, source->connection);
    unknown_event = VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE;
    assert_int_equal(subscriptions_open(&source->subscriptions, source->connection,
                                        source->link, NUMBER),
                     0);
    unknown_event = -1;
}

/* That one was defined or undefined says nothing of what runs. */
static void
test_definitions_are_no_news(void **state)
{
    static const char other[] = "<domain type='test'><name>other</name>"
                                "<memory>1024</memory><os><type>hvm</type></os>"
                                "</domain>";
    struct source *source = *state;
    virDomainPtr domain = virDomainDefineXML(source->connection, other);

    assert_non_null(domain);
    assert_int_equal(virDomainCreate(domain), 0);
    expect_of(source, domain, "started");
    assert_int_equal(virDomainDestroy(domain), 0);
    expect_of(source, domain, "stopped");
    assert_int_equal(virDomainUndefine(domain), 0);
    virDomainFree(domain);
    domain = virDomainLookupByName(source->connection, "test");
    assert_int_equal(virDomainSuspend(domain), 0);
    expect_of(source, domain, "changed"); /* and nothing before it */
    assert_int_equal(virDomainResume(domain), 0);
    expect_of(source, domain, "changed");
    virDomainFree(domain);
}

static void
test_why_a_connection_is_closed(void **state)
{
    static const struct {
        int reason;
        const char *heard;
    } reasons[] = {
        {VIR_CONNECT_CLOSE_REASON_EOF, "closed the daemon closed the connection;"},
        {VIR_CONNECT_CLOSE_REASON_KEEPALIVE,
         "closed the daemon does not answer keep-alive messages;"},
        {VIR_CONNECT_CLOSE_REASON_CLIENT, "closed closed by the exporter;"},
        {VIR_CONNECT_CLOSE_REASON_ERROR, "closed an error on the connection;"},
    };
    struct source *source = *state;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        close_connection(reasons[i].reason);
        expect(source, reasons[i].heard);
    }
}

static void
test_a_source_that_is_gone_hears_nothing(void **state)
{
    struct source *source = *state;

    close_connection(VIR_CONNECT_CLOSE_REASON_EOF);
    source->link->source = NULL;
    mailbox_drain(source->mailbox);
    assert_string_equal(source->heard, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_domains_that_start_change_and_stop),
        TEST(test_what_happens_to_domains),
        TEST(test_migrations),
        TEST(test_events_of_qemu_that_are_denied),
        TEST(test_a_panic),
        TEST(test_a_daemon_that_does_not_know_memory_failures),
        TEST(test_definitions_are_no_news),
        TEST(test_why_a_connection_is_closed),
        TEST(test_a_source_that_is_gone_hears_nothing),
    };

    return cmocka_run_group_tests_name("subscriptions", tests, NULL, NULL);
}
