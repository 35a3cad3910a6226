/* Requests over a real socket: paths, methods, bodies, log-ins, and what is no request.
 */
#include "store/discovery.h"
#include "unit/own_text.h"
#include "unit/served.h"
#include "unit/yaml_text.h"

#include <stdatomic.h>

static void
each_path_has_its_page(void **state)
{
    struct served served = serve();

    (void)state;
    answers(&served, "GET", "/metrics?collect%5B%5D=exporter", OK,
            "qga_exporter_build_info");
    answers(&served, "GET", "/metrics?collect[]=x", "HTTP/1.1 400 ",
            "collect[]=x is not good: known are: health, host, exporter, process\n");
    answers(&served, "GET", "/", OK, "<a href=\"/metrics\">");
    answers(&served, "GET", "/-/healthy", OK, "\r\n\r\nHealthy\n");
    answers(&served, "HEAD", "/-/healthy", OK, "Content-Length: 8\r\n");
    answers(&served, "GET", "/-/ready", "HTTP/1.1 503 ", "\r\n\r\nNot ready: ");
    answers(&served, "GET", "/sd?port=x", "HTTP/1.1 400 ", "port=x is not good: ");
    answers(&served, "GET", "/sd?%00port=1", "HTTP/1.1 400 ", "is no parameter");
    answers(&served, "GET", "/metrics/", "HTTP/1.1 404 ", "\r\n\r\nNot found");
    answers(&served, "GET", "/../etc/passwd", "HTTP/1.1 404 ", "");
    answers(&served, "GET", "/%00x", "HTTP/1.1 404 ", ""); /* it does not end there */
    answers(&served, "POST", "/unknown", "HTTP/1.1 404 ", "");
    end(&served);
}

static void
paths_and_parameters_are_unescaped(void **state)
{
    struct served served =
        serve_with((struct web_settings){.telemetry_path = "/a\"b<&"}, NULL);
    struct store_guest *guest = store_guest_add(served.store, "domain=\"a\"");
    const struct discovery_label label = {"domain", "a"};
    struct discovery_address address;

    (void)state;
    answers(&served, "GET", "/a%22b%3C%26", OK, "qga_exporter_build_info");
    answers(&served, "GET", "/metrics", "HTTP/1.1 404 ", "");
    assert_true(discovery_address_read(&address, "eth0", "10.0.0.1"));
    store_announce(served.store, guest, discovery_guest_new(&label, 1, &address, 1));
    store_set_incomplete(served.store, NULL);
    answers(&served, "GET", "/sd?port=9182&network=10.0.0.0%2F8", OK,
            "{\"targets\":[\"10.0.0.1:9182\"],");
    answers(&served, "GET", "/sd?network=10.1.0.0%2F16", OK, "\r\n\r\n[]\n");
    end(&served);
}

static void
head_has_the_headers_alone(void **state)
{
    (void)state;
    struct served served = serve();
    char *answer = ask(&served, "HEAD", "/metrics");
    assert_memory_equal(answer, OK, strlen(OK));
    const char *length = strstr(answer, "Content-Length: ");
    assert_non_null(length);
    assert_true(strtoul(length + 16, NULL, 10) > 1000);
    assert_string_equal(answer + strlen(answer) - 4, "\r\n\r\n");
    assert_ptr_equal(strstr(answer, "\r\n\r\n"), answer + strlen(answer) - 4);
    free(answer);
    end(&served);
}

/* The answer to a request with these lines in its header; caller frees. */
static char *
ask_for(const struct served *served, const char *method, const char *lines)
{
    char request[512];
    int fd = dial(served);

    (void)snprintf(request, sizeof(request),
                   "%s /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
                   method, lines);
    say(fd, request);
    return hear_all(fd);
}

static void
the_format_is_negotiated(void **state)
{
    static const char type[] = "\r\nContent-Type: application/openmetrics-text; "
                               "version=1.0.0; charset=utf-8; escaping=dots\r\n";
    static const char accept[] =
        "accept: text/plain;q=0.5\r\n"
        "Accept: application/openmetrics-text;version=1.0.0;escaping=dots\r\n";
    struct served served = serve();
    char *answer = ask_for(&served, "GET", accept);

    (void)state;
    assert_memory_equal(answer, OK, strlen(OK));
    assert_non_null(strstr(answer, type));
    assert_non_null(strstr(answer, "\r\nVary: Accept, Accept-Encoding\r\n"));
    assert_non_null(strstr(answer, "\n# TYPE qga_exporter_build info\n"));
    assert_string_equal(answer + strlen(answer) - 7, "\n# EOF\n");
    free(answer);
    answer = ask_for(&served, "HEAD", accept);
    assert_non_null(strstr(answer, type));
    free(answer);
    answer = ask(&served, "GET", "/metrics");
    assert_non_null(strstr(answer, "\r\nVary: Accept, Accept-Encoding\r\n"));
    assert_non_null(strstr(answer, "\n# TYPE qga_exporter_build_info gauge\n"));
    assert_null(strstr(answer, "# EOF"));
    free(answer);
    answer = ask(&served, "GET", "/");
    assert_null(strstr(answer, "Vary"));
    free(answer);
    end(&served);
}

static void
the_coding_is_negotiated(void **state)
{
    static const char coding[] = "\r\nContent-Encoding: gzip\r\n";
    struct served served = serve();
    char *answer = ask_for(&served, "GET", "Accept-Encoding: gzip\r\n");

    (void)state;
    assert_memory_equal(answer, OK, strlen(OK));
    assert_non_null(strstr(answer, coding));
    assert_memory_equal(strstr(answer, "\r\n\r\n") + 4, "\x1f\x8b", 2);
    free(answer);
    answer = ask_for(&served, "HEAD", "Accept-Encoding: identity;q=0, *\r\n");
    assert_non_null(strstr(answer, coding));
    free(answer);
    answer = ask_for(&served, "GET", "Accept-Encoding: br\r\n");
    assert_memory_equal(answer, OK, strlen(OK));
    assert_null(strstr(answer, "Content-Encoding"));
    free(answer);
    answer = ask_for(&served, "GET", "Accept-Encoding: *;q=0\r\n");
    assert_memory_equal(answer, "HTTP/1.1 406 ", 13);
    assert_null(strstr(answer, "Content-Encoding"));
    assert_non_null(strstr(answer, "\r\n\r\nNot acceptable: "));
    free(answer);
    end(&served);
}

static void
other_methods_are_not_allowed(void **state)
{
    (void)state;
    struct served served = serve();
    static const char *const paths[] = {"/", "/metrics", "/-/healthy", "/-/ready",
                                        "/sd"};
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "BREW"};
    for (size_t i = 0; i < 5; i++)
        for (size_t m = 0; m < 5; m++)
            answers(&served, methods[m], paths[i], "HTTP/1.1 405 ",
                    "\r\nAllow: GET, HEAD\r\n");
    end(&served);
}

static void
bodies_are_refused_and_never_taken_for_a_request(void **state)
{
    (void)state;
    struct served served = serve();
    int fd = dial(&served);
    say(fd, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    char *answer = hear_one(fd, false);
    assert_non_null(strstr(answer, "HTTP/1.1 405 "));
    free(answer);
    (void)close(fd);

    fd = dial(&served);
    say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 45\r\n\r\n"
            "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n1234567890");
    answer = hear_all(fd);
    assert_memory_equal(answer, "HTTP/1.1 413 ", 13);
    assert_null(strstr(answer, "Healthy"));
    free(answer);

    fd = dial(&served);
    say(fd, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    answer = hear_one(fd, false);
    assert_memory_equal(answer, "HTTP/1.1 413 ", 13);
    assert_non_null(strstr(answer, "Connection: close"));
    free(answer);
    (void)close(fd);
    end(&served);
}

/* Who passes it on may have taken the other length: what follows is no request. */
/* A coding that libmicrohttpd 1.0.10 does not know it refuses itself, with 501. */
static bool
is_refused(const char *answer, const char *length)
{
    return strncmp(answer, "HTTP/1.1 400 ", 13) == 0 ||
           (strstr(length, "identity") && strncmp(answer, "HTTP/1.1 501 ", 13) == 0);
}

static void
what_has_two_lengths_is_refused_and_closed(void **state)
{
    static const char *const lengths[] = {
        "Content-Length: 0\r\nContent-Length: 41",
        "Content-Length: 41\r\ncontent-length: 0",
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length: 41\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity\r\nContent-Length: 0",
    };
    struct served served = serve();

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char request[256];
        int fd = dial(&served);

        (void)snprintf(request, sizeof(request),
                       "GET /-/healthy HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n"
                       "GET /-/healthy HTTP/1.1\r\nHost: y\r\n\r\n",
                       lengths[i]);
        say(fd, request);
        char *answer = hear_all(fd); /* to the end of the connection */

        if (!is_refused(answer, lengths[i]) || strstr(answer, "Healthy"))
            fail_msg("%s: %s", lengths[i], answer);
        free(answer);
    }
    end(&served);
}

static void
a_connection_is_kept(void **state)
{
    (void)state;
    struct served served = serve();
    int fd = dial(&served);
    for (int i = 0; i < 3; i++) {
        say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        char *answer = hear_one(fd, false);
        assert_memory_equal(answer, OK, strlen(OK));
        free(answer);
        say(fd, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        answer = hear_one(fd, true);
        assert_memory_equal(answer, OK, strlen(OK));
        free(answer);
    }
    (void)close(fd);
    end(&served);
}

static void
garbage_does_no_harm(void **state)
{
    (void)state;
    struct served served = serve();
    static const char *const requests[] = {
        "\x16\x03\x01\x02garbage\r\n\r\n",
        "GET\r\n\r\n",
        "GET /metrics HTTP/1.1\r\n\r\n", /* no host */
        "GET /%00%ff%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "\r\n\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = dial(&served);

        say(fd, requests[i]);
        (void)shutdown(fd, SHUT_WR);
        char *answer = hear_all(fd);
        if (strstr(answer, "200 OK"))
            fail_msg("%s was answered %s", requests[i], answer);
        free(answer);
    }
    answers(&served, "GET", "/metrics", OK, "qga_exporter_build_info");
    end(&served);
}

static void
a_huge_header_is_refused(void **state)
{
    (void)state;
    struct served served = serve();
    int fd = dial(&served);
    say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: ");
    char block[4096];
    memset(block, 'a', sizeof(block));
    for (int i = 0; i < 64; i++)
        if (send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0)
            break; /* it hung up: just what is wanted */
    (void)send(fd, "\r\n\r\n", 4, MSG_NOSIGNAL);
    char *answer = hear_all(fd);
    assert_null(strstr(answer, "200 OK"));
    free(answer);
    answers(&served, "GET", "/metrics", OK, "qga_exporter_build_info");
    end(&served);
}

static void
scrapes_are_counted(void **state)
{
    (void)state;
    struct served served = serve();
    free(ask(&served, "GET", "/metrics"));
    free(ask(&served, "HEAD", "/metrics"));
    free(ask(&served, "POST", "/metrics"));
    free(ask(&served, "GET", "/-/healthy"));
    char *text = own_text(served.telemetry, EXPOSITION_TEXT);
    assert_non_null(strstr(text, "qga_exporter_scrapes_total{code=\"200\"} 2\n"));
    assert_non_null(strstr(text, "qga_exporter_scrapes_total{code=\"405\"} 1\n"));
    free(text);
    end(&served);
}

/* secret, at the least cost. */
#define HASH "$2b$04$Ph54jmRx2AN7CMN3rLyb8uGM5vI.je/IKPI1pZi3jVqoHWICAzXym"

static void
who_is_nobody_is_asked_to_log_in(void **state)
{
    static const char login[] = "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Basic "
                                "YWxpY2U6c2VjcmV0\r\nConnection: close\r\n\r\n";
    static const char text[] = "basic_auth_users: {alice: " HASH "}\n";
    char request[256];

    (void)state;
    yaml_write(text, strlen(text));
    struct served served = serve_with((struct web_settings){.access = NULL}, yaml_path);
    static const char *const paths[] = {
        "/",         "/metrics",       "/-/healthy",       "/sd",        "/none",
        "/guests",   "/guests/a",      "/api/v1/guests",   "/style.css", "/-/ready",
        "/-/reload", "/guests?sort=x", "/api/v1/guests/a",
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        answers(&served, "GET", paths[i], "HTTP/1.1 401 ",
                "\r\nWWW-Authenticate: Basic realm=\"qga-exporter\", "
                "charset=\"UTF-8\"\r\n");
    for (int i = 0; i < 2; i++) { /* the second time it is remembered */
        int fd = dial(&served);

        (void)snprintf(request, sizeof(request), login, "/-/healthy");
        say(fd, request);
        char *answer = hear_all(fd);

        assert_memory_equal(answer, OK, strlen(OK));
        free(answer);
    }
    end(&served);
}

static void
more_than_the_rate_is_put_off(void **state)
{
    static const char text[] = "rate_limit: {interval: 1h, burst: 2}\n";

    (void)state;
    yaml_write(text, strlen(text));
    struct served served = serve_with((struct web_settings){.access = NULL}, yaml_path);

    answers(&served, "GET", "/-/healthy", OK, "Healthy");
    answers(&served, "GET", "/-/healthy", OK, "Healthy");
    answers(&served, "GET", "/-/healthy", "HTTP/1.1 429 ", "\r\nRetry-After: 1\r\n");
    end(&served);
}

/* What becomes of a reload in these tests: at once, on the web's thread. */
static struct served *reloading;
static atomic_uint reloads;
static const struct failure *refused;

static void
reload_at_once(void *context)
{
    (void)context;
    web_begin_reload(reloading->web);
    atomic_fetch_add(&reloads, 1);
    web_end_reload(reloading->web, refused);
}

#define LIFECYCLE ((struct web_settings){.want_reload = reload_at_once})
#define RELOADED "\r\n\r\nThe configuration is reloaded.\n"

static void
a_reload_is_told_what_came_of_it(void **state)
{
    static const struct failure why = {.text = "/etc/x.yml:3: unknown key \"y\""};
    struct served served = serve_with(LIFECYCLE, NULL);

    (void)state;
    reloading = &served;
    answers(&served, "POST", "/-/reload", OK, RELOADED);
    answers(&served, "PUT", "/-/reload", OK, RELOADED);
    assert_int_equal(atomic_load(&reloads), 2);
    refused = &why;
    answers(&served, "POST", "/-/reload", "HTTP/1.1 500 ",
            "\r\n\r\nThe new configuration is refused, the old one stays: "
            "/etc/x.yml:3: unknown key \"y\"\n");
    refused = NULL;
    int fd = dial(&served); /* a connection that is kept */
    for (int i = 0; i < 3; i++) {
        say(fd, "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        char *answer = hear_one(fd, false);

        assert_memory_equal(answer, OK, strlen(OK));
        free(answer);
    }
    (void)close(fd);
    assert_int_equal(atomic_load(&reloads), 6);
    end(&served);
}

static void
nothing_else_reloads(void **state)
{
    static const char text[] = "basic_auth_users: {alice: " HASH "}\n";
    static const char body[] = "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: "
                               "1\r\nConnection: close\r\n\r\nx";
    static const char *const methods[] = {"GET", "HEAD", "DELETE", "OPTIONS", "PATCH"};
    struct served served = serve_with(LIFECYCLE, NULL);
    unsigned int before = atomic_load(&reloads);

    (void)state;
    reloading = &served;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        answers(&served, methods[i], "/-/reload", "HTTP/1.1 405 ",
                "\r\nAllow: POST, PUT\r\n");
    int fd = dial(&served);
    say(fd, body);
    char *answer = hear_all(fd);
    assert_memory_equal(answer, "HTTP/1.1 413 ", 13);
    free(answer);
    end(&served);

    served = serve();
    answers(&served, "POST", "/-/reload", "HTTP/1.1 403 ", "--web.enable-lifecycle");
    answers(&served, "GET", "/-/reload", "HTTP/1.1 403 ", "--web.enable-lifecycle");
    end(&served);

    yaml_write(text, strlen(text));
    served = serve_with(LIFECYCLE, yaml_path);
    answers(&served, "POST", "/-/reload", "HTTP/1.1 401 ", "Unauthorized");
    end(&served);
    assert_int_equal(atomic_load(&reloads), before);
}

/* Those of the telemetry path, until their answer is given. */
static void
scrapes_at_once_are_limited(void **state)
{
    struct served served = serve_with((struct web_settings){.scrapes_max = 2}, NULL);
    int slow[2];
    char byte;

    (void)state;
    for (int i = 0; i < 5; i++)
        answers(&served, "GET", "/metrics", OK, "qga_exporter_build_info");
    put_much(served.store);
    for (size_t i = 0; i < 2; i++) {
        slow[i] = dial(&served);
        say(slow[i], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(recv(slow[i], &byte, 1, 0), 1);
    }
    for (int i = 0; i < 3; i++) /* who is refused does not count */
        answers(&served, "GET", "/metrics", "HTTP/1.1 503 ",
                "Too many scrapes at once (--web.max-requests)");
    answers(&served, "GET", "/-/healthy", OK, "Healthy");
    (void)close(slow[0]);
    for (bool served_again = false; !served_again;) { /* once it is seen to have gone */
        char *answer = ask(&served, "HEAD", "/metrics");

        served_again = strncmp(answer, OK, strlen(OK)) == 0;
        free(answer);
    }
    (void)close(slow[1]);
    end(&served);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_has_its_page),
        cmocka_unit_test(paths_and_parameters_are_unescaped),
        cmocka_unit_test(head_has_the_headers_alone),
        cmocka_unit_test(the_format_is_negotiated),
        cmocka_unit_test(the_coding_is_negotiated),
        cmocka_unit_test(other_methods_are_not_allowed),
        cmocka_unit_test(what_has_two_lengths_is_refused_and_closed),
        cmocka_unit_test(bodies_are_refused_and_never_taken_for_a_request),
        cmocka_unit_test(a_connection_is_kept),
        cmocka_unit_test(garbage_does_no_harm),
        cmocka_unit_test(a_huge_header_is_refused),
        cmocka_unit_test(scrapes_are_counted),
        cmocka_unit_test(who_is_nobody_is_asked_to_log_in),
        cmocka_unit_test(more_than_the_rate_is_put_off),
        cmocka_unit_test(a_reload_is_told_what_came_of_it),
        cmocka_unit_test(nothing_else_reloads),
        cmocka_unit_test(scrapes_at_once_are_limited),
    };

    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
