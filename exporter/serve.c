/* The web side beside the poller, and what SIGHUP and SIGUSR1 do to both. */
#include "serve.h"

#include "base/clock.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/notify.h"
#include "config/config.h"
#include "exporter.h"
#include "guest/state.h"
#include "kit/failure.h"
#include "options.h"
#include "poll/poller.h"
#include "separation.h"
#include "source/claims.h"
#include "store/telemetry.h"
#include "web/access.h"
#include "web/activation.h"
#include "web/web.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct daemon {
    struct exporter *exporter;
    struct claims *claims;
    struct web_access *access;
    struct web *web;
    struct web *left;       /* that it has moved from, while it reloads */
    size_t inherited_count; /* sockets of the service manager's, with the flag */
    bool is_ready;          /* the first pass is through */
    uv_signal_t reload, pause;
    uv_async_t wanted; /* a reload, by somebody who waits for the outcome */
    uv_timer_t watchdog;
};

/* On a thread of the web. */
static void
want_reload(void *wanted)
{
    (void)uv_async_send(wanted);
}

static struct web *
start_web(struct daemon *daemon, const struct config *config, struct failure *why)
{
    const struct options *options = daemon->exporter->options;
    const struct web_settings settings = {
        .listen_addresses = (const char *const *)config->web.listen_addresses,
        .inherited_count = daemon->inherited_count,
        .telemetry_path = config->web.telemetry_path,
        .access = daemon->access,
        .states = agent_state_names,
        .scrapes_max = options->max_requests,
        .want_reload = options->enable_lifecycle ? want_reload : NULL,
        .want_reload_context = &daemon->wanted,
    };

    return web_start(&settings, daemon->exporter->store, daemon->exporter->telemetry,
                     why);
}

/* --- reload --- */

static bool
is_same_web(const struct config *a, const struct config *b)
{
    char *const *one = a->web.listen_addresses, *const *other = b->web.listen_addresses;

    if (strcmp(a->web.telemetry_path, b->web.telemetry_path) != 0)
        return false;
    while (*one && *other && strcmp(*one, *other) == 0) {
        one++;
        other++;
    }
    return !*one && !*other;
}

/* The old listeners are closed first, since the new addresses may overlap with theirs,
 * if it is sure that there are files to open them again; if the new ones cannot be
 * bound, there are none.  Who asked for the reload is still to be answered by the old
 * ones. */
static bool
move_web(struct daemon *daemon, const struct config *config, struct failure *why)
{
    if (daemon->web && web_fits(daemon->web) &&
        is_same_web(daemon->exporter->config, config))
        return true;
    if (daemon->web && web_leave(daemon->web, why) < 0)
        return false;
    daemon->left = daemon->web;
    daemon->web = start_web(daemon, config, why);
    return daemon->web;
}

/* Who may come in, and where; the old ones stay if either is refused. */
static bool
reload_web(struct daemon *daemon, const struct config *config, struct failure *why)
{
    struct failure lost;

    if (web_access_reload(daemon->access, why) < 0)
        return false;
    bool has_moved = move_web(daemon, config, why);

    web_access_settle(daemon->access, has_moved);
    if (!has_moved && !daemon->web) {
        web_let_return(daemon->left);
        daemon->web = start_web(daemon, daemon->exporter->config, &lost);
    }
    if (daemon->web)
        web_set_ready(daemon->web, daemon->is_ready);
    else
        log_error("the old address is lost too; reload when it is free",
                  LOG_STR("error", lost.text));
    return has_moved;
}

/* Two files, either of which may be one that nobody has named. */
static void
log_files(const struct daemon *daemon, const char *message)
{
    struct web_policy *policy = web_access_get(daemon->access);
    const char *file = daemon->exporter->config->path;

    log_info(message, LOG_STR("file", file ? file : "none"),
             LOG_STR("web_file", policy->path ? policy->path : "none"));
    web_policy_unref(policy);
}

static bool
reload_config(struct daemon *daemon, struct failure *why)
{
    struct exporter *exporter = daemon->exporter;
    struct config *config = exporter_load_config(exporter->options, why);

    if (!config || !reload_web(daemon, config, why)) {
        log_configure(exporter->config->log.level, exporter->config->log.format);
        log_error("the new config is refused, the old one stays",
                  LOG_STR("error", why->text));
        telemetry_reload(exporter->telemetry, false, clock_realtime_ns());
        config_free(config);
        return false;
    }
    if (exporter->separation)
        separation_configure(config);
    poller_configure(exporter->poller, config);
    config_free(exporter->config);
    exporter->config = config;
    log_files(daemon, "the config is reloaded");
    claims_take(daemon->claims, config);
    telemetry_reload(exporter->telemetry, true, clock_realtime_ns());
    return true;
}

static void
reload(struct daemon *daemon)
{
    struct web *asked = daemon->web;
    struct failure why;

    (void)notify_send_reloading(clock_monotonic_ns());
    web_begin_reload(asked);
    bool good = reload_config(daemon, &why);

    web_end_reload(asked, good ? NULL : &why);
    web_stop(daemon->left);
    daemon->left = NULL;
    (void)notify_send(NOTIFY_READY);
}

static void
reload_by_signal(uv_signal_t *handle, int number)
{
    (void)number;
    reload(handle->data);
}

/* Where another process asks guests, it is told first what the file says now. */
static void
reload_by_request(uv_async_t *handle)
{
    struct daemon *daemon = handle->data;

    if (daemon->exporter->separation)
        separation_want_reload(daemon->exporter->separation);
    else
        reload(daemon);
}

/* By the watch over the web configuration's files, on its thread. */
static void
web_reloaded(void *telemetry, bool is_good)
{
    telemetry_web_reload(telemetry, is_good, clock_realtime_ns());
}

/* --- the daemon --- */

static void
toggle_pause(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;

    (void)number;
    if (poller_toggle_pause(daemon->exporter->poller))
        log_warn("paused: no guest is asked anything until the next SIGUSR1");
    else
        log_info("no longer paused");
}

static void
first_pass(void *context, bool all_answered)
{
    struct daemon *daemon = context;

    (void)all_answered;
    daemon->is_ready = true;
    if (daemon->web)
        web_set_ready(daemon->web, true);
}

static struct web_access *
open_access(const struct exporter *exporter, struct failure *why)
{
    const struct options *options = exporter->options;

    return web_access_open(options->web_config_file, !options->web_config_file_is_named,
                           web_reloaded, exporter->telemetry, why);
}

static int
take_sockets(struct daemon *daemon, struct failure *why)
{
    int count = 0;

    if (daemon->exporter->options->systemd_socket)
        count = web_activation_take(why);
    daemon->inherited_count = count > 0 ? (size_t)count : 0;
    return count < 0 ? -1 : 0;
}

/* The status of a start that failed, or 0. */
static int
open_web(struct daemon *daemon)
{
    const struct exporter *exporter = daemon->exporter;
    struct failure why;

    daemon->access = open_access(exporter, &why);
    if (daemon->access && take_sockets(daemon, &why) == 0)
        daemon->web = start_web(daemon, exporter->config, &why);
    if (daemon->web)
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "qga-exporter: %s\n", why.text);
    return daemon->access ? EXIT_FAILURE : EXIT_USAGE;
}

static void
feed_watchdog(uv_timer_t *timer)
{
    (void)timer;
    (void)notify_send(NOTIFY_ALIVE);
}

/* A loop that is stuck feeds it no more, and the service manager starts us anew. */
static void
start_watchdog(struct daemon *daemon)
{
    uint64_t period_ms = (uint64_t)(notify_watchdog_ns() / 2 / NS_PER_MS);

    (void)uv_timer_init(&daemon->exporter->loop, &daemon->watchdog);
    if (period_ms > 0)
        (void)uv_timer_start(&daemon->watchdog, feed_watchdog, 0, period_ms);
}

int
serve(struct exporter *exporter)
{
    struct daemon daemon = {.exporter = exporter, .claims = claims_new()};

    if (journal_reads_stderr())
        log_use_journal(JOURNAL_SOCKET);
    exporter_open(exporter);
    exporter_handle_signal(exporter, &daemon.reload, SIGHUP, reload_by_signal, &daemon);
    exporter_handle_signal(exporter, &daemon.pause, SIGUSR1, toggle_pause, &daemon);
    daemon.wanted.data = &daemon;
    (void)uv_async_init(&exporter->loop, &daemon.wanted, reload_by_request);
    start_watchdog(&daemon);
    int status = open_web(&daemon);

    if (status == EXIT_SUCCESS && exporter->separation &&
        !separation_begin(exporter->separation, exporter))
        status = EXIT_FAILURE;
    if (status == EXIT_SUCCESS) {
        log_files(&daemon, "the config is read");
        claims_take(daemon.claims, exporter->config);
        exporter_start(exporter, first_pass, &daemon);
        (void)notify_send(NOTIFY_READY);
        (void)uv_run(&exporter->loop, UV_RUN_DEFAULT);
        (void)notify_send(NOTIFY_STOPPING);
    }
    exporter_stop(exporter);
    claims_free(daemon.claims);
    web_stop(daemon.web);
    web_access_close(daemon.access);
    if (exporter->separation)
        separation_end(exporter->separation);
    uv_close((uv_handle_t *)&daemon.wanted, NULL);
    uv_close((uv_handle_t *)&daemon.reload, NULL);
    uv_close((uv_handle_t *)&daemon.pause, NULL);
    uv_close((uv_handle_t *)&daemon.watchdog, NULL);
    return exporter_close(exporter, status);
}
