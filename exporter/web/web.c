/* All addresses together. */
#include "web/web.h"

#include "base/clock.h"
#include "kit/memory.h"
#include "web/access.h"
#include "web/activation.h"
#include "web/auth.h"
#include "web/listen.h"
#include "web/pages.h"
#include "web/reload.h"
#include "web/site.h"
#include "web/targets.h"
#include "web/worker.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the connection to the end of the request's headers, the TLS handshake included;
 * after an answer the idle time comes on top. */
#define REQUEST_NS (10 * NS_PER_S)
/* From the headers to the last byte of the answer, however steadily it is read.  Six
 * times what Prometheus waits by default; 14 MB need 2 Mbit/s then. */
#define RESPONSE_NS (60 * NS_PER_S)

struct web {
    struct web_site site;
    atomic_uint scrapes;
    int *reserve; /* files; NULL: none */
    size_t reserve_count;
    size_t workers_count;
    struct web_worker *workers[];
};

/* Whether what is in force now is with TLS. */
static bool
access_is_with_tls(struct web_access *access)
{
    struct web_policy *policy = web_access_get(access);
    bool with_tls = policy->tls;

    web_policy_unref(policy);
    return with_tls;
}

/* One worker for each socket of an address. */
static int
serve(struct web *web, const struct web_listener *listeners, size_t count,
      struct failure *why)
{
    size_t served = 0;

    for (; served < count; served++) {
        struct web_worker *worker =
            web_worker_start(&web->site, &listeners[served], why);

        if (!worker)
            break;
        web->workers[web->workers_count++] = worker;
    }
    for (size_t i = served + 1; i < count; i++)
        web_listener_close(&listeners[i]);
    return served == count ? 0 : -1;
}

struct web *
web_start(const struct web_settings *settings, struct store *store,
          struct telemetry *telemetry, struct failure *why)
{
    size_t count = settings->inherited_count;

    while (settings->inherited_count == 0 && settings->listen_addresses[count])
        count++;
    struct web *web = memory_new(1, sizeof(*web) + WEB_LISTENERS_MAX * count *
                                                       sizeof(struct web_worker *));

    web->site = (struct web_site){
        .access = settings->access,
        .auth = web_auth_new(crypt_r),
        .pages = web_pages_new(store, settings->telemetry_path, settings->states),
        .targets = web_targets_new(store),
        .reload = settings->want_reload ? web_reload_new(settings->want_reload,
                                                         settings->want_reload_context)
                                        : NULL,
        .scrapes = &web->scrapes,
        .scrapes_max = settings->scrapes_max,
        .telemetry = telemetry,
        .with_tls = access_is_with_tls(settings->access),
        .request_ns = settings->request_ns > 0 ? settings->request_ns : REQUEST_NS,
        .response_ns = settings->response_ns > 0 ? settings->response_ns : RESPONSE_NS,
        .poll = settings->poll ? settings->poll : poll,
    };
    for (size_t i = 0; i < count; i++) {
        struct web_listener listeners[WEB_LISTENERS_MAX];
        size_t found = 1;
        int code =
            settings->inherited_count > 0
                ? web_listen_inherited(WEB_ACTIVATION_FIRST_FD + (int)i, listeners, why)
                : web_listen(settings->listen_addresses[i], listeners, &found, why);

        if (code < 0 || serve(web, listeners, found, why) < 0) {
            web_stop(web);
            return NULL;
        }
    }
    return web;
}

unsigned int
web_port(const struct web *web, size_t index)
{
    return index < web->workers_count ? web_worker_port(web->workers[index]) : 0;
}

bool
web_fits(const struct web *web)
{
    return access_is_with_tls(web->site.access) == web->site.with_tls;
}

void
web_begin_reload(struct web *web)
{
    if (web && web->site.reload)
        web_reload_begin(web->site.reload);
}

void
web_end_reload(struct web *web, const struct failure *why)
{
    if (web && web->site.reload)
        web_reload_end(web->site.reload, why);
}

void
web_let_return(struct web *web)
{
    if (!web)
        return;
    for (size_t i = 0; i < web->reserve_count; i++)
        (void)close(web->reserve[i]);
    free(web->reserve);
    web->reserve = NULL;
    web->reserve_count = 0;
}

static int
reserve_files(struct web *web, struct failure *why)
{
    size_t count = web->workers_count * WEB_WORKER_FILES;

    web->reserve = memory_new(count, sizeof(*web->reserve));
    for (; web->reserve_count < count; web->reserve_count++) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (fd < 0) {
            failure_set(why, FAILURE_UNAVAILABLE,
                        "web.listen_addresses: no files to change them: %s; raise the "
                        "limit of open files",
                        strerror(errno));
            web_let_return(web);
            return -1;
        }
        web->reserve[web->reserve_count] = fd;
    }
    return 0;
}

int
web_leave(struct web *web, struct failure *why)
{
    if (reserve_files(web, why) < 0)
        return -1;
    for (size_t i = 0; i < web->workers_count; i++)
        web_worker_leave(web->workers[i]);
    return 0;
}

/* Those who wait for whatever it is must be awake when the library ends. */
void
web_stop(struct web *web)
{
    if (!web)
        return;
    web_auth_stop(web->site.auth);
    web_targets_stop(web->site.targets);
    if (web->site.reload)
        web_reload_stop(web->site.reload);
    for (size_t i = 0; i < web->workers_count; i++)
        web_worker_stop(web->workers[i]);
    web_auth_free(web->site.auth);
    web_targets_free(web->site.targets);
    web_reload_free(web->site.reload);
    web_pages_free(web->site.pages);
    web_let_return(web);
    free(web);
}

void
web_set_ready(struct web *web, bool ready)
{
    web_pages_set_ready(web->site.pages, ready);
}
