/* virDomainQemuAgentCommand's errors, by code and, where a code says several things, by
 * text.  Sources: libvirt 9.0 and 11.3, src/qemu/qemu_agent.c and qemu_domain.c. */
#include "source/libvirt/error.h"

#include "agent/reply.h"

#include <libvirt/virterror.h>
#include <stddef.h>
#include <string.h>

/* Not in libvirt 9.0's header; a newer daemon sends them to an older client. */
#define ERR_AGENT_COMMAND_TIMEOUT 112 /* since 11.2 */
#define ERR_AGENT_COMMAND_FAILED 113  /* since 11.2 */

/* Nobody connected: libvirt knows at once.  A timeout takes a second at least. */
#define AT_ONCE_NS (INT64_C(500) * 1000 * 1000)

struct meaning {
    int code;
    const char *text; /* NULL: whatever it says */
    enum failure_kind kind;
};

/* The first that fits. */
static const struct meaning meanings[] = {
    {VIR_ERR_OPERATION_DENIED, NULL, FAILURE_DENIED}, /* read-only connection */
    {VIR_ERR_ACCESS_DENIED, NULL, FAILURE_DENIED},    /* polkit */
    {VIR_ERR_AUTH_FAILED, NULL, FAILURE_DENIED},
    {VIR_ERR_AUTH_CANCELLED, NULL, FAILURE_DENIED},
    {VIR_ERR_AUTH_UNAVAILABLE, NULL, FAILURE_DENIED},
    {VIR_ERR_NO_DOMAIN, NULL, FAILURE_NOT_RUNNING},
    {VIR_ERR_OPERATION_INVALID, NULL, FAILURE_NOT_RUNNING},
    {VIR_ERR_ARGUMENT_UNSUPPORTED, NULL, FAILURE_ABSENT},
    {VIR_ERR_OPERATION_TIMEOUT, NULL, FAILURE_BUSY}, /* agent job held for 30 s */
    {VIR_ERR_OPERATION_FAILED, "max_queued", FAILURE_BUSY},
    {VIR_ERR_AGENT_UNRESPONSIVE, "is not connected", FAILURE_DISCONNECTED},
    {VIR_ERR_AGENT_UNRESPONSIVE, "disappeared", FAILURE_DISCONNECTED},
    /* A reply that did not parse is latched for everyone until the channel is reopened.
     */
    {VIR_ERR_AGENT_UNRESPONSIVE, "due to an error", FAILURE_MALFORMED},
    {ERR_AGENT_COMMAND_TIMEOUT, "disappeared", FAILURE_DISCONNECTED},
    {ERR_AGENT_COMMAND_TIMEOUT, NULL, FAILURE_TIMEOUT},
    {VIR_ERR_SYSTEM_ERROR, "No complete agent response", FAILURE_TOO_LARGE},
    {VIR_ERR_SYSTEM_ERROR, NULL, FAILURE_UNAVAILABLE},
    {VIR_ERR_RPC, "encode message payload", FAILURE_TOO_LARGE},
    {VIR_ERR_RPC, NULL, FAILURE_UNAVAILABLE},
    {VIR_ERR_NO_CONNECT, NULL, FAILURE_UNAVAILABLE},
    {VIR_ERR_INTERNAL_ERROR, "client socket is closed", FAILURE_UNAVAILABLE},
    {VIR_ERR_INTERNAL_ERROR, "nd of file from agent", FAILURE_DISCONNECTED},
    {VIR_ERR_INTERNAL_ERROR, "agent IO", FAILURE_DISCONNECTED},
    {VIR_ERR_INTERNAL_ERROR, "json", FAILURE_MALFORMED},
    {VIR_ERR_INTERNAL_ERROR, "JSON", FAILURE_MALFORMED},
    {VIR_ERR_INTERNAL_ERROR, "reply was missing", FAILURE_MALFORMED},
};

/* "internal error: unable to execute QEMU agent command 'guest-x': what the agent said"
 */
static const char *
agent_description(const char *message)
{
    const char *quoted = strstr(message, "agent command '");
    const char *description = quoted ? strstr(quoted, "': ") : NULL;

    return description ? description + 3 : NULL;
}

void
source_libvirt_failure(int code, const char *message, int64_t elapsed_ns,
                       struct failure *why)
{
    const char *description = agent_description(message);

    if (description &&
        (code == VIR_ERR_INTERNAL_ERROR || code == ERR_AGENT_COMMAND_FAILED)) {
        reply_error("", description, why);
        return;
    }
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        const struct meaning *meaning = &meanings[i];

        if (meaning->code == code &&
            (!meaning->text || strstr(message, meaning->text))) {
            failure_set(why, meaning->kind, "libvirt: %s", message);
            return;
        }
    }
    enum failure_kind kind = FAILURE_AGENT_ERROR;

    if (code == VIR_ERR_AGENT_UNRESPONSIVE)
        kind = elapsed_ns < AT_ONCE_NS ? FAILURE_DISCONNECTED : FAILURE_TIMEOUT;
    failure_set(why, kind, "libvirt: %s (error %d)", message, code);
}

void
source_libvirt_last_failure(int64_t elapsed_ns, struct failure *why)
{
    const virError *error = virGetLastError();

    source_libvirt_failure(error ? error->code : 0,
                           error && error->message ? error->message : "no reason given",
                           elapsed_ns, why);
}
