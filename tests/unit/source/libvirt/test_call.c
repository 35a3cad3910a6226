/* What a call's lane makes of libvirt's errors.  libvirt is the test's. */
#include "source/libvirt/lane.h"

#include "kit/memory.h"
#include "source/libvirt/job.h"
#include "unit/source/libvirt/one_domain.h"

#include <fcntl.h>
#include <libvirt/libvirt-qemu.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- libvirt --- */

static struct {
    const char *reply; /* of the next call */
    int control;       /* virDomainControlState; -1: it does not tell */
    unsigned int control_ms;
    int controls; /* asked so often */
    char asked[256];
} libvirt;

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

int
virDomainGetControlInfo(virDomainPtr domain, virDomainControlInfoPtr info,
                        unsigned int flags)
{
    (void)domain;
    assert_int_equal(flags, 0);
    libvirt.controls++;
    info->state = (unsigned int)libvirt.control;
    info->stateTime = libvirt.control_ms;
    return libvirt.control < 0 ? -1 : 0;
}

/* --- one call --- */

static struct libvirt_job *
job_of(struct libvirt_link *link, const char *arguments)
{
    static struct call call; /* the lane does not look at it */
    struct libvirt_job *job = libvirt_job_new(link, UUID, 1, NULL);

    job->call = &call;
    job->request.command = *arguments ? "guest-file-close" : "guest-get-vcpus";
    atomic_store(&job->job.timeout_ns, INT64_C(3000000000));
    snprintf(job->request.arguments, sizeof(job->request.arguments), "%s", arguments);
    return job;
}

static void
release(struct libvirt_link *link, void *lane)
{
    libvirt_call_driver.close(lane);
    assert_int_equal(server.opened, 0);
    assert_int_equal(server.handles, 0);
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

    server.is_dead = !alive;
    server.error = (virError){.code = code, .message = text};
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
#define LATCHED                                                                        \
    "Guest agent is not responding: QEMU guest agent is not available due to an error"

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

static bool
qemu_hangs(int code, int control, unsigned int control_ms)
{
    libvirt.control = control;
    libvirt.control_ms = control_ms;
    libvirt.controls = 0;
    return ask(code, "", true).qemu_hangs;
}

/* Asked after a timeout alone: 112 is that of libvirt 11.2 and later. */
static void
test_a_qemu_that_hangs(void **state)
{
    (void)state;
    assert_true(qemu_hangs(112, VIR_DOMAIN_CONTROL_OCCUPIED, 1000));
    assert_int_equal(libvirt.controls, 1);
    assert_false(qemu_hangs(112, VIR_DOMAIN_CONTROL_OCCUPIED, 999));
    assert_false(qemu_hangs(112, VIR_DOMAIN_CONTROL_OK, 1000));
    assert_false(qemu_hangs(112, VIR_DOMAIN_CONTROL_JOB, 1000)); /* of a long job */
    assert_false(qemu_hangs(112, -1, 1000));
    assert_false(
        qemu_hangs(VIR_ERR_OPERATION_TIMEOUT, VIR_DOMAIN_CONTROL_OCCUPIED, 1000));
    assert_int_equal(libvirt.controls, 0);
}

static void
test_handles_are_freed(void **state)
{
    (void)state;
    server.lookups = 0;
    ask(VIR_ERR_RPC, "Cannot recv data", true);
    assert_int_equal(server.lookups, 1);
    assert_int_equal(server.handles, 0);
}

static void
test_a_reply_and_what_was_asked_for_it(void **state)
{
    struct libvirt_link *link = libvirt_link_new(URI, NULL, NULL, NULL);

    void *lane = libvirt_call_driver.open(link);
    struct libvirt_job *job = job_of(link, "");

    (void)state;
    server.is_dead = false;
    libvirt.reply = "{\"return\": []}";
    server.lookups = 0;
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
        "{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":7}}");
    assert_int_equal(server.lookups, 1); /* the handle is kept */
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
    server.lookups = 0;
    for (int i = 1; i <= 3; i++) {
        struct libvirt_job *job = job_of(link, "");

        server.is_dead = true;
        libvirt_call_driver.run(lane, &job->job);
        assert_int_equal(job->answer.failure.kind, FAILURE_NONE);
        assert_int_equal(server.lookups, i);
        assert_int_equal(server.handles, 1);
        assert_int_equal(server.opened, 1);
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
    server.is_dead = false;
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
        cmocka_unit_test(test_a_qemu_that_hangs),
        cmocka_unit_test(test_handles_are_freed),
        cmocka_unit_test(test_a_reply_and_what_was_asked_for_it),
        cmocka_unit_test(test_a_dead_connection_is_opened_anew),
        cmocka_unit_test(test_a_command_of_no_collector_is_not_sent),
    };

    return cmocka_run_group_tests_name("a call's lane", tests, NULL, NULL);
}
