/* What happens to the guests of a watch, as its source tells it: counted at once,
 * published once a second at most, and logged now and then, as a guest can panic,
 * reboot and let its watchdog expire as often as it likes. */
#include "poll/inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "poll/publish.h"

#include <string.h>

/* As the definition calls it, if it is there. */
static const char *
disk_name(const struct guest *guest, const char *alias)
{
    const struct host_facts *host = guest->definition ? &guest->definition->host : NULL;

    for (size_t i = 0; host && *alias && i < host->disks_count; i++) {
        if (strcmp(host->disks[i].alias, alias) == 0)
            return host->disks[i].target;
    }
    return alias;
}

static enum log_level
level_of(enum guest_event_kind kind)
{
    return kind == GUEST_REBOOTED ? LOG_INFO : LOG_WARN;
}

void
watch_count_event(struct guest *guest, const struct guest_event *event)
{
    const char *disk = disk_name(guest, event->disk);
    int64_t now_ns = clock_monotonic_ns();

    if (!events_count(&guest->events, event->kind, disk, now_ns))
        return;
    if (event->kind == GUEST_PANICKED)
        guest->panicked_ns = now_ns;
    guest->unpublished |= GUEST_EVENTS;
    log_write(
        publish_log_level(&guest->events_log_spent_ns, level_of(event->kind), now_ns),
        __FILE__, __LINE__, "the host tells of a guest", LOG_STR("domain", guest->name),
        LOG_STR("event", guest_event_names[event->kind]), LOG_STR("disk", disk),
        LOG_END);
}
