/* The pages. */
#include "web/pages.h"

#include "base/clock.h"
#include "base/text.h"
#include "kit/memory.h"
#include "store/discovery_query.h"
#include "store/selection.h"
#include "store/store.h"
#include "store/telemetry_text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LANDING_BYTES_MAX ((size_t)64 << 10)

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_HTML "text/html; charset=utf-8"

#define STATUS_OK 200
#define STATUS_BAD_REQUEST 400
#define STATUS_NOT_FOUND 404
#define STATUS_NOT_ACCEPTABLE 406
#define STATUS_UNAVAILABLE 503

struct web_pages {
    struct store *store;
    char *telemetry_path;
    struct text landing;
    atomic_bool ready;
};

static void
add_html(struct text *out, const char *string)
{
    for (const char *c = string; *c != '\0'; c++) {
        if (strchr("&<>\"'", *c))
            text_add_format(out, "&#%d;", *c);
        else
            text_add(out, c, 1);
    }
}

static void
landing_write(struct text *out, const char *telemetry_path)
{
    text_add_string(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                         "<meta charset=\"utf-8\">\n<title>qga-exporter</title>\n"
                         "</head>\n<body>\n<h1>qga-exporter</h1>\n"
                         "<p>What QEMU guest agents say of the inside of this host's "
                         "guests, for Prometheus.</p>\n<p>Version ");
    add_html(out, telemetry_version());
    text_add_string(out, "</p>\n<ul>\n<li><a href=\"");
    add_html(out, telemetry_path);
    text_add_string(out, "\">Metrics</a></li>\n"
                         "<li><a href=\"/sd\">Guests as targets, for HTTP service "
                         "discovery</a></li>\n"
                         "<li><a href=\"/-/healthy\">Healthy</a></li>\n"
                         "<li><a href=\"/-/ready\">Ready</a></li>\n"
                         "</ul>\n</body>\n</html>\n");
}

struct web_page
web_page_sentence(unsigned int status, const char *sentence)
{
    return (struct web_page){.status = status,
                             .type = TYPE_TEXT,
                             .bytes = sentence,
                             .length = strlen(sentence)};
}

static void
body_release(void *body)
{
    body_unref(body);
}

/* A text of our own; it is taken. */
static struct web_page
page_text(unsigned int status, const char *type, struct text *text)
{
    struct web_page page = {.status = status, .type = type, .release = free};
    char *bytes = text_take(text, &page.length);

    page.bytes = bytes;
    page.owner = bytes;
    return page;
}

/* What is wrong with the question. */
static struct web_page
page_problem(const char *problem)
{
    struct text sentence = TEXT_INIT(LANDING_BYTES_MAX);

    text_add_format(&sentence, "%s\n", problem);
    return page_text(STATUS_BAD_REQUEST, TYPE_TEXT, &sentence);
}

static struct web_page
page_metrics(struct web_pages *pages, const struct web_ask *ask)
{
    struct body_form form = {.format = ask->wish.format};
    int64_t now_ns = clock_monotonic_ns();
    struct body *body = NULL;

    if (!web_wish_coding(&ask->wish, &form.coding)) {
        struct web_page page = web_page_sentence(
            STATUS_NOT_ACCEPTABLE,
            "Not acceptable: Accept-Encoding must allow identity or gzip.\n");

        page.negotiated = true;
        return page;
    }
    if (selection_is_whole(ask->selection) && !*ask->selection->problem)
        body = store_body(pages->store, form, now_ns);
    else if (!*ask->selection->problem)
        body = store_selected_body(pages->store, ask->selection, form, now_ns);
    if (!body && !*ask->selection->problem)
        return web_page_sentence(STATUS_UNAVAILABLE,
                                 "Too many clients read too slowly: try again in a "
                                 "second.\n");
    if (!body)
        return page_problem(ask->selection->problem);
    return (struct web_page){.status = STATUS_OK,
                             .type = web_wish_type(&ask->wish),
                             .negotiated = true,
                             .gzip = form.coding == BODY_GZIP,
                             .bytes = body->bytes,
                             .length = body->length,
                             .release = body_release,
                             .owner = body,
                             .body = body};
}

struct web_page
web_pages_get(struct web_pages *pages, enum web_route route, const struct web_ask *ask)
{
    switch (route) {
    case WEB_ROUTE_METRICS:
        return page_metrics(pages, ask);
    case WEB_ROUTE_DISCOVERY:
        /* Those that can be are made elsewhere (web/targets.h). */
        return page_problem(ask->targets->problem);
    case WEB_ROUTE_LANDING:
        return (struct web_page){.status = STATUS_OK,
                                 .type = TYPE_HTML,
                                 .bytes = pages->landing.bytes,
                                 .length = pages->landing.length};
    case WEB_ROUTE_HEALTHY:
        return web_page_sentence(STATUS_OK, "Healthy\n");
    case WEB_ROUTE_READY:
        if (atomic_load(&pages->ready))
            return web_page_sentence(STATUS_OK, "Ready\n");
        return web_page_sentence(STATUS_UNAVAILABLE,
                                 "Not ready: the first pass over the guests is not "
                                 "through yet.\n");
    case WEB_ROUTE_NONE:
        break;
    }
    return web_page_sentence(STATUS_NOT_FOUND,
                             "Not found: nothing is served at this path.\n");
}

void
web_pages_select(const struct web_pages *pages, struct selection *selection)
{
    store_select(pages->store, selection);
}

enum web_route
web_pages_route(const struct web_pages *pages, const char *path)
{
    if (strcmp(path, pages->telemetry_path) == 0)
        return WEB_ROUTE_METRICS;
    if (strcmp(path, "/sd") == 0)
        return WEB_ROUTE_DISCOVERY;
    if (strcmp(path, "/") == 0)
        return WEB_ROUTE_LANDING;
    if (strcmp(path, "/-/healthy") == 0)
        return WEB_ROUTE_HEALTHY;
    if (strcmp(path, "/-/ready") == 0)
        return WEB_ROUTE_READY;
    return WEB_ROUTE_NONE;
}

struct web_pages *
web_pages_new(struct store *store, const char *telemetry_path)
{
    struct web_pages *pages = memory_new(1, sizeof(*pages));

    pages->store = store;
    pages->telemetry_path = memory_string(telemetry_path);
    pages->landing = TEXT_INIT(LANDING_BYTES_MAX);
    landing_write(&pages->landing, telemetry_path);
    return pages;
}

void
web_pages_free(struct web_pages *pages)
{
    if (!pages)
        return;
    text_free(&pages->landing);
    free(pages->telemetry_path);
    free(pages);
}

void
web_pages_set_ready(struct web_pages *pages, bool ready)
{
    atomic_store(&pages->ready, ready);
}
