/* libvirt's codes and texts, as 9.0 and 11.x send them, and what they mean here. */
#include "source/libvirt/error.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static void
test_codes(void **state)
{
    static const struct {
        int code;
        const char *message;
        int64_t elapsed_ns;
        enum failure_kind kind;
    } errors[] = {
        {29, "operation forbidden: read only access prevents virDomainQemuAgentCommand",
         0, FAILURE_DENIED},
        {88, "access denied", 0, FAILURE_DENIED},
        {45, "authentication failed: access denied by policy", 0, FAILURE_DENIED},
        {42, "Domain not found: no domain with matching uuid", 0, FAILURE_NOT_RUNNING},
        {55, "Requested operation is not valid: domain is not running", 0,
         FAILURE_NOT_RUNNING},
        {74, "argument unsupported: QEMU guest agent is not configured", 0,
         FAILURE_ABSENT},
        {86, "Guest agent is not responding: QEMU guest agent is not connected", MS,
         FAILURE_DISCONNECTED},
        {86,
         "Guest agent is not responding: Guest agent disappeared while executing "
         "command",
         2000 * MS, FAILURE_DISCONNECTED},
        {86,
         "Guest agent is not responding: QEMU guest agent is not available due to an "
         "error",
         MS, FAILURE_MALFORMED},
        {86, "Guest agent is not responding: Guest agent not available for now",
         3000 * MS, FAILURE_TIMEOUT},
        /* In whatever language the daemon speaks. */
        {86, "Gastagent antwortet nicht", 3000 * MS, FAILURE_TIMEOUT},
        {86, "Gastagent antwortet nicht", 2 * MS, FAILURE_DISCONNECTED},
        {112, "guest agent didn't respond to command within '3' seconds", 3000 * MS,
         FAILURE_TIMEOUT},
        {112, "Guest agent disappeared while executing command", 10 * MS,
         FAILURE_DISCONNECTED},
        {68,
         "Timed out during operation: cannot acquire state change lock (held by "
         "agent=remoteDispatchDomainFSFreeze)",
         30000 * MS, FAILURE_BUSY},
        {9,
         "operation failed: cannot acquire state change lock due to max_queued limit",
         0, FAILURE_BUSY},
        {38,
         "No complete agent response found in 10485760 bytes: Cannot allocate memory",
         0, FAILURE_TOO_LARGE},
        {39, "Unable to encode message payload", 0, FAILURE_TOO_LARGE},
        {39, "Cannot write data: Broken pipe", 0, FAILURE_UNAVAILABLE},
        {38, "Cannot recv data: Connection reset by peer", 0, FAILURE_UNAVAILABLE},
        {1, "internal error: client socket is closed", 0, FAILURE_UNAVAILABLE},
        {1, "internal error: End of file from agent socket", 0, FAILURE_DISCONNECTED},
        {1, "internal error: cannot parse json {\"return\": : lexical error", 0,
         FAILURE_MALFORMED},
        {1,
         "internal error: unable to execute QEMU agent command 'guest-get-load': The "
         "command guest-get-load has not been found",
         0, FAILURE_UNSUPPORTED},
        {113,
         "unable to execute QEMU agent command 'guest-get-vcpus': Command "
         "guest-get-vcpus has been disabled",
         0, FAILURE_DISABLED},
        {1,
         "internal error: unable to execute QEMU agent command 'guest-get-fsinfo': "
         "Command guest-get-fsinfo has been disabled: the agent is in frozen state",
         0, FAILURE_FROZEN},
        {1,
         "internal error: unable to execute QEMU agent command 'guest-get-fsinfo': "
         "failed to open /sys/dev: Input/output error",
         0, FAILURE_AGENT_ERROR},
        {1, "internal error: something new", 0, FAILURE_AGENT_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct failure why = {0};

        source_libvirt_failure(errors[i].code, errors[i].message, errors[i].elapsed_ns,
                               &why);
        if (why.kind != errors[i].kind)
            fail_msg("%d \"%s\" is %s, not %s", errors[i].code, errors[i].message,
                     failure_kind_name(why.kind), failure_kind_name(errors[i].kind));
        assert_true(strlen(why.text) > 0);
    }
}

static void
test_the_last_error_of_this_thread(void **state)
{
    struct failure why;

    (void)state;
    assert_null(virConnectOpen("test:///nonexistent/file.xml"));
    source_libvirt_last_failure(0, &why);
    assert_memory_equal(why.text, "libvirt: ", 9);
    assert_non_null(strstr(why.text, "nonexistent/file.xml"));
    virResetLastError();
    source_libvirt_last_failure(0, &why);
    assert_int_equal(why.kind, FAILURE_AGENT_ERROR);
    assert_string_equal(why.text, "libvirt: no reason given (error 0)");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_the_last_error_of_this_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
