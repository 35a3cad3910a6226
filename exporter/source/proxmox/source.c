/* The Proxmox VE source: the guests that run on this host, and their agents' sockets,
 * which are visited only, because the host needs them at any moment.  Nothing here
 * blocks: files are looked at elsewhere. */
#include "source/source.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "kit/memory.h"
#include "source/proxmox/guest.h"
#include "source/proxmox/looker.h"
#include "source/socket/agent_socket.h"
#include "source/socket/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <uv.h>

#define LOOK_MS 1000
#define LABEL_BYTES (PROXMOX_NAME_BYTES + PROXMOX_VMID_BYTES)
#define SOCKET_PATH_BYTES 1100 /* a folder of the configuration, and a number */

struct pve_guest {
    struct source *source;
    struct proxmox_guest seen; /* in the last look; with a reference of the facts */
    char wanted[LABEL_BYTES], name[LABEL_BYTES]; /* unique among the source's guests */
    struct agent_socket *agent;                  /* NULL: the guest has none */
    bool connected;
    unsigned int happened; /* and was not announced */
    bool announced;        /* since it was last seen */
    bool there;            /* in the present look */
    UT_hash_handle hh;
};

struct source {
    uv_loop_t *loop;
    const struct source_listener *listener;
    struct proxmox_folders folders;
    bool names, asks_undefined;
    struct socket_queues *queues;
    struct proxmox_looker *looker;
    uv_timer_t look;
    struct pve_guest *guests; /* by their numbers */
    bool up, looked;
    bool hangs; /* a look does */
    size_t beyond;
};

/* What has happened to a guest since it was last announced. */
enum { STARTED = 1 << 0, CAME = 1 << 1, WOKE = 1 << 2 };

static void
announce(struct pve_guest *guest)
{
    struct source *source = guest->source;
    const struct proxmox_guest *seen = &guest->seen;
    enum channel_state channel =
        proxmox_guest_channel(seen, guest->connected, source->asks_undefined);
    /* Else it is told when the guest may be asked. */
    unsigned int happened = channel == CHANNEL_UNKNOWN ? 0 : guest->happened;
    const struct guest_facts facts = {
        .key = seen->vmid,
        .name = guest->name,
        .uuid = seen->configuration.uuid,
        .incarnation = proxmox_guest_incarnation(seen),
        .domain = proxmox_guest_state(seen),
        .channel = channel,
        .just_started = happened & STARTED,
        .agent_connected = happened & CAME,
        .agent_disconnected = happened & CAME,
        .agent_recovered = happened & WOKE,
        .opted_out = seen->configuration.opted_out,
        .channel_is_shared = true,
        .definition_error = channel == CHANNEL_UNKNOWN ? seen->error : NULL,
        .definition = seen->configuration.facts,
        .socket = {seen->socket.device, seen->socket.inode},
        .os_hint = seen->configuration.os,
    };

    guest->happened &= ~happened;
    guest->announced = true;
    source->listener->guest_seen(source->listener->context, source, &facts);
}

/* --- their agents --- */

static void
agent_came(void *context)
{
    struct pve_guest *guest = context;

    guest->connected = true;
    guest->happened |= CAME;
    announce(guest);
}

static void
agent_woke(void *context)
{
    struct pve_guest *guest = context;

    guest->happened |= WOKE;
    announce(guest);
}

static void
agent_went(void *context, const struct failure *why)
{
    struct pve_guest *guest = context;

    guest->connected = false;
    log_debug("no connection to an agent", LOG_STR("domain", guest->name),
              LOG_STR("error", why->text));
    announce(guest);
}

static void
open_agent(struct pve_guest *guest)
{
    const struct agent_socket_listener listener = {
        .came = agent_came,
        .woke = agent_woke,
        .went = agent_went,
        .context = guest,
    };
    char path[SOCKET_PATH_BYTES];

    (void)snprintf(path, sizeof(path), "%s/%s.qga", guest->source->folders.sockets,
                   guest->seen.vmid);
    guest->agent = agent_socket_open(guest->source->loop, guest->source->queues, path,
                                     SOCKET_SHARED, &listener);
    agent_socket_connect(guest->agent);
}

static void
close_agent(struct pve_guest *guest)
{
    struct agent_socket *agent = guest->agent;

    guest->agent = NULL;
    guest->connected = false;
    if (agent)
        agent_socket_close(agent);
}

/* It was another one, or had other rights, in the look before. */
static void
follow_socket(struct pve_guest *guest, const struct proxmox_guest *before)
{
    const struct proxmox_file *now = &guest->seen.socket;

    if (now->inode == 0)
        close_agent(guest);
    else if (!guest->agent)
        open_agent(guest);
    else if (proxmox_guest_has_started(before, &guest->seen) ||
             now->device != before->socket.device || now->inode != before->socket.inode)
        agent_socket_connect(guest->agent);
    else
        agent_socket_retry(guest->agent);
}

/* --- names --- */

static bool
is_taken(const struct source *source, const struct pve_guest *self, const char *name)
{
    for (const struct pve_guest *guest = source->guests; guest;
         guest = guest->hh.next) {
        if (guest != self && strcmp(guest->name, name) == 0)
            return true;
    }
    return false;
}

/* Kept for as long as the guest wants the same. */
static void
name_guest(struct pve_guest *guest)
{
    const char *name = guest->seen.configuration.name, *vmid = guest->seen.vmid;
    const char *wanted = guest->source->names && *name ? name : vmid;

    if (strcmp(guest->wanted, wanted) == 0)
        return;
    (void)snprintf(guest->wanted, sizeof(guest->wanted), "%s", wanted);
    (void)snprintf(guest->name, sizeof(guest->name), "%s", wanted);
    if (guest->source->names && is_taken(guest->source, guest, wanted))
        (void)snprintf(guest->name, sizeof(guest->name), "%s~%s", wanted, vmid);
}

/* --- what was seen --- */

static struct pve_guest *
find_guest(const struct source *source, const char *vmid)
{
    struct pve_guest *guest;

    HASH_FIND_STR(source->guests, vmid, guest);
    return guest;
}

static void
forget_guest(struct pve_guest *guest)
{
    HASH_DEL(guest->source->guests, guest);
    close_agent(guest);
    domain_facts_unref(guest->seen.configuration.facts);
    free(guest);
}

static struct pve_guest *
add_guest(struct source *source, const struct proxmox_guest *seen)
{
    struct pve_guest *guest = memory_new(1, sizeof(*guest));

    guest->source = source;
    memcpy(guest->seen.vmid, seen->vmid, sizeof(guest->seen.vmid));
    HASH_ADD_STR(source->guests, seen.vmid, guest);
    return guest;
}

/* One of which nothing is known is not asked, which is said where that is decided. */
static void
note_error(const struct source *source, const struct proxmox_guest *before,
           const struct proxmox_guest *now)
{
    if (now->is_known && *now->error && !source->hangs &&
        strcmp(before->error, now->error) != 0)
        log_warn("a guest's configuration cannot be read; the guest goes on as it was "
                 "known before",
                 LOG_STR("vmid", now->vmid), LOG_STR("error", now->error));
}

/* What the agent's socket has to tell is told from within.  That it is gone is told
 * before its call fails. */
static void
take_guest(struct source *source, const struct proxmox_guest *seen)
{
    struct pve_guest *guest = find_guest(source, seen->vmid);
    bool is_new = !guest;

    if (is_new)
        guest = add_guest(source, seen);
    struct proxmox_guest before = guest->seen, now = *seen;

    proxmox_guest_keep_configuration(&before, &now);
    note_error(source, &before, &now);
    bool has_changed = is_new || !source->up || !proxmox_guest_is_same(&before, &now);
    bool is_another = proxmox_guest_has_started(&before, &now);
    bool has_moved = is_another || !proxmox_file_is_same(&before.socket, &now.socket);

    guest->there = true;
    if (!has_changed && !has_moved)
        return;
    guest->seen = now;
    (void)domain_facts_ref(now.configuration.facts);
    domain_facts_unref(before.configuration.facts);
    name_guest(guest);
    if (source->up && is_another)
        guest->happened |= STARTED;
    guest->announced = false;
    if (now.socket.inode == 0)
        announce(guest);
    if (has_moved)
        follow_socket(guest, &before);
    if (has_changed && !guest->announced)
        announce(guest);
}

static void
drop_those_that_ended(struct source *source)
{
    struct pve_guest *guest, *next;

    HASH_ITER (hh, source->guests, guest, next) {
        if (guest->there)
            continue;
        source->listener->guest_gone(source->listener->context, source,
                                     guest->seen.vmid);
        forget_guest(guest);
    }
}

static void
count_beyond(struct source *source, size_t beyond)
{
    if (beyond > 0 && source->beyond == 0)
        log_warn("more guests than the exporter asks; those beyond are left alone",
                 LOG_INT("left_alone", beyond));
    source->beyond = beyond;
}

static void
go_up(struct source *source)
{
    if (source->up)
        return;
    source->up = source->looked = true;
    log_info("looking for guests of Proxmox VE",
             LOG_INT("found", HASH_COUNT(source->guests)));
    source->listener->source_up(source->listener->context, source);
}

static void
go_down(struct source *source, const char *why)
{
    if (source->looked && !source->up)
        return;
    source->looked = true;
    source->up = false;
    log_warn("no guests of Proxmox VE can be found; looking again every second",
             LOG_STR("reason", why));
    source->listener->source_down(source->listener->context, source, why);
}

/* Those that have ended first: their names are free. */
static void
drop_those_not_seen(struct source *source, const struct proxmox_seen *seen)
{
    struct pve_guest *guest, *next;

    HASH_ITER (hh, source->guests, guest, next) {
        guest->there = false;
    }
    for (const struct proxmox_guest *at = seen->guests; at < seen->guests + seen->count;
         at++) {
        guest = find_guest(source, at->vmid);
        if (guest)
            guest->there =
                !at->is_unread || !proxmox_guest_has_started(&guest->seen, at);
    }
    drop_those_that_ended(source);
}

/* Of one that could not be read what was known holds. */
static void
take_guests(struct source *source, const struct proxmox_seen *seen)
{
    for (size_t i = 0; i < seen->count; i++) {
        const struct pve_guest *known = find_guest(source, seen->guests[i].vmid);

        if (!seen->guests[i].is_unread)
            take_guest(source, &seen->guests[i]);
        else if (known)
            take_guest(source, &known->seen);
    }
}

static void
take_seen(void *context, const struct proxmox_seen *seen)
{
    struct source *source = context;

    if (*seen->trouble) {
        go_down(source, seen->trouble);
        return;
    }
    drop_those_not_seen(source, seen);
    take_guests(source, seen);
    count_beyond(source, seen->beyond);
    go_up(source);
}

static void
note_hang(struct source *source, bool hangs)
{
    if (hangs && !source->hangs)
        log_warn("reading the guests' files hangs; what was read of guests before "
                 "holds, and those that are new are not asked; trying again",
                 LOG_STR("configurations", source->folders.configurations));
    else if (!hangs && source->hangs)
        log_info("the guests' files can be read again");
    source->hangs = hangs;
}

static void
look(uv_timer_t *timer)
{
    struct source *source = timer->data;

    note_hang(source, proxmox_looker_look(source->looker, clock_monotonic_ns()));
    (void)uv_timer_start(&source->look, look, LOOK_MS, 0);
}

/* --- the driver --- */

static struct source *
proxmox_start(const struct source_config *config, uv_loop_t *loop,
              struct mailbox *mailbox, const struct source_listener *listener)
{
    struct source *source = memory_new(1, sizeof(*source));

    source->loop = loop;
    source->listener = listener;
    source->names = config->proxmox.names;
    source->asks_undefined = config->proxmox.ask_without_definition;
    source->queues = socket_queues_new();
    source->folders = (struct proxmox_folders){
        .sockets = memory_string(config->proxmox.sockets),
        .pid_files = memory_string(config->proxmox.pid_files),
        .configurations = memory_string(config->proxmox.configurations),
    };
    source->looker = proxmox_looker_start(mailbox, &source->folders, take_seen, source);
    uv_timer_init(loop, &source->look);
    source->look.data = source;
    look(&source->look);
    return source;
}

static struct source_figures
proxmox_figures(const struct source *source)
{
    return (struct source_figures){
        .has_sockets = source->looked,
        .sockets_beyond = source->beyond,
    };
}

static void
proxmox_call(struct source *source, struct call *call)
{
    agent_socket_call(find_guest(source, call->guest_key)->agent, call);
}

static void
proxmox_end_visit(struct source *source, const char *key)
{
    struct pve_guest *guest = find_guest(source, key);

    if (guest && guest->agent)
        agent_socket_end_visit(guest->agent);
}

static void
look_closed(uv_handle_t *timer)
{
    struct source *source = timer->data;

    free(source->folders.sockets);
    free(source->folders.pid_files);
    free(source->folders.configurations);
    free(source);
}

static bool
proxmox_stop(struct source *source, int64_t deadline_ns)
{
    struct pve_guest *guest, *next;
    bool has_ended = proxmox_looker_stop(source->looker, deadline_ns);

    HASH_ITER (hh, source->guests, guest, next) {
        if (guest->agent)
            agent_socket_forget_call(guest->agent);
        forget_guest(guest);
    }
    socket_queues_free(source->queues);
    uv_close((uv_handle_t *)&source->look, look_closed);
    return has_ended;
}

const struct source_driver source_proxmox = {
    .start = proxmox_start,
    .capacity = agent_sockets_capacity,
    .figures = proxmox_figures,
    .call = proxmox_call,
    .stage = agent_sockets_stage,
    .end_visit = proxmox_end_visit,
    .stop = proxmox_stop,
};
