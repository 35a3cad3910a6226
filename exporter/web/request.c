/* Requests of libmicrohttpd. */
#include "web/request.h"

#include "base/clock.h"
#include "store/telemetry.h"
#include "web/access.h"
#include "web/auth.h"
#include "web/config.h"
#include "web/connection.h"
#include "web/length.h"
#include "web/pages.h"
#include "web/reload.h"
#include "web/response.h"
#include "web/site.h"
#include "web/targets.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct request {
    enum web_route route;
    const char *path, *method;
    bool with_body;
    bool ambiguous; /* where it ends may be seen otherwise by who passed it on */
};

static enum MHD_Result
length_take(void *length, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    web_length_add(length, key, value);
    return MHD_YES;
}

static enum MHD_Result
parameter_take(void *ask, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    web_ask_add(ask, key, value);
    return MHD_YES;
}

static enum MHD_Result
header_take(void *wish, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    if (value && strcasecmp(key, MHD_HTTP_HEADER_ACCEPT) == 0)
        web_wish_accept(wish, value);
    if (value && strcasecmp(key, MHD_HTTP_HEADER_ACCEPT_ENCODING) == 0)
        web_wish_accept_encoding(wish, value);
    return MHD_YES;
}

static void
request_read(struct web_connection *connection, const struct request *request,
             struct web_ask *ask)
{
    struct MHD_Connection *library = connection->library;

    web_ask_init(ask, connection->all->site->pages, request->route, request->path);
    (void)MHD_get_connection_values(library, MHD_GET_ARGUMENT_KIND, parameter_take,
                                    ask);
    (void)MHD_get_connection_values(library, MHD_HEADER_KIND, header_take, &ask->wish);
}

static bool
reads(const struct request *request)
{
    return strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0 ||
           strcmp(request->method, MHD_HTTP_METHOD_GET) == 0;
}

static bool
writes(const struct request *request)
{
    return strcmp(request->method, MHD_HTTP_METHOD_POST) == 0 ||
           strcmp(request->method, MHD_HTTP_METHOD_PUT) == 0;
}

/* To every method but these two. */
static struct web_page
reload_refused(void)
{
    struct web_page page =
        web_page_sentence(MHD_HTTP_METHOD_NOT_ALLOWED,
                          "Method not allowed: this path is for POST and PUT.\n");

    page.allow = "POST, PUT";
    return page;
}

static struct web_page
request_answer(struct web_connection *connection, const struct request *request,
               enum web_verdict verdict)
{
    const struct web_site *site = connection->all->site;
    bool is_reload = request->route == WEB_ROUTE_RELOAD;

    if (request->ambiguous)
        return web_page_sentence(MHD_HTTP_BAD_REQUEST,
                                 "Bad request: its headers can be read in two "
                                 "ways.\n");
    if (verdict == WEB_VERDICT_BAD)
        return web_page_sentence(MHD_HTTP_UNAUTHORIZED, "Unauthorized\n");
    if (verdict != WEB_VERDICT_GOOD)
        return web_page_sentence(MHD_HTTP_TOO_MANY_REQUESTS,
                                 "Too many requests: try again in a second.\n");
    if (is_reload && site->reload && !writes(request))
        return reload_refused();
    if (request->route != WEB_ROUTE_NONE && !is_reload && !reads(request))
        return web_page_sentence(
            MHD_HTTP_METHOD_NOT_ALLOWED,
            "Method not allowed: this path is for GET and HEAD.\n");
    if (request->with_body)
        return web_page_sentence(MHD_HTTP_CONTENT_TOO_LARGE,
                                 "Request bodies are not accepted.\n");
    if (request->route == WEB_ROUTE_METRICS && !web_connection_scrapes(connection))
        return web_page_sentence(
            MHD_HTTP_SERVICE_UNAVAILABLE,
            "Too many scrapes at once (--web.max-requests): try again in a second.\n");
    struct web_ask ask;

    request_read(connection, request, &ask);
    return web_pages_get(site->pages, &ask);
}

/* WEB_VERDICT_WAIT: the connection sleeps, and the request comes again. */
static enum web_verdict
request_judge(struct web_connection *connection, struct web_policy *policy)
{
    struct web_auth *auth = connection->all->site->auth;
    struct MHD_Connection *library = connection->library;

    if (connection->waits) {
        connection->waits = false;
        return web_auth_result(auth, &connection->login);
    }
    if (!web_policy_takes_request(policy, clock_monotonic_ns()))
        return WEB_VERDICT_BUSY;
    const char *authorization = MHD_lookup_connection_value(
        library, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    enum web_verdict verdict =
        web_auth_check(auth, &policy->config->users, authorization, &connection->login);

    if (verdict != WEB_VERDICT_WAIT)
        return verdict;
    connection->waits = true;
    connection->login.notify = web_connection_resume;
    connection->login.context = connection;
    MHD_suspend_connection(library); /* before anybody can wake it */
    web_auth_wait(auth, &connection->login);
    return verdict;
}

/* Whether it waits for the list of targets: then the connection sleeps, and the request
 * comes again. */
static bool
request_wants_targets(struct web_connection *connection, const struct request *request,
                      enum web_verdict verdict)
{
    struct web_ask ask;

    if (verdict != WEB_VERDICT_GOOD || request->route != WEB_ROUTE_DISCOVERY ||
        !reads(request) || request->with_body)
        return false;
    request_read(connection, request, &ask);
    if (*ask.targets.problem)
        return false;
    connection->waits_for_targets = true;
    connection->targets.query = ask.targets;
    connection->targets.notify = web_connection_resume;
    connection->targets.context = connection;
    MHD_suspend_connection(connection->library); /* before anybody can wake it */
    web_targets_want(connection->all->site->targets, &connection->targets);
    return true;
}

/* Likewise for the outcome of a reload. */
static bool
request_wants_reload(struct web_connection *connection, const struct request *request,
                     enum web_verdict verdict)
{
    struct web_reload *reload = connection->all->site->reload;

    if (verdict != WEB_VERDICT_GOOD || request->route != WEB_ROUTE_RELOAD || !reload ||
        !writes(request) || request->with_body)
        return false;
    connection->waits_for_reload = true;
    connection->is_owed = true;
    connection->reload.notify = web_connection_resume;
    connection->reload.context = connection;
    MHD_suspend_connection(connection->library); /* before anybody can wake it */
    web_reload_ask(reload, &connection->reload);
    return true;
}

static int
request_serve(struct web_connection *connection, const struct request *request,
              struct web_policy *policy)
{
    struct web_page page;

    if (connection->waits_for_targets) {
        connection->waits_for_targets = false;
        page = web_targets_take(&connection->targets);
    } else if (connection->waits_for_reload) {
        connection->waits_for_reload = false;
        page = web_reload_page(&connection->reload);
    } else {
        enum web_verdict verdict =
            request->ambiguous ? WEB_VERDICT_NONE : request_judge(connection, policy);

        if (verdict == WEB_VERDICT_WAIT ||
            request_wants_targets(connection, request, verdict) ||
            request_wants_reload(connection, request, verdict))
            return 0;
        page = request_answer(connection, request, verdict);
    }
    bool head = strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0;

    if (request->route == WEB_ROUTE_METRICS)
        telemetry_scrape(connection->all->site->telemetry, page.status,
                         head ? 0 : page.length);
    web_connection_reads(connection, page.body);
    /* A renewed certificate, or other authorities, are for those who come anew. */
    bool close =
        request->with_body || (connection->policy && connection->policy != policy);

    return web_response_send(&page, close, policy->config->headers,
                             connection->library);
}

/* How long who scrapes waits for the answer; who has given up is not sent the rest. */
static int64_t
scrape_timeout_ns(struct MHD_Connection *library, const struct request *request)
{
    const char *value =
        request->route == WEB_ROUTE_METRICS
            ? MHD_lookup_connection_value(library, MHD_HEADER_KIND,
                                          "X-Prometheus-Scrape-Timeout-Seconds")
            : NULL;

    return value ? web_scrape_timeout_ns(value) : 0;
}

int
web_request_handle(struct web_connection *connection, const char *path,
                   const char *method, const char *version, size_t *upload_bytes,
                   void **seen)
{
    const struct web_site *site = connection->all->site;
    struct web_length length = {0};

    (void)MHD_get_connection_values(connection->library, MHD_HEADER_KIND, length_take,
                                    &length);
    bool ambiguous = web_length_is_ambiguous(&length, version);
    const struct request request = {
        .route = web_pages_route(site->pages, path),
        .path = path,
        .method = method,
        .with_body = ambiguous || length.has_body,
        .ambiguous = ambiguous,
    };

    if (site->with_tls && !connection->tls.admitted)
        return -1;
    /* The first call comes with the headers; without a body the answer is for the
     * second, so that the connection can be kept. */
    if (!*seen) {
        web_connection_asks(connection,
                            scrape_timeout_ns(connection->library, &request));
        *seen = connection;
        if (!request.with_body)
            return 0;
    }
    *upload_bytes = 0;
    struct web_policy *policy = web_access_get(site->access);
    int result = request_serve(connection, &request, policy);

    web_policy_unref(policy);
    return result;
}
