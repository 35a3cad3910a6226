/* What is served at which path, without HTTP. */
#include "kit/memory.h"
#include "store/note.h"
#include "store/store.h"
#include "store/telemetry_text.h"
#include "unit/hand_clock.h"
#include "web/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct metric up = {.name = "qga_up", .help = "Up."};
static const struct metric *const families[] = {&up, NULL};
static const struct store_part parts[] = {{"health", families, NULL}};

static const char *const no_states[] = {NULL};

static int
set_up(void **state)
{
    *state = store_new(parts, 1, NULL);
    return 0;
}

static int
tear_down(void **state)
{
    store_free(*state);
    return 0;
}

/* The page at `path` has the status and the type, and `part` in it; "" : it is empty.
 */
static void
page_is(struct web_pages *pages, const char *path, const char *const *parameters,
        unsigned int status, const char *type, const char *part)
{
    struct web_ask ask;

    web_ask_init(&ask, pages, web_pages_route(pages, path), path);
    for (; parameters && *parameters; parameters += 2)
        web_ask_add(&ask, parameters[0], parameters[1]);
    struct web_page page = web_pages_get(pages, &ask);
    bool found = *part ? !!memmem(page.bytes, page.length, part, strlen(part))
                       : page.length == 0;

    if (page.status != status || strcmp(page.type, type) != 0 || !found)
        fail_msg("%s: %u, %s, %.*s", path, page.status, page.type, (int)page.length,
                 page.bytes);
    if (page.release)
        page.release(page.owner);
}
#define PARAMETERS(...) ((const char *const[]){__VA_ARGS__, NULL})

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"
#define HTML "text/html; charset=utf-8"
#define EXPOSITION "text/plain; version=0.0.4; charset=utf-8"

static void
each_path_has_its_page(void **state)
{
    struct web_pages *pages = web_pages_new(*state, "/metrics", no_states);
    struct store_guest *guest = store_guest_add(*state, "domain=\"a\"");
    const struct samples_limits limits = {.series_max = 9, .label_bytes_max = 99};
    struct samples *samples = samples_new(&limits);

    page_is(pages, "/metrics", NULL, 200, EXPOSITION, "");
    samples_add(samples, &up, 1, NO_LABELS);
    store_put(*state, guest, 0, exposition_render("domain=\"a\"", families, samples),
              INT64_MAX);
    samples_free(samples);
    page_is(pages, "/metrics", NULL, 200, EXPOSITION, "qga_up{domain=\"a\"} 1\n");
    page_is(pages, "/", NULL, 200, HTML, "<a href=\"/metrics\">");
    page_is(pages, "/", NULL, 200, HTML, telemetry_version());
    page_is(pages, "/-/healthy", NULL, 200, TEXT, "Healthy\n");
    page_is(pages, "/metrics/", NULL, 404, TEXT, "Not found");
    page_is(pages, "", NULL, 404, TEXT, "Not found");
    page_is(pages, "/-/", NULL, 404, TEXT, "Not found");
    web_pages_free(pages);
    web_pages_free(NULL);
}

static void
guests_have_pages(void **state)
{
    static const char *const states[] = {"frozen", "denied", NULL};
    struct web_pages *pages = web_pages_new(*state, "/metrics", states);
    struct guest_note *note = guest_note_new();

    note->domain = memory_string("web <1>");
    note->uuid = memory_string("");
    note->source = memory_string("here");
    note->agent_version = memory_string("");
    note->os = memory_string("");
    note->state = states[0];
    store_describe(*state, store_guest_add(*state, "a"), note);
    page_is(pages, "/", NULL, 200, HTML, "<a href=\"/guests?state=frozen\">1</a>");
    page_is(pages, "/guests", NULL, 200, HTML, "<bdi>web &#60;1&#62;</bdi>");
    page_is(pages, "/guests", PARAMETERS("state", "denied"), 200, HTML,
            "0 of 1 guests.");
    page_is(pages, "/guests", PARAMETERS("state", "fozen"), 400, TEXT,
            "state=fozen is not good: did you mean \"frozen\"?\n");
    page_is(pages, "/guests/web <1>", NULL, 200, HTML,
            "<h1><bdi>web &#60;1&#62;</bdi></h1>");
    page_is(pages, "/guests/web <1>", PARAMETERS("source", "there"), 404, TEXT,
            "Not found: no guest of this name");
    page_is(pages, "/guests/web <1>", PARAMETERS("sauce", "there"), 400, TEXT,
            "sauce is no parameter: did you mean \"source\"?\n");
    page_is(pages, "/guests/", NULL, 404, TEXT, "Not found");
    page_is(pages, "/api/v1/guests", NULL, 200, JSON, "\"domain\":\"web <1>\"");
    page_is(pages, "/api/v1/guests/web <1>", NULL, 200, JSON, "\"state\": \"frozen\"");
    page_is(pages, "/api/v1/guests/web", NULL, 404, TEXT, "Not found");
    page_is(pages, "/api/v1/", NULL, 404, TEXT, "Not found");
    page_is(pages, "/style.css", NULL, 200, "text/css; charset=utf-8",
            "prefers-color-scheme:dark");
    web_pages_free(pages);
}

static void
it_is_ready_when_that_is_said(void **state)
{
    struct web_pages *pages = web_pages_new(*state, "/metrics", no_states);

    page_is(pages, "/-/ready", NULL, 503, TEXT, "Not ready: ");
    web_pages_set_ready(pages, true);
    page_is(pages, "/-/ready", NULL, 200, TEXT, "Ready\n");
    web_pages_set_ready(pages, false);
    page_is(pages, "/-/ready", NULL, 503, TEXT, "Not ready: ");
    web_pages_free(pages);
}

static void
it_is_healthy_while_the_main_loop_turns(void **state)
{
    struct web_pages *pages = web_pages_new(*state, "/metrics", no_states);

    hand_clock_pass(2 * STORE_PATIENCE_NS);
    page_is(pages, "/-/healthy", NULL, 200, TEXT, "Healthy\n"); /* not begun yet */
    store_turned(*state, hand_clock_ns);
    hand_clock_pass(STORE_PATIENCE_NS - 1);
    page_is(pages, "/-/healthy", NULL, 200, TEXT, "Healthy\n");
    hand_clock_pass(1);
    page_is(pages, "/-/healthy", NULL, 503, TEXT, "Not healthy: the main loop");
    store_turned(*state, hand_clock_ns);
    page_is(pages, "/-/healthy", NULL, 200, TEXT, "Healthy\n");
    web_pages_free(pages);
}

static void
a_query_that_is_none_is_told(void **state)
{
    struct web_pages *pages = web_pages_new(*state, "/metrics", no_states);

    page_is(pages, "/sd", PARAMETERS("port", "x"), 400, TEXT, "port=x is not good: ");
    web_pages_free(pages);
}

static void
the_telemetry_path_may_be_another(void **state)
{
    struct web_pages *pages = web_pages_new(*state, "/a\"b<&", no_states);

    page_is(pages, "/", NULL, 200, HTML, "<a href=\"/a&#34;b&#60;&#38;\">");
    page_is(pages, "/a\"b<&", NULL, 200, EXPOSITION, "");
    page_is(pages, "/metrics", NULL, 404, TEXT, "Not found");
    web_pages_free(pages);
    pages = web_pages_new(*state, "/", no_states); /* it wins over the overview */
    page_is(pages, "/", NULL, 200, EXPOSITION, "");
    web_pages_free(pages);
}

static void
a_scrape_is_of_what_was_asked_for(void **state)
{
    struct web_pages *pages = web_pages_new(*state, "/metrics", no_states);
    struct store_guest *guest = store_guest_add(*state, "domain=\"a\"");
    const struct samples_limits limits = {.series_max = 9, .label_bytes_max = 99};
    struct samples *samples = samples_new(&limits);

    samples_add(samples, &up, 1, NO_LABELS);
    store_put(*state, guest, 0, exposition_render("domain=\"a\"", families, samples),
              INT64_MAX);
    samples_free(samples);
    page_is(pages, "/metrics", PARAMETERS("collect[]", "health"), 200, EXPOSITION,
            "qga_up{domain=\"a\"} 1\n");
    page_is(pages, "/metrics", PARAMETERS("exclude[]", "health"), 200, EXPOSITION, "");
    page_is(pages, "/metrics", PARAMETERS("name[]", "qga_ups"), 400, TEXT,
            "name[]=qga_ups is not good: did you mean \"qga_up\"?\n");
    page_is(pages, "/metrics", PARAMETERS("domain[]", "b"), 400, TEXT,
            "domain[]=b is no guest that runs here\n");
    page_is(pages, "/metrics", PARAMETERS("port", "1"), 400, TEXT,
            "port is no parameter: known are: collect[], exclude[], name[], "
            "domain[]\n");
    web_pages_free(pages);
}

static void
the_format_is_the_one_that_is_wished(void **state)
{
    struct web_pages *pages = web_pages_new(*state, "/metrics", no_states);
    struct web_ask ask;

    web_ask_init(&ask, pages, WEB_ROUTE_METRICS, "/metrics");
    ask.wish = (struct web_wish){.format = EXPOSITION_OPENMETRICS};
    struct web_page page = web_pages_get(pages, &ask);

    assert_string_equal(page.type,
                        "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_true(page.negotiated);
    assert_int_equal(page.length, strlen("# EOF\n"));
    assert_memory_equal(page.bytes, "# EOF\n", page.length);
    assert_false(page.gzip);
    page.release(page.owner);
    ask.wish.gzip_q = 1001;
    page = web_pages_get(pages, &ask);
    assert_true(page.gzip);
    assert_memory_equal(page.bytes, "\x1f\x8b", 2);
    page.release(page.owner);
    ask.wish = (struct web_wish){.any_q = 1};
    page = web_pages_get(pages, &ask);
    assert_int_equal(page.status, 406);
    ask.route = WEB_ROUTE_LANDING;
    page = web_pages_get(pages, &ask);
    assert_int_equal(page.status, 200);
    assert_false(page.negotiated);
    page.release(page.owner);
    web_pages_free(pages);
}

int
main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_path_has_its_page),
        CASE(guests_have_pages),
        CASE(it_is_ready_when_that_is_said),
        CASE(it_is_healthy_while_the_main_loop_turns),
        CASE(a_query_that_is_none_is_told),
        CASE(the_telemetry_path_may_be_another),
        CASE(a_scrape_is_of_what_was_asked_for),
        CASE(the_format_is_the_one_that_is_wished),
    };

    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
