/* All addresses together. */
#include "web/web.h"

#include "base/clock.h"
#include "kit/memory.h"
#include "web/access.h"
#include "web/auth.h"
#include "web/pages.h"
#include "web/site.h"
#include "web/targets.h"
#include "web/worker.h"

#include <crypt.h>
#include <poll.h>
#include <stdlib.h>

/* From the connection to the end of the request's headers, the TLS handshake included;
 * after an answer the idle time comes on top. */
#define REQUEST_NS (10 * NS_PER_S)
/* From the headers to the last byte of the answer, however steadily it is read.  Six
 * times what Prometheus waits by default; 14 MB need 2 Mbit/s then. */
#define RESPONSE_NS (60 * NS_PER_S)

struct web {
    struct web_site site;
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

struct web *
web_start(const struct web_settings *settings, struct store *store,
          struct telemetry *telemetry, struct failure *why)
{
    size_t count = 0;

    while (settings->listen_addresses[count])
        count++;
    struct web *web = memory_new(1, sizeof(*web) + count * sizeof(struct web_worker *));

    web->site = (struct web_site){
        .access = settings->access,
        .auth = web_auth_new(crypt_r),
        .pages = web_pages_new(store, settings->telemetry_path, settings->states),
        .targets = web_targets_new(store),
        .telemetry = telemetry,
        .with_tls = access_is_with_tls(settings->access),
        .request_ns = settings->request_ns > 0 ? settings->request_ns : REQUEST_NS,
        .response_ns = settings->response_ns > 0 ? settings->response_ns : RESPONSE_NS,
        .poll = settings->poll ? settings->poll : poll,
    };
    for (; web->workers_count < count; web->workers_count++) {
        struct web_worker *worker = web_worker_start(
            &web->site, settings->listen_addresses[web->workers_count], why);

        if (!worker) {
            web_stop(web);
            return NULL;
        }
        web->workers[web->workers_count] = worker;
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

/* Those who wait for a log-in or a list must be awake when the library ends. */
void
web_stop(struct web *web)
{
    if (!web)
        return;
    web_auth_stop(web->site.auth);
    web_targets_stop(web->site.targets);
    for (size_t i = 0; i < web->workers_count; i++)
        web_worker_stop(web->workers[i]);
    web_auth_free(web->site.auth);
    web_targets_free(web->site.targets);
    web_pages_free(web->site.pages);
    free(web);
}

void
web_set_ready(struct web *web, bool ready)
{
    web_pages_set_ready(web->site.pages, ready);
}
