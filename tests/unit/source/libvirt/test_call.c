/* What a call's lane makes of libvirt's errors.  libvirt is the test's. */
#include "source/libvirt/call.h"

#include "kit/memory.h"
#include "source/libvirt/connection.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- libvirt --- */

static struct {
    bool alive;
    virError error;
    int freed; /* handles of domains */
} libvirt;

static int a_connection, a_domain;

bool
libvirt_connection_open(struct libvirt_connection *connection, const char *uri,
                        const void *owner, bool for_calls, struct failure *why)
{
    (void)uri;
    (void)owner;
    (void)why;
    assert_true(for_calls);
    connection->handle = &a_connection;
    return true;
}

bool
libvirt_connection_is_alive(const struct libvirt_connection *connection)
{
    return connection->handle && libvirt.alive;
}

void
libvirt_connection_close(struct libvirt_connection *connection)
{
    connection->handle = NULL;
}

void
libvirt_link_unref(struct libvirt_link *link)
{
    (void)link;
}

struct libvirt_link *
libvirt_link_ref(struct libvirt_link *link)
{
    return link;
}

virDomainPtr
virDomainLookupByUUIDString(virConnectPtr connection, const char *uuid)
{
    (void)uuid;
    assert_ptr_equal(connection, &a_connection);
    return (virDomainPtr)&a_domain;
}

int
virDomainFree(virDomainPtr domain)
{
    assert_ptr_equal(domain, &a_domain);
    libvirt.freed++;
    return 0;
}

char *
virDomainQemuAgentCommand(virDomainPtr domain, const char *command, int timeout,
                          unsigned int flags)
{
    (void)domain;
    (void)flags;
    assert_string_equal(command, "{\"execute\":\"guest-get-vcpus\"}");
    assert_int_equal(timeout, 3);
    return NULL;
}

virErrorPtr
virGetLastError(void)
{
    return &libvirt.error;
}

int
virGetLastErrorCode(void)
{
    return libvirt.error.code;
}

/* --- one call --- */

static struct answer
ask(int code, const char *message, bool alive)
{
    static char uri[] = "test:///default",
                key[] = "11111111-1111-1111-1111-111111111111";
    struct libvirt_link link = {.uri = uri};
    struct call origin = {.guest_key = key,
                          .request = {.command = "guest-get-vcpus"},
                          .timeout_ns = INT64_C(3000000000)};
    struct call_job *job = call_job_new(&link, &origin);
    void *lane = libvirt_call_driver.open(&link);

    libvirt.alive = alive;
    char *text = memory_string(message);

    libvirt.error = (virError){.code = code, .message = text};
    libvirt_call_driver.run(lane, &job->job);
    struct answer answer = job->answer;

    libvirt_call_driver.drop(&job->job);
    libvirt_call_driver.close(lane);
    free(text);
    return answer;
}

static void
expect(struct answer answer, enum failure_kind kind, int channel)
{
    assert_string_equal(failure_kind_name(answer.failure.kind),
                        failure_kind_name(kind));
    assert_int_equal(answer.channel, channel);
}

#define UNPARSED "internal error: cannot parse json garbage: lexical error"
#define LATCHED "Guest agent is not responding: not available due to an error"

static void
test_a_reply_that_breaks_the_channel(void **state)
{
    (void)state;
    expect(ask(VIR_ERR_INTERNAL_ERROR, UNPARSED, true), FAILURE_MALFORMED,
           CALL_BROKE_CHANNEL);
    expect(ask(VIR_ERR_AGENT_UNRESPONSIVE, LATCHED, true), FAILURE_MALFORMED,
           CALL_FOUND_CHANNEL_BROKEN);
}

/* What a daemon says as it dies is no word against a command: nothing is quarantined.
 */
static void
test_the_words_of_a_connection_that_is_dead(void **state)
{
    (void)state;
    expect(ask(VIR_ERR_INTERNAL_ERROR, UNPARSED, false), FAILURE_UNAVAILABLE,
           CALL_CHANNEL_WHOLE);
    expect(ask(VIR_ERR_AGENT_UNRESPONSIVE, LATCHED, false), FAILURE_UNAVAILABLE,
           CALL_CHANNEL_WHOLE);
    expect(ask(VIR_ERR_RPC, "Cannot recv data", false), FAILURE_UNAVAILABLE,
           CALL_CHANNEL_WHOLE);
}

static void
test_handles_are_freed(void **state)
{
    (void)state;
    libvirt.freed = 0;
    ask(VIR_ERR_RPC, "Cannot recv data", true);
    assert_int_equal(libvirt.freed, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reply_that_breaks_the_channel),
        cmocka_unit_test(test_the_words_of_a_connection_that_is_dead),
        cmocka_unit_test(test_handles_are_freed),
    };

    return cmocka_run_group_tests_name("a call's lane", tests, NULL, NULL);
}
