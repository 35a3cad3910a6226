/* The pages. */
#include "web/pages.h"

#include "base/clock.h"
#include "base/text.h"
#include "kit/memory.h"
#include "pages/api.h"
#include "pages/guest.h"
#include "pages/html.h"
#include "pages/list.h"
#include "pages/rows.h"
#include "pages/start.h"
#include "pages/style.h"
#include "store/store.h"
#include "store/telemetry_text.h"
#include "store/view.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE_BYTES_MAX ((size_t)4 << 10)

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"
#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_CSS "text/css; charset=utf-8"

#define PATH_GUESTS "/guests"
#define PATH_API_GUESTS "/api/v1/guests"

#define STATUS_OK 200
#define STATUS_BAD_REQUEST 400
#define STATUS_FORBIDDEN 403
#define STATUS_NOT_FOUND 404
#define STATUS_NOT_ACCEPTABLE 406
#define STATUS_UNAVAILABLE 503

struct web_pages {
    struct store *store;
    char *telemetry_path;
    const char *const *states;
    atomic_bool ready;
};

struct web_page
web_page_sentence(unsigned int status, const char *sentence)
{
    return (struct web_page){.status = status,
                             .type = TYPE_TEXT,
                             .bytes = sentence,
                             .length = strlen(sentence)};
}

struct web_page
web_page_text(unsigned int status, struct text *text)
{
    struct web_page page = {.status = status, .type = TYPE_TEXT, .release = free};
    char *bytes = text_take(text, &page.length);

    page.bytes = bytes;
    page.owner = bytes;
    return page;
}

static void
body_release(void *body)
{
    body_unref(body);
}

struct web_page
web_page_body(const char *type, struct body *body)
{
    return (struct web_page){.status = STATUS_OK,
                             .type = type,
                             .bytes = body->bytes,
                             .length = body->length,
                             .release = body_release,
                             .owner = body,
                             .body = body};
}

/* What is wrong with the question. */
static struct web_page
page_problem(const char *problem)
{
    struct text sentence = TEXT_INIT(SENTENCE_BYTES_MAX);

    text_add_format(&sentence, "%s\n", problem);
    return web_page_text(STATUS_BAD_REQUEST, &sentence);
}

static struct web_page
page_metrics(struct web_pages *pages, struct web_ask *ask)
{
    struct body_form form = {.format = ask->wish.format};
    int64_t now_ns = clock_monotonic_ns();
    struct selection *selection = &ask->selection;
    struct body *body = NULL;

    if (!web_wish_coding(&ask->wish, &form.coding)) {
        struct web_page page = web_page_sentence(
            STATUS_NOT_ACCEPTABLE,
            "Not acceptable: Accept-Encoding must allow identity or gzip.\n");

        page.negotiated = true;
        return page;
    }
    if (!*selection->problem)
        body = selection_is_whole(selection)
                   ? store_body(pages->store, form, now_ns)
                   : store_selected_body(pages->store, selection, form, now_ns);
    if (*selection->problem)
        return page_problem(selection->problem);
    if (!body)
        return web_page_sentence(STATUS_UNAVAILABLE,
                                 "Too many clients read too slowly: try again in a "
                                 "second.\n");
    struct web_page page = web_page_body(web_wish_type(&ask->wish), body);

    page.negotiated = true;
    page.gzip = form.coding == BODY_GZIP;
    return page;
}

static struct web_page
page_health(const struct web_pages *pages)
{
    if (store_is_kept(pages->store, clock_monotonic_ns()))
        return web_page_sentence(STATUS_OK, "Healthy\n");
    return web_page_sentence(STATUS_UNAVAILABLE,
                             "Not healthy: the main loop, which asks the guests, has "
                             "stood still for 30 seconds or more.\n");
}

/* --- for people --- */

/* A page that was made of a view; it is taken. */
static struct web_page
page_made(struct web_pages *pages, struct text *text, const char *type)
{
    bool is_whole = !text->overflow;
    struct body *body = is_whole ? store_page(pages->store, text) : NULL;

    if (!is_whole)
        text_free(text);
    if (!body)
        return web_page_sentence(
            STATUS_UNAVAILABLE, "Too many clients read too slowly, or the page is over "
                                "32 MiB: try again in a second, or ask for less.\n");
    struct web_page page = web_page_body(type, body);

    page.policy = strcmp(type, TYPE_HTML) == 0 ? pages_policy : NULL;
    return page;
}

static struct web_page
page_start(struct web_pages *pages)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);
    struct view *view = store_view(pages->store, clock_monotonic_ns());

    start_page(&text, view, pages->states, telemetry_version(), pages->telemetry_path);
    view_free(view);
    return page_made(pages, &text, TYPE_HTML);
}

static struct web_page
page_guests(struct web_pages *pages, const struct pages_query *query, bool as_json)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);

    if (*query->problem)
        return page_problem(query->problem);
    struct view *view = store_view(pages->store, clock_monotonic_ns());
    struct rows rows = rows_of(view, query);

    if (as_json)
        api_guests(&text, view, &rows);
    else
        list_page(&text, view, &rows, query, (double)clock_realtime_ns() / 1e9);
    rows_free(&rows);
    view_free(view);
    return page_made(pages, &text, as_json ? TYPE_JSON : TYPE_HTML);
}

static struct web_page
page_guest(struct web_pages *pages, const char *domain, const struct pages_query *query,
           bool as_json)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);

    if (*query->problem)
        return page_problem(query->problem);
    struct view *view = store_view(pages->store, clock_monotonic_ns());
    const struct view_guest *guest = row_find(view, domain, query->source);

    if (guest && as_json)
        api_guest(&text, view, guest);
    else if (guest)
        guest_page(&text, view, guest, (double)clock_realtime_ns() / 1e9);
    view_free(view);
    if (!guest)
        return web_page_sentence(STATUS_NOT_FOUND,
                                 "Not found: no guest of this name runs here, or more "
                                 "than one: then add ?source=NAME.\n");
    return page_made(pages, &text, as_json ? TYPE_JSON : TYPE_HTML);
}

void
web_ask_init(struct web_ask *ask, const struct web_pages *pages, enum web_route route,
             const char *path)
{
    *ask = (struct web_ask){.route = route, .path = path};
    store_select(pages->store, &ask->selection);
    discovery_query_init(&ask->targets);
    pages_query_init(&ask->guests, pages->states);
}

void
web_ask_add(struct web_ask *ask, const char *key, const char *value)
{
    enum web_route route = ask->route;

    if (route == WEB_ROUTE_METRICS)
        selection_add(&ask->selection, key, value);
    else if (route == WEB_ROUTE_DISCOVERY)
        discovery_query_add(&ask->targets, key, value);
    else if (route == WEB_ROUTE_GUESTS || route == WEB_ROUTE_GUEST ||
             route == WEB_ROUTE_API_GUESTS || route == WEB_ROUTE_API_GUEST)
        pages_query_add(&ask->guests, key, value);
}

struct web_page
web_pages_get(struct web_pages *pages, struct web_ask *ask)
{
    struct web_page page;

    switch (ask->route) {
    case WEB_ROUTE_METRICS:
        selection_close(&ask->selection);
        page = page_metrics(pages, ask);
        selection_free(&ask->selection);
        return page;
    case WEB_ROUTE_DISCOVERY:
        /* Those that can be are made elsewhere (web/targets.h). */
        return page_problem(ask->targets.problem);
    case WEB_ROUTE_LANDING:
        return page_start(pages);
    case WEB_ROUTE_GUESTS:
    case WEB_ROUTE_API_GUESTS:
        return page_guests(pages, &ask->guests, ask->route == WEB_ROUTE_API_GUESTS);
    case WEB_ROUTE_GUEST:
        return page_guest(pages, ask->path + strlen(PATH_GUESTS "/"), &ask->guests,
                          false);
    case WEB_ROUTE_API_GUEST:
        return page_guest(pages, ask->path + strlen(PATH_API_GUESTS "/"), &ask->guests,
                          true);
    case WEB_ROUTE_STYLE:
        return (struct web_page){.status = STATUS_OK,
                                 .type = TYPE_CSS,
                                 .bytes = pages_style,
                                 .length = strlen(pages_style)};
    case WEB_ROUTE_HEALTHY:
        return page_health(pages);
    case WEB_ROUTE_READY:
        if (atomic_load(&pages->ready))
            return web_page_sentence(STATUS_OK, "Ready\n");
        return web_page_sentence(STATUS_UNAVAILABLE,
                                 "Not ready: the first pass over the guests is not "
                                 "through yet.\n");
    case WEB_ROUTE_RELOAD: /* what comes of it is told elsewhere (web/reload.h) */
        return web_page_sentence(STATUS_FORBIDDEN,
                                 "Forbidden: reloading by HTTP is not enabled "
                                 "(--web.enable-lifecycle).\n");
    case WEB_ROUTE_NONE:
        break;
    }
    return web_page_sentence(STATUS_NOT_FOUND,
                             "Not found: nothing is served at this path.\n");
}

static bool
begins_with(const char *path, const char *folder)
{
    return strncmp(path, folder, strlen(folder)) == 0;
}

enum web_route
web_pages_route(const struct web_pages *pages, const char *path)
{
    static const struct {
        const char *path;
        enum web_route route;
    } routes[] = {
        {"/sd", WEB_ROUTE_DISCOVERY},        {"/", WEB_ROUTE_LANDING},
        {PATH_GUESTS, WEB_ROUTE_GUESTS},     {PATH_API_GUESTS, WEB_ROUTE_API_GUESTS},
        {PAGES_STYLE_PATH, WEB_ROUTE_STYLE}, {"/-/healthy", WEB_ROUTE_HEALTHY},
        {"/-/ready", WEB_ROUTE_READY},       {"/-/reload", WEB_ROUTE_RELOAD},
    };

    if (strcmp(path, pages->telemetry_path) == 0)
        return WEB_ROUTE_METRICS;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(path, routes[i].path) == 0)
            return routes[i].route;
    }
    if (begins_with(path, PATH_GUESTS "/"))
        return WEB_ROUTE_GUEST;
    return begins_with(path, PATH_API_GUESTS "/") ? WEB_ROUTE_API_GUEST
                                                  : WEB_ROUTE_NONE;
}

struct web_pages *
web_pages_new(struct store *store, const char *telemetry_path,
              const char *const *states)
{
    struct web_pages *pages = memory_new(1, sizeof(*pages));

    pages->store = store;
    pages->telemetry_path = memory_string(telemetry_path);
    pages->states = states;
    return pages;
}

void
web_pages_free(struct web_pages *pages)
{
    if (!pages)
        return;
    free(pages->telemetry_path);
    free(pages);
}

void
web_pages_set_ready(struct web_pages *pages, bool ready)
{
    atomic_store(&pages->ready, ready);
}
