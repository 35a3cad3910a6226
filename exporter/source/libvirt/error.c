/* virDomainQemuAgentCommand's errors, by code and domain and, where these say several
 * things, by the words that libvirt begins with: what follows may be the guest's, which
 * libvirt quotes.  Sources: libvirt 9.0 and 11.3, src/qemu/qemu_agent.c and
 * qemu_domain.c. */
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

/* Whatever part of libvirt says it; it has none of this number. */
#define ANY_DOMAIN (-1)

struct meaning {
    int code, domain;
    const char *text; /* what it begins with; NULL: whatever it says */
    enum failure_kind kind;
};

/* The first that fits. */
static const struct meaning meanings[] = {
    {VIR_ERR_OPERATION_DENIED, ANY_DOMAIN, NULL, FAILURE_DENIED}, /* read-only */
    {VIR_ERR_ACCESS_DENIED, ANY_DOMAIN, NULL, FAILURE_DENIED},    /* polkit */
    {VIR_ERR_AUTH_FAILED, ANY_DOMAIN, NULL, FAILURE_DENIED},
    {VIR_ERR_AUTH_CANCELLED, ANY_DOMAIN, NULL, FAILURE_DENIED},
    {VIR_ERR_AUTH_UNAVAILABLE, ANY_DOMAIN, NULL, FAILURE_DENIED},
    {VIR_ERR_NO_DOMAIN, ANY_DOMAIN, NULL, FAILURE_NOT_RUNNING},
    {VIR_ERR_OPERATION_INVALID, ANY_DOMAIN, NULL, FAILURE_NOT_RUNNING},
    {VIR_ERR_ARGUMENT_UNSUPPORTED, ANY_DOMAIN, NULL, FAILURE_ABSENT},
    /* The agent's job was held for 30 s, or too many wait for it. */
    {VIR_ERR_OPERATION_TIMEOUT, ANY_DOMAIN, NULL, FAILURE_BUSY},
    {VIR_ERR_OPERATION_FAILED, ANY_DOMAIN, "cannot acquire state change lock",
     FAILURE_BUSY},
    {VIR_ERR_AGENT_UNRESPONSIVE, ANY_DOMAIN, "QEMU guest agent is not connected",
     FAILURE_DISCONNECTED},
    {VIR_ERR_AGENT_UNRESPONSIVE, ANY_DOMAIN, "Guest agent disappeared",
     FAILURE_DISCONNECTED},
    /* A reply that did not parse is latched for everyone until the channel is reopened.
     */
    {VIR_ERR_AGENT_UNRESPONSIVE, ANY_DOMAIN,
     "QEMU guest agent is not available due to an error", FAILURE_MALFORMED},
    {ERR_AGENT_COMMAND_TIMEOUT, ANY_DOMAIN, "Guest agent disappeared",
     FAILURE_DISCONNECTED},
    {ERR_AGENT_COMMAND_TIMEOUT, ANY_DOMAIN, NULL, FAILURE_TIMEOUT},
    {VIR_ERR_SYSTEM_ERROR, ANY_DOMAIN, "No complete agent response", FAILURE_TOO_LARGE},
    {VIR_ERR_SYSTEM_ERROR, ANY_DOMAIN, NULL, FAILURE_UNAVAILABLE},
    {VIR_ERR_RPC, ANY_DOMAIN, "Unable to encode message payload", FAILURE_TOO_LARGE},
    {VIR_ERR_RPC, ANY_DOMAIN, NULL, FAILURE_UNAVAILABLE},
    {VIR_ERR_NO_CONNECT, ANY_DOMAIN, NULL, FAILURE_UNAVAILABLE},
    /* The client's socket is closed. */
    {VIR_ERR_INTERNAL_ERROR, VIR_FROM_RPC, NULL, FAILURE_UNAVAILABLE},
    {VIR_ERR_INTERNAL_ERROR, ANY_DOMAIN, "End of file from agent",
     FAILURE_DISCONNECTED},
    {VIR_ERR_INTERNAL_ERROR, ANY_DOMAIN, "Error while processing agent IO",
     FAILURE_DISCONNECTED},
    {VIR_ERR_INTERNAL_ERROR, ANY_DOMAIN, "cannot parse json", FAILURE_MALFORMED},
    {VIR_ERR_INTERNAL_ERROR, ANY_DOMAIN, "failed to parse JSON", FAILURE_MALFORMED},
    /* It has parsed what cannot be passed on: a string that is no UTF-8, or no number.
     */
    {VIR_ERR_INTERNAL_ERROR, ANY_DOMAIN, "failed to convert virJSONValue",
     FAILURE_MALFORMED},
    {VIR_ERR_INTERNAL_ERROR, ANY_DOMAIN, "Unknown JSON reply", FAILURE_MALFORMED},
    {VIR_ERR_INTERNAL_ERROR, ANY_DOMAIN, "Parsed JSON reply", FAILURE_MALFORMED},
    {VIR_ERR_INTERNAL_ERROR, ANY_DOMAIN, "Missing agent reply object",
     FAILURE_MALFORMED},
    {VIR_ERR_INTERNAL_ERROR, ANY_DOMAIN, "Missing monitor reply object",
     FAILURE_MALFORMED},
};

/* What stands behind `beginning`, be it at the start or behind the words for the code
 * ("internal error: "); else NULL. */
static const char *
behind(const char *message, const char *beginning)
{
    const char *colon = strstr(message, ": ");
    size_t length = strlen(beginning);

    if (strncmp(message, beginning, length) == 0)
        return message + length;
    if (colon && strncmp(colon + 2, beginning, length) == 0)
        return colon + 2 + length;
    return NULL;
}

/* "internal error: unable to execute QEMU agent command 'guest-x': what the agent said"
 */
static const char *
agent_description(int code, const char *message)
{
    const char *name = behind(message, "unable to execute QEMU agent command '");
    const char *end = name ? strchr(name, '\'') : NULL;

    if (code != VIR_ERR_INTERNAL_ERROR && code != ERR_AGENT_COMMAND_FAILED)
        return NULL;
    return end && strncmp(end, "': ", 3) == 0 ? end + 3 : NULL;
}

void
source_libvirt_failure(int code, int domain, const char *message, int64_t elapsed_ns,
                       struct failure *why)
{
    const char *description = agent_description(code, message);

    if (description) {
        reply_error("", description, why);
        return;
    }
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        const struct meaning *meaning = &meanings[i];

        if (meaning->code == code &&
            (meaning->domain == domain || meaning->domain == ANY_DOMAIN) &&
            (!meaning->text || behind(message, meaning->text))) {
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

    source_libvirt_failure(
        error ? error->code : VIR_ERR_OK, error ? error->domain : VIR_FROM_NONE,
        error && error->message ? error->message : "no reason given", elapsed_ns, why);
}
