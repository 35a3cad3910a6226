/* A domain's state, and who it is. */
#include "source/libvirt/describe.h"

#include "kit/memory.h"
#include "source/libvirt/job.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/* That it is there may be seen without the right to read its state.  Nor can its
 * definition be read then, which is told. */
static enum described
explain(virDomainPtr domain)
{
    switch (virGetLastErrorCode()) {
    case VIR_ERR_NO_DOMAIN:
        return DESCRIBED_GONE;
    case VIR_ERR_ACCESS_DENIED:
        return virDomainGetID(domain) != (unsigned int)-1 ? DESCRIBED : DESCRIBED_GONE;
    default:
        return DESCRIBED_NOT;
    }
}

static enum pause_reason
pause_reason(int libvirt_state, int reason)
{
    if (libvirt_state == VIR_DOMAIN_CRASHED)
        return PAUSE_PANICKED;
    if (libvirt_state == VIR_DOMAIN_PMSUSPENDED)
        return PAUSE_SUSPENDED;
    switch (reason) {
    case VIR_DOMAIN_PAUSED_USER:
        return PAUSE_USER;
    case VIR_DOMAIN_PAUSED_IOERROR:
        return PAUSE_IO_ERROR;
    case VIR_DOMAIN_PAUSED_WATCHDOG:
        return PAUSE_WATCHDOG;
    case VIR_DOMAIN_PAUSED_CRASHED:
        return PAUSE_PANICKED;
    default:
        return PAUSE_OTHER;
    }
}

static enum described
read_state(virDomainPtr domain, struct domain_description *description)
{
    int libvirt_state = VIR_DOMAIN_NOSTATE, reason = 0;
    enum domain_state *state = &description->state;

    *state = DOMAIN_RUNNING;
    if (virDomainGetState(domain, &libvirt_state, &reason, 0) < 0)
        return explain(domain);
    description->pause = pause_reason(libvirt_state, reason);
    switch (libvirt_state) {
    case VIR_DOMAIN_SHUTOFF:
        return DESCRIBED_GONE;
    case VIR_DOMAIN_SHUTDOWN:
        *state = DOMAIN_SHUTDOWN;
        return DESCRIBED;
    case VIR_DOMAIN_PAUSED:
        *state = reason == VIR_DOMAIN_PAUSED_MIGRATION ||
                         reason == VIR_DOMAIN_PAUSED_POSTCOPY
                     ? DOMAIN_MIGRATING
                     : DOMAIN_PAUSED;
        return DESCRIBED;
    case VIR_DOMAIN_CRASHED:
    case VIR_DOMAIN_PMSUSPENDED:
        *state = DOMAIN_PAUSED;
        return DESCRIBED;
    default:
        return DESCRIBED;
    }
}

enum described
libvirt_describe(void *domain, struct domain_description *description)
{
    enum described described = read_state(domain, description);

    if (described == DESCRIBED_GONE)
        return described;
    if (virDomainGetUUIDString(domain, description->uuid) < 0)
        return DESCRIBED_NOT;
    description->name = memory_string(virDomainGetName(domain));
    description->id = (int64_t)virDomainGetID(domain);
    return described;
}
