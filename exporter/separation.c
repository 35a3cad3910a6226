/* The reader's side of the cut. */
#include "separation.h"

#include "base/log.h"
#include "base/notify.h"
#include "broker/confine.h"
#include "broker/orders.h"
#include "broker/remote.h"
#include "config/config.h"
#include "exporter.h"
#include "kit/failure.h"
#include "kit/memory.h"
#include "options.h"
#include "web/config.h"

#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A broker that has said nothing for so long does not run. */
#define TICK_MS 1000
#define SILENT_TICKS_MAX 30

/* --- what it gives up --- */

/* Folders, each a copy; NULL-terminated, as the list is zeroed at first. */
struct folders {
    char *list[CONFIG_LISTEN_ADDRESSES_MAX + 32];
    size_t count;
};

static void
add_folder(struct folders *folders, const char *folder)
{
    if (folders->count + 1 < sizeof(folders->list) / sizeof(*folders->list))
        folders->list[folders->count++] = memory_string(folder);
}

/* Of a file that may not be there; and where it is in truth. */
static void
add_folder_of(struct folders *folders, const char *path)
{
    char *names[] = {path ? memory_string(path) : NULL,
                     path ? realpath(path, NULL) : NULL};

    for (size_t i = 0; i < 2; i++) {
        if (names[i])
            add_folder(folders, dirname(names[i]));
        free(names[i]);
    }
}

static void
forget_folders(struct folders *folders)
{
    while (folders->count > 0)
        free(folders->list[--folders->count]);
}

/* What is wrong with it is said by who opens it. */
static void
add_web_folders(struct folders *folders, const struct options *options)
{
    struct failure ignored;
    const char *path =
        options_file(options->web_config_file, options->web_config_file_is_named);
    struct web_config *config = web_config_load(path, &ignored);

    add_folder_of(folders, options->web_config_file);
    if (!config)
        return;
    add_folder_of(folders, config->tls.cert.path);
    add_folder_of(folders, config->tls.key.path);
    add_folder_of(folders, config->tls.client_ca.path);
    web_config_free(config);
}

#define UNIX_ADDRESS "unix:"

/* To read are its own folders, and what libc wants to know of names and time zones. */
static bool
confine_to_folders(const struct exporter *exporter, struct failure *why)
{
    static const char *const always[] = {"/etc/gai.conf",
                                         "/etc/host.conf",
                                         "/etc/hosts",
                                         "/etc/localtime",
                                         "/etc/nsswitch.conf",
                                         "/etc/resolv.conf",
                                         "/etc/services",
                                         "/proc/self",
                                         "/dev/null",
                                         "/lib",
                                         "/lib64",
                                         "/usr/lib",
                                         "/usr/lib64",
                                         "/usr/share/zoneinfo",
                                         NULL};
    struct folders readable = {.count = 0}, for_sockets = {.count = 0};

    for (size_t i = 0; always[i]; i++)
        add_folder(&readable, always[i]);
    add_folder_of(&readable, exporter->options->config_file);
    add_web_folders(&readable, exporter->options);
    for (char **address = exporter->config->web.listen_addresses; *address; address++)
        if (strncmp(*address, UNIX_ADDRESS, strlen(UNIX_ADDRESS)) == 0)
            add_folder_of(&for_sockets, *address + strlen(UNIX_ADDRESS));
    bool is_confined = confine_files((const char *const *)readable.list,
                                     (const char *const *)for_sockets.list, why);

    forget_folders(&readable);
    forget_folders(&for_sockets);
    return is_confined;
}

bool
separation_enter(struct exporter *reader, struct failure *why)
{
    const char *user = reader->options->separate_user;

    if ((user && !confine_user(user, why)) || !confine_rights(why) ||
        !confine_loops(why))
        return false;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* another user's is forgotten */
    confine_memory();
    reader->config = exporter_load_config(reader->options, why);
    if (reader->config && geteuid() == 0)
        log_warn(
            "what guests say is read by root, who may read all files in the folders "
            "of the configuration; give --privilege-separation.user");
    return reader->config && confine_to_folders(reader, why);
}

/* --- its ways --- */

static void
take_way(uv_poll_t *poll, int status, int events)
{
    struct separation *separation = poll->data;
    char kind;
    int fd;
    ssize_t length = order_take(separation->control, &kind, 1, &fd);

    (void)status;
    (void)events;
    if (length == 0) /* who started us is gone, and we are to go */
        (void)uv_poll_stop(poll);
    if (fd < 0)
        return;
    separation->ways++;
    remote_connect(poll->loop, fd);
}

/* One that stands still is ended, and started anew.  Ticks are counted and not time:
 * what it has said while our own loop stood is read before the next one. */
static void
listen_for_it(uv_timer_t *timer)
{
    struct separation *separation = timer->data;

    if (remote_was_heard()) {
        separation->silent_ticks = 0;
        return;
    }
    if (++separation->silent_ticks != SILENT_TICKS_MAX)
        return;
    log_error("the process that asks guests stands still; it is ended",
              LOG_INT("seconds", SILENT_TICKS_MAX * TICK_MS / 1000));
    separation->silent_ticks = 0;
    (void)order_kill(separation->control, separation->ways);
}

void
separation_configure(const struct config *config)
{
    remote_log(config->log.level, config->log.format);
    remote_ask_again();
}

/* Whose word a service manager takes can end the service. */
static bool
have_it_said(void *context, const char *state)
{
    const struct separation *separation = context;
    struct text text = TEXT_INIT(ORDER_WISH_BYTES_MAX);

    text_add(&text, state, strlen(state));
    bool is_sent = order_send(separation->control, ORDER_NOTIFY, &text, -1);

    text_free(&text);
    return is_sent;
}

bool
separation_begin(struct separation *separation, struct exporter *exporter)
{
    struct failure why;

    notify_by(have_it_said, separation);
    if (!confine_calls(&why)) {
        (void)fprintf(stderr, "qga-exporter: %s\n", why.text);
        return false;
    }
    (void)order_send(separation->control, ORDER_BEGUN, NULL, -1);
    separation_configure(exporter->config);
    remote_connect(&exporter->loop, separation->broker);
    separation->has_begun = true;
    (void)uv_poll_init(&exporter->loop, &separation->poll, separation->control);
    separation->poll.data = separation;
    (void)uv_poll_start(&separation->poll, UV_READABLE, take_way);
    (void)uv_timer_init(&exporter->loop, &separation->tick);
    separation->tick.data = separation;
    (void)uv_timer_start(&separation->tick, listen_for_it, TICK_MS, TICK_MS);
    return true;
}

void
separation_end(struct separation *separation)
{
    remote_disconnect();
    if (!separation->has_begun)
        return;
    uv_close((uv_handle_t *)&separation->poll, NULL);
    uv_close((uv_handle_t *)&separation->tick, NULL);
}

void
separation_want_reload(const struct separation *separation)
{
    (void)order_send(separation->control, ORDER_RELOAD, NULL, -1);
}
