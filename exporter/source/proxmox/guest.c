/* From files to a state. */
#include "source/proxmox/guest.h"

#include <string.h>

/* More than there are of them (PID_MAX_LIMIT of Linux). */
#define PIDS (INT64_C(1) << 22)

/* Two may be started in one clock tick. */
int64_t
proxmox_guest_incarnation(const struct proxmox_guest *guest)
{
    return guest->started * PIDS + guest->pid;
}

bool
proxmox_guest_has_started(const struct proxmox_guest *before,
                          const struct proxmox_guest *now)
{
    return proxmox_guest_incarnation(before) != proxmox_guest_incarnation(now);
}

void
proxmox_guest_keep_configuration(const struct proxmox_guest *before,
                                 struct proxmox_guest *now)
{
    if (now->is_known || !before->is_known || proxmox_guest_has_started(before, now))
        return;
    now->is_known = true;
    now->configuration = before->configuration;
}

/* From another host: its configuration comes when all of it is here. */
static bool
is_arriving(const struct proxmox_guest *guest)
{
    return !guest->is_known && guest->is_missing && guest->is_incoming;
}

enum domain_state
proxmox_guest_state(const struct proxmox_guest *guest)
{
    const char *lock = guest->configuration.lock;

    if (is_arriving(guest))
        return DOMAIN_MIGRATING;
    if (strcmp(lock, "migrate") == 0)
        return DOMAIN_MIGRATING;
    /* A backup starts a QEMU for a guest that is off, in which nothing runs. */
    if (guest->configuration.is_template || strcmp(lock, "suspending") == 0 ||
        (guest->is_stopped && !guest->is_incoming && strcmp(lock, "backup") == 0))
        return DOMAIN_PAUSED;
    return DOMAIN_RUNNING;
}

enum channel_state
proxmox_guest_channel(const struct proxmox_guest *guest, bool is_connected,
                      bool asks_undefined)
{
    if (!guest->is_known && !asks_undefined && !is_arriving(guest))
        return CHANNEL_UNKNOWN;
    if (guest->socket.inode == 0)
        return CHANNEL_ABSENT;
    return is_connected ? CHANNEL_CONNECTED : CHANNEL_DISCONNECTED;
}

bool
proxmox_guest_is_same(const struct proxmox_guest *a, const struct proxmox_guest *b)
{
    /* The facts' digest is of all that the configuration and the process say. */
    return proxmox_guest_incarnation(a) == proxmox_guest_incarnation(b) &&
           a->is_known == b->is_known && a->is_missing == b->is_missing &&
           strcmp(a->error, b->error) == 0 &&
           domain_facts_are_same(a->configuration.facts, b->configuration.facts);
}
