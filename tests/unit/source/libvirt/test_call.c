/* What a call's lane makes of libvirt's errors.  libvirt is the test's. */
#include "source/libvirt/call.h"

#include "kit/memory.h"
#include "source/libvirt/job.h"

#include <fcntl.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define URI "test:///default"
#define UUID "11111111-1111-1111-1111-111111111111"

/* --- libvirt --- */

static struct {
    bool alive;
    virError error;
    int opened; /* connections */
    int freed;  /* handles of domains */
    int lookups;
    const char *reply; /* of the next call */
    char asked[256];
} libvirt;

static int a_connection, a_domain;

virConnectPtr
virConnectOpen(const char *uri)
{
    assert_string_equal(uri, URI);
    libvirt.opened++;
    return (virConnectPtr)&a_connection;
}

int
virConnectIsAlive(virConnectPtr connection)
{
    assert_ptr_equal(connection, &a_connection);
    return libvirt.alive;
}

int
virConnectClose(virConnectPtr connection)
{
    assert_ptr_equal(connection, &a_connection);
    libvirt.opened--;
    return 0;
}

virDomainPtr
virDomainLookupByUUIDString(virConnectPtr connection, const char *uuid)
{
    assert_string_equal(uuid, UUID);
    assert_ptr_equal(connection, &a_connection);
    libvirt.lookups++;
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
    if (strstr(command, "guest-shutdown"))
        _exit(EXIT_FAILURE); /* it has been sent */
    snprintf(libvirt.asked, sizeof(libvirt.asked), "%s", command);
    assert_int_equal(timeout, 3);
    return libvirt.reply ? memory_string(libvirt.reply) : NULL;
}

void
virResetLastError(void)
{
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

static struct libvirt_job *
job_of(struct libvirt_link *link, const char *arguments)
{
    static struct call call; /* the lane does not look at it */
    struct libvirt_job *job = libvirt_job_new(link, UUID, 1, NULL);

    job->call = &call;
    job->request.command = "guest-get-vcpus";
    job->timeout_ns = INT64_C(3000000000);
    snprintf(job->request.arguments, sizeof(job->request.arguments), "%s", arguments);
    return job;
}

static void
release(struct libvirt_link *link, void *lane)
{
    libvirt_call_driver.close(lane);
    assert_int_equal(libvirt.opened, 0);
    assert_int_equal(atomic_load(&link->references), 1);
    libvirt_call_driver.release(link);
}

static struct answer
ask(int code, const char *message, bool alive)
{
    struct libvirt_link *link = libvirt_link_new(URI, NULL, NULL, NULL);
    struct libvirt_job *job = job_of(link, "");

    void *lane = libvirt_call_driver.open(link);
    char *text = memory_string(message);

    libvirt.alive = alive;
    libvirt.error = (virError){.code = code, .message = text};
    libvirt_call_driver.run(lane, &job->job);
    struct answer answer = job->answer;

    libvirt_call_driver.drop(&job->job);
    release(link, lane);
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

static void
test_a_reply_and_what_was_asked_for_it(void **state)
{
    struct libvirt_link *link = libvirt_link_new(URI, NULL, NULL, NULL);

    void *lane = libvirt_call_driver.open(link);
    struct libvirt_job *job = job_of(link, "");

    (void)state;
    libvirt.alive = true;
    libvirt.reply = "{\"return\": []}";
    libvirt.lookups = 0;
    libvirt_call_driver.run(lane, &job->job);
    assert_string_equal(libvirt.asked, "{\"execute\":\"guest-get-vcpus\"}");
    assert_string_equal(job->answer.reply, libvirt.reply);
    assert_int_equal(job->answer.reply_length, strlen(libvirt.reply));
    assert_int_equal(job->answer.failure.kind, FAILURE_NONE);
    assert_true(job->answer.received_mono_ns >= job->answer.sent_mono_ns);
    libvirt_call_driver.drop(&job->job);

    job = job_of(link, "{\"handle\":7}");
    libvirt_call_driver.run(lane, &job->job);
    assert_string_equal(
        libvirt.asked,
        "{\"execute\":\"guest-get-vcpus\",\"arguments\":{\"handle\":7}}");
    assert_int_equal(libvirt.lookups, 1); /* the handle is kept */
    libvirt_call_driver.drop(&job->job);
    libvirt.reply = NULL;
    release(link, lane);
}

/* With it go the handles that were had by it. */
static void
test_a_dead_connection_is_opened_anew(void **state)
{
    struct libvirt_link *link = libvirt_link_new(URI, NULL, NULL, NULL);

    void *lane = libvirt_call_driver.open(link);

    (void)state;
    libvirt.reply = "{\"return\": []}";
    libvirt.lookups = libvirt.freed = 0;
    for (int i = 1; i <= 3; i++) {
        struct libvirt_job *job = job_of(link, "");

        libvirt.alive = false;
        libvirt_call_driver.run(lane, &job->job);
        assert_int_equal(job->answer.failure.kind, FAILURE_NONE);
        assert_int_equal(libvirt.lookups, i);
        assert_int_equal(libvirt.freed, i - 1);
        assert_int_equal(libvirt.opened, 1);
        libvirt_call_driver.drop(&job->job);
    }
    libvirt.reply = NULL;
    release(link, lane);
}

/* What is not in the registry does not even reach libvirt. */
static void
test_a_command_of_no_collector_is_not_sent(void **state)
{
    struct libvirt_link *link = libvirt_link_new(URI, NULL, NULL, NULL);
    struct libvirt_job *job = job_of(link, "");

    void *lane = libvirt_call_driver.open(link);
    int status = 0;

    (void)state;
    job->request.command = "guest-shutdown";
    libvirt.alive = true;
    pid_t child = fork();

    if (child == 0) {
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        libvirt_call_driver.run(lane, &job->job);
        _exit(EXIT_SUCCESS);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* so it has not returned from sending it */
    assert_int_equal(WTERMSIG(status), SIGABRT);
    libvirt_call_driver.drop(&job->job);
    release(link, lane);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reply_that_breaks_the_channel),
        cmocka_unit_test(test_the_words_of_a_connection_that_is_dead),
        cmocka_unit_test(test_handles_are_freed),
        cmocka_unit_test(test_a_reply_and_what_was_asked_for_it),
        cmocka_unit_test(test_a_dead_connection_is_opened_anew),
        cmocka_unit_test(test_a_command_of_no_collector_is_not_sent),
    };

    return cmocka_run_group_tests_name("a call's lane", tests, NULL, NULL);
}
