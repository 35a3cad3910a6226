/* The socket source: agents by their UNIX sockets, all of them on the loop. */
#include "source/source.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "config/guest_name.h"
#include "kit/memory.h"
#include "kit/pattern.h"
#include "source/qemu/reader.h"
#include "source/socket/agent_socket.h"
#include "source/socket/connect.h"
#include "source/socket/queue.h"
#include "source/socket/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#define NAME_BYTES 256

struct socket_guest {
    struct source *source;
    char *path;
    struct socket_file file; /* that it leads to */
    char name[NAME_BYTES];
    bool connected;
    struct agent_socket *agent;
    pid_t process; /* that listens; 0: not known */
    char uuid[QEMU_COMMAND_UUID_BYTES];
    struct domain_facts *definition; /* by the listener's command line, or NULL */
    UT_hash_handle hh;               /* by path */
};

struct source {
    uv_loop_t *loop;
    const struct source_listener *listener;
    struct pattern *naming;
    enum socket_use use;
    struct socket_queues *queues;
    struct qemu_reader *reader;
    struct socket_scan *scan;
    struct socket_guest *guests;
    bool up, looked;
    size_t beyond; /* sockets that are left alone, because there are too many */
};

static void
announce(struct socket_guest *guest, bool came, bool woke)
{
    const struct source_listener *listener = guest->source->listener;
    const struct guest_facts facts = {
        .key = guest->path,
        .name = guest->name,
        .uuid = guest->uuid,
        .definition = guest->definition,
        .domain = DOMAIN_RUNNING,
        .channel = guest->connected ? CHANNEL_CONNECTED : CHANNEL_DISCONNECTED,
        .agent_connected = came,
        .agent_disconnected = came,
        .agent_recovered = woke,
        .socket = guest->file,
        .channel_is_shared = agent_socket_is_shared(guest->agent),
    };

    listener->guest_seen(listener->context, guest->source, &facts);
}

static void
agent_connected(void *context)
{
    struct socket_guest *guest = context;

    guest->connected = true;
    announce(guest, true, false);
}

static void
agent_recovered(void *context)
{
    announce(context, false, true);
}

static void
agent_found_out(void *context)
{
    announce(context, false, false);
}

static void
agent_went(void *context, const struct failure *why)
{
    struct socket_guest *guest = context;

    guest->connected = false;
    log_debug("no connection to an agent", LOG_STR("domain", guest->name),
              LOG_STR("error", why->text));
    announce(guest, false, false);
}

/* --- who listens --- */

static struct socket_guest *
find_guest(const struct source *source, const char *path)
{
    struct socket_guest *guest;

    HASH_FIND_STR(source->guests, path, guest);
    return guest;
}

/* What is not known of this one must not be said by the one before. */
static void
take_command(void *context, const char *path, pid_t process,
             const struct qemu_command *command)
{
    struct socket_guest *guest = find_guest(context, path);

    if (!guest || guest->process != process || (!command && !guest->definition))
        return;
    domain_facts_unref(guest->definition);
    guest->definition = command ? domain_facts_ref(command->facts) : domain_facts_new();
    (void)snprintf(guest->uuid, sizeof(guest->uuid), "%s",
                   command ? command->uuid : "");
    announce(guest, false, false);
}

static void
agent_met(void *context, pid_t process)
{
    struct socket_guest *guest = context;
    struct source *source = guest->source;

    if (process == guest->process)
        return;
    guest->process = process;
    qemu_reader_ask(source->reader, process, guest->path, take_command, source);
}

/* --- what is found --- */

static struct socket_file
file_of(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return (struct socket_file){.inode = 0};
    return (struct socket_file){status.st_dev, status.st_ino};
}

static void
found(void *context, const char *path)
{
    struct source *source = context;
    char name[NAME_BYTES];

    if (socket_is_libvirts(path)) {
        log_warn(
            "a socket is left alone: it is libvirt's own channel, and connecting would "
            "take the agent from libvirt; use a libvirt source for this guest, or give "
            "it a second channel (org.qemu.guest_agent.1)",
            LOG_STR("path", path));
        return;
    }
    if (!guest_name_of(source->naming, path, name, sizeof(name))) {
        log_warn("a socket is left alone: guest_name does not match its path",
                 LOG_STR("path", path));
        return;
    }
    struct socket_guest *guest = memory_new(1, sizeof(*guest));
    const struct agent_socket_listener listener = {
        .came = agent_connected,
        .woke = agent_recovered,
        .went = agent_went,
        .found_out = agent_found_out,
        .met = agent_met,
        .context = guest,
    };

    guest->source = source;
    guest->path = memory_string(path);
    guest->file = file_of(path);
    memcpy(guest->name, name, sizeof(guest->name));
    HASH_ADD_KEYPTR(hh, source->guests, guest->path, strlen(guest->path), guest);
    guest->agent =
        agent_socket_open(source->loop, source->queues, path, source->use, &listener);
    agent_socket_connect(guest->agent);
    if (!guest->connected)
        announce(guest, false, false);
}

static void
touched(void *context, const char *path)
{
    struct socket_guest *guest = find_guest(context, path);

    if (guest)
        agent_socket_retry(guest->agent);
}

static void
forget_guest(struct socket_guest *guest)
{
    HASH_DEL(guest->source->guests, guest);
    agent_socket_close(guest->agent);
    domain_facts_unref(guest->definition);
    free(guest->path);
    free(guest);
}

static void
lost(void *context, const char *path)
{
    struct source *source = context;
    struct socket_guest *guest = find_guest(source, path);

    if (!guest)
        return;
    source->listener->guest_gone(source->listener->context, source, path);
    forget_guest(guest);
}

/* The path may lead elsewhere now: to libvirt's own channel, or away from it. */
static void
remade(void *context, const char *path)
{
    struct socket_guest *guest = find_guest(context, path);

    if (guest && !socket_is_libvirts(path)) {
        guest->file = file_of(path);
        agent_socket_connect(guest->agent);
        return;
    }
    lost(context, path);
    found(context, path);
}

static void
count_beyond(struct source *source, size_t beyond)
{
    if (beyond > 0 && source->beyond == 0)
        log_warn("more sockets than the exporter asks; those beyond are left alone",
                 LOG_INT("asked", HASH_COUNT(source->guests)),
                 LOG_INT("left_alone", beyond));
    source->beyond = beyond;
}

static void
looked(void *context, const char *trouble, size_t beyond)
{
    struct source *source = context;
    bool up = !trouble;

    qemu_reader_review(source->reader, clock_monotonic_ns());
    count_beyond(source, beyond);
    if (source->looked && source->up == up)
        return;
    source->looked = true;
    source->up = up;
    if (up) {
        log_info("looking for agents' sockets",
                 LOG_INT("found", HASH_COUNT(source->guests)));
        source->listener->source_up(source->listener->context, source);
        return;
    }
    log_warn("no agents' sockets can be found; looking again every second",
             LOG_STR("reason", trouble));
    source->listener->source_down(source->listener->context, source, trouble);
}

/* --- the driver --- */

static struct source *
socket_start(const struct source_config *config, uv_loop_t *loop,
             struct mailbox *mailbox, const struct source_listener *listener)
{
    struct source *source = memory_new(1, sizeof(*source));
    const struct socket_scan_listener scan_listener = {
        .found = found,
        .remade = remade,
        .touched = touched,
        .lost = lost,
        .looked = looked,
        .context = source,
    };
    struct failure why;

    source->loop = loop;
    source->listener = listener;
    source->use = config->socket.use;
    source->queues = socket_queues_new();
    source->reader = qemu_reader_start(mailbox);
    /* The config has checked it. */
    source->naming = guest_name_new(config->socket.guest_name, &why);
    source->scan = socket_scan_start(loop, config->socket.path, &socket_scan_usual,
                                     &scan_listener);
    return source;
}

static struct source_figures
socket_figures(const struct source *source)
{
    return (struct source_figures){
        .has_sockets = source->looked,
        .sockets_beyond = source->beyond,
    };
}

static void
socket_call(struct source *source, struct call *call)
{
    struct socket_guest *guest = find_guest(source, call->guest_key);

    agent_socket_call(guest->agent, call);
}

static void
socket_end_visit(struct source *source, const char *key)
{
    agent_socket_end_visit(find_guest(source, key)->agent);
}

static bool
socket_stop(struct source *source, int64_t deadline_ns)
{
    struct socket_guest *guest, *next;

    socket_scan_stop(source->scan);
    HASH_ITER (hh, source->guests, guest, next) {
        agent_socket_forget_call(guest->agent);
        forget_guest(guest);
    }
    bool has_ended = qemu_reader_stop(source->reader, deadline_ns);

    socket_queues_free(source->queues);
    pattern_free(source->naming);
    free(source);
    return has_ended;
}

const struct source_driver source_socket = {
    .start = socket_start,
    .capacity = agent_sockets_capacity,
    .figures = socket_figures,
    .call = socket_call,
    .stage = agent_sockets_stage,
    .end_visit = socket_end_visit,
    .stop = socket_stop,
};
