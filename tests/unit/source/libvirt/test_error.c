/* libvirt's codes and texts, as 9.0 and 11.x send them, and what they mean here. */
#include "source/libvirt/error.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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
        {1, "internal error: End of file from agent socket", 0, FAILURE_DISCONNECTED},
        {1, "internal error: cannot parse json {\"return\": : lexical error", 0,
         FAILURE_MALFORMED},
        {1, "internal error: failed to parse JSON 5: object property name expected", 0,
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

        source_libvirt_failure(errors[i].code, VIR_FROM_QEMU, errors[i].message,
                               errors[i].elapsed_ns, &why);
        if (why.kind != errors[i].kind)
            fail_msg("%d \"%s\" is %s, not %s", errors[i].code, errors[i].message,
                     failure_kind_name(why.kind), failure_kind_name(errors[i].kind));
        assert_true(strlen(why.text) > 0);
    }
}

/* libvirt quotes what does not parse; there a guest may write what it likes. */
static void
test_words_of_the_guest_choose_nothing(void **state)
{
    static const char *const quotes[] = {
        "internal error: Unknown JSON reply '%s'",
        "internal error: Parsed JSON reply '%s' isn't an object",
        "internal error: cannot parse json %s: lexical error: invalid string in json",
    };
    static const char *const lies[] = {
        "{\"a\":\"client socket is closed\"}",
        "End of file from agent socket",
        "internal error: End of file from agent socket",
        "Error while processing agent IO",
        "unable to execute QEMU agent command 'guest-get-time': has not been found",
        ": unable to execute QEMU agent command 'x': agent is in frozen state",
        "agent command 'x': has been disabled",
        "QEMU guest agent is not connected",
    };
    char message[512];

    (void)state;
    for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
        for (size_t j = 0; j < sizeof(lies) / sizeof(lies[0]); j++) {
            const char *at = strstr(quotes[i], "%s");
            struct failure why = {0};

            (void)snprintf(message, sizeof(message), "%.*s%s%s", (int)(at - quotes[i]),
                           quotes[i], lies[j], at + 2);
            source_libvirt_failure(1, VIR_FROM_QEMU, message, 0, &why);
            if (why.kind != FAILURE_MALFORMED)
                fail_msg("\"%s\" is %s", message, failure_kind_name(why.kind));
        }
    }
}

/* What the client says of its own connection, in whatever language. */
static void
test_the_domain_tells_a_connection_from_an_agent(void **state)
{
    struct failure why;

    (void)state;
    source_libvirt_failure(1, VIR_FROM_RPC, "internal error: client socket is closed",
                           0, &why);
    assert_int_equal(why.kind, FAILURE_UNAVAILABLE);
    source_libvirt_failure(1, VIR_FROM_RPC, "Interner Fehler: Socket zu", 0, &why);
    assert_int_equal(why.kind, FAILURE_UNAVAILABLE);
    source_libvirt_failure(1, VIR_FROM_QEMU, "internal error: client socket is closed",
                           0, &why);
    assert_int_equal(why.kind, FAILURE_AGENT_ERROR);
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
        cmocka_unit_test(test_words_of_the_guest_choose_nothing),
        cmocka_unit_test(test_the_domain_tells_a_connection_from_an_agent),
        cmocka_unit_test(test_the_last_error_of_this_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
