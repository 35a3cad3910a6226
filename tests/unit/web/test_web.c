/* The HTTP side over real sockets on loopback: routes, methods, what it refuses, and
 * that it ends at once whatever its clients do.  The clock is the test's. */
#include "store/discovery.h"
#include "store/store.h"
#include "store/telemetry.h"
#include "unit/hand_clock.h"
#include "web/web.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define PATIENCE_S 60 /* only ends a test that hangs */

static const char *const commands[] = {"guest-info", NULL};
static const char *const states[] = {"responsive", NULL};
static const struct metric up = {.name = "qga_up", .help = "Up."};
static const struct metric many = {
    .name = "qga_many", .labels = {"name"}, .help = "Many."};
static const struct metric *const families[] = {&up, &many, NULL};
static const struct metric *const *const slots[] = {families};
static const struct samples_limits limits = {.series_max = 9, .label_bytes_max = 99};

/* Instead of libc's: no time passes in it, either.  Who counts on its end waits for
 * ever. */
int
poll(struct pollfd *files, nfds_t count, int timeout_ms)
{
    static const struct timespec at_once = {0};
    return ppoll(files, count, timeout_ms == 0 ? &at_once : NULL, NULL);
}

struct served {
    struct store *store;
    struct telemetry *telemetry;
    struct web *web;
};

static struct served
serve_at(const char *address, const char *telemetry_path)
{
    const char *const addresses[] = {address, NULL};
    const struct web_settings settings = {.listen_addresses = addresses,
                                          .telemetry_path = telemetry_path};
    char error[512] = "";
    struct served served = {.telemetry = telemetry_new(commands, states)};
    served.store = store_new(slots, 1, telemetry_write, served.telemetry);
    served.web =
        web_start(&settings, served.store, served.telemetry, error, sizeof(error));
    if (served.web == NULL)
        fail_msg("%s", error);
    return served;
}

static struct served
serve(void)
{
    return serve_at("127.0.0.1:0", "/metrics");
}

static void
end(struct served *served)
{
    web_stop(served->web);
    store_free(served->store);
    telemetry_free(served->telemetry);
}

static int
dial(const struct served *served)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)web_port(served->web, 0)),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void
say(int fd, const char *request)
{
    size_t length = strlen(request);
    assert_int_equal(send(fd, request, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* All until the server closes; caller frees. */
static char *
hear_all(int fd)
{
    char *answer = calloc(1, ANSWER_BYTES_MAX);
    assert_non_null(answer);
    size_t length = 0;
    ssize_t got = 1;
    while (got > 0 && length < ANSWER_BYTES_MAX - 1) {
        got = recv(fd, answer + length, ANSWER_BYTES_MAX - 1 - length, 0);
        length += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    return answer;
}

/* Headers and, unless it was a HEAD, the body by its length; caller frees. */
static char *
hear_one(int fd, bool head)
{
    char *answer = calloc(1, ANSWER_BYTES_MAX);
    assert_non_null(answer);
    size_t length = 0;
    for (;;) {
        const char *blank = strstr(answer, "\r\n\r\n");
        const char *size = strstr(answer, "Content-Length: ");
        if (blank != NULL && size == NULL)
            fail_msg("no length in %s", answer);
        size_t body = head || size == NULL ? 0 : strtoul(size + 16, NULL, 10);
        if (blank != NULL && length >= (size_t)(blank - answer) + 4 + body)
            return answer;
        ssize_t got = recv(fd, answer + length, 1, 0);
        if (got <= 0)
            fail_msg("cut short: %s", answer);
        length += (size_t)got;
    }
}

static char *
ask(const struct served *served, const char *method, const char *path)
{
    char request[512];
    (void)snprintf(request, sizeof(request),
                   "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method,
                   path);
    int fd = dial(served);
    say(fd, request);
    return hear_all(fd);
}

static void
answers(const struct served *served, const char *method, const char *path,
        const char *status_line, const char *part)
{
    char *answer = ask(served, method, path);
    if (strncmp(answer, status_line, strlen(status_line)) != 0 ||
        strstr(answer, part) == NULL)
        fail_msg("%s %s: expected %s and %s in: %s", method, path, status_line, part,
                 answer);
    free(answer);
}

#define OK "HTTP/1.1 200 OK\r\n"

static void
metrics_come_from_the_store(void **state)
{
    (void)state;
    struct served served = serve();
    struct store_guest *guest = store_guest_add(served.store, "domain=\"a\"");
    struct samples *samples = samples_new(&limits);
    samples_add(samples, &up, 1, NO_LABELS);
    store_put(served.store, guest, 0,
              exposition_render("domain=\"a\"", families, samples), INT64_MAX);
    samples_free(samples);
    answers(&served, "GET", "/metrics", OK,
            "\r\n\r\n# HELP qga_up Up.\n# TYPE qga_up gauge\nqga_up{domain=\"a\"} 1\n");
    answers(&served, "GET", "/metrics?collect[]=x", OK, "qga_exporter_build_info");
    answers(&served, "GET", "/metrics", OK,
            "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    store_guest_remove(served.store, guest);
    char *answer = ask(&served, "GET", "/metrics");
    assert_null(strstr(answer, "qga_up{"));
    free(answer);
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

static void
the_other_paths(void **state)
{
    (void)state;
    struct served served = serve();
    answers(&served, "GET", "/", OK, "<a href=\"/metrics\">");
    answers(&served, "GET", "/", OK, "Content-Type: text/html; charset=utf-8\r\n");
    answers(&served, "GET", "/", OK, telemetry_version());
    answers(&served, "GET", "/-/healthy", OK, "\r\n\r\nHealthy\n");
    answers(&served, "HEAD", "/-/healthy", OK, "Content-Length: 8\r\n");
    answers(&served, "GET", "/-/ready", "HTTP/1.1 503 ", "\r\n\r\nNot ready: ");
    web_set_ready(served.web, true);
    answers(&served, "GET", "/-/ready", OK, "\r\n\r\nReady\n");
    web_set_ready(served.web, false);
    answers(&served, "GET", "/-/ready", "HTTP/1.1 503 ", "");
    answers(&served, "GET", "/metrics/", "HTTP/1.1 404 ", "\r\n\r\nNot found");
    answers(&served, "GET", "/../etc/passwd", "HTTP/1.1 404 ", "");
    answers(&served, "POST", "/unknown", "HTTP/1.1 404 ", "");
    end(&served);
}

static void
targets_come_from_the_store(void **state)
{
    (void)state;
    struct served served = serve();
    struct store_guest *guest = store_guest_add(served.store, "domain=\"a\"");
    const struct discovery_label label = {"domain", "a"};
    struct discovery_address address;
    answers(&served, "GET", "/sd", "HTTP/1.1 503 ", "No list of targets: ");
    answers(&served, "GET", "/sd?port=x", "HTTP/1.1 400 ", "port=x is not good: ");
    answers(&served, "GET", "/sd?%00port=1", "HTTP/1.1 400 ", "is no parameter");
    store_set_lacking(served.store, NULL);
    answers(&served, "GET", "/sd", OK, "\r\nContent-Type: application/json\r\n");
    answers(&served, "GET", "/sd", OK, "\r\n\r\n[]\n");
    assert_true(discovery_address_read(&address, "eth0", "10.0.0.1"));
    store_announce(served.store, guest, discovery_guest_new(&label, 1, &address, 1));
    answers(
        &served, "GET", "/sd?port=9182&network=10.0.0.0%2F8", OK,
        "{\"targets\":[\"10.0.0.1:9182\"],\"labels\":{\"__meta_qga_domain\":\"a\",");
    answers(&served, "GET", "/sd?network=10.1.0.0%2F16", OK, "\r\n\r\n[]\n");
    store_set_lacking(served.store, "a source is away");
    answers(&served, "GET", "/sd", "HTTP/1.1 503 ",
            "\r\n\r\nNo list of targets: a source is away.\n");
    store_set_lacking(served.store, NULL);
    store_guest_remove(served.store, guest);
    answers(&served, "GET", "/sd", OK, "\r\n\r\n[]\n");
    end(&served);
}

static void
the_telemetry_path_may_be_another(void **state)
{
    (void)state;
    struct served served = serve_at("127.0.0.1:0", "/a\"b<&");
    answers(&served, "GET", "/", OK, "<a href=\"/a&#34;b&#60;&#38;\">");
    answers(&served, "GET", "/a%22b%3C%26", OK, "qga_exporter_build_info");
    answers(&served, "GET", "/metrics", "HTTP/1.1 404 ", "");
    end(&served);
    served = serve_at("127.0.0.1:0", "/");
    answers(&served, "GET", "/", OK, "qga_exporter_build_info");
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
        if (strstr(answer, "200 OK") != NULL)
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
add_much(void *context, struct text *out)
{
    (void)context;
    for (int i = 0; i < 100000; i++)
        text_add_string(out, "# a comment line of forty characters....\n");
}

/* No time passes in it: who waited for one of them would wait for ever. */
static void
stopping_waits_for_nobody(void **state)
{
    (void)state;
    struct served served = serve();
    store_free(served.store);
    web_stop(served.web);
    served.store = store_new(slots, 1, add_much, NULL);
    const char *const addresses[] = {"127.0.0.1:0", NULL};
    const struct web_settings settings = {.listen_addresses = addresses,
                                          .telemetry_path = "/metrics"};
    char error[512];
    served.web =
        web_start(&settings, served.store, served.telemetry, error, sizeof(error));
    assert_non_null(served.web);
    int idle = dial(&served);
    int half = dial(&served);
    say(half, "GET /metrics HTTP/1.1\r\nHo");
    int slow = dial(&served); /* asks for megabytes and does not read them */
    say(slow, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    int kept = dial(&served);
    say(kept, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
    free(hear_one(kept, false));
    char first;
    assert_int_equal(recv(slow, &first, 1, 0), 1);
    end(&served);
    (void)close(idle);
    (void)close(half);
    (void)close(slow);
    (void)close(kept);
}

#define S INT64_C(1000000000)
#define LIMIT_NS (4 * S) /* shorter than what the library itself waits for */
#define STEPS 10
#define MUCH_SERIES 80000
#define MUCH_BYTES ((size_t)200 * MUCH_SERIES) /* more than the kernel takes over */

static void
put_much(struct store *store)
{
    static const struct samples_limits wide = {.series_max = MUCH_SERIES,
                                               .label_bytes_max = 256};
    struct samples *samples = samples_new(&wide);
    for (int i = 0; i < MUCH_SERIES; i++) {
        char name[201];
        (void)snprintf(name, sizeof(name), "%0200d", i);
        samples_add(samples, &many, i, LABELS(name));
    }
    store_put(store, store_guest_add(store, "domain=\"a\""), 0,
              exposition_render("domain=\"a\"", families, samples), INT64_MAX);
    samples_free(samples);
}

/* With long answers, and little time. */
static struct served
serve_much(int64_t request_ns, int64_t response_ns)
{
    const char *const addresses[] = {"127.0.0.1:0", NULL};
    const struct web_settings settings = {.listen_addresses = addresses,
                                          .telemetry_path = "/metrics",
                                          .request_ns = request_ns,
                                          .response_ns = response_ns};
    char error[512] = "";
    struct served served = {.telemetry = telemetry_new(commands, states)};
    served.store = store_new(slots, 1, NULL, NULL);
    put_much(served.store);
    served.web =
        web_start(&settings, served.store, served.telemetry, error, sizeof(error));
    assert_non_null(served.web);
    return served;
}

/* A time in steps.  After each the server's thread has looked at its clock, and done
 * what it does then: it does so before it answers the second of two requests. */
static void
pass(const struct served *served, int64_t ns, void (*do_each_step)(int fd), int fd)
{
    hand_clock_pass(ns % STEPS);
    for (int i = 0; i < STEPS; i++) {
        do_each_step(fd);
        hand_clock_pass(ns / STEPS);
        answers(served, "GET", "/-/healthy", OK, "Healthy");
        answers(served, "GET", "/-/healthy", OK, "Healthy");
    }
}

/* What comes up to its end; fails if that does not come. */
static size_t
read_rest(int fd)
{
    static char block[65536];
    size_t total = 0;
    ssize_t got;
    while ((got = recv(fd, block, sizeof(block), 0)) > 0)
        total += (size_t)got;
    assert_true(got == 0 || errno == ECONNRESET);
    (void)close(fd);
    return total;
}

static void
read_a_little(int fd)
{
    char block[100];
    assert_true(recv(fd, block, sizeof(block), 0) > 0);
}

/* Reads a little in each step of a time, then what is left; what that was. */
static size_t
read_slowly(const struct served *served, int64_t time_ns)
{
    const int window = 262144;
    int fd = dial(served);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    pass(served, time_ns, read_a_little, fd);
    return read_rest(fd);
}

static void
say_a_little(int fd)
{
    say(fd, "a");
}

/* One that sends its headers slowly, but is through with them after a time. */
static size_t
send_slowly(const struct served *served, int64_t time_ns)
{
    int fd = dial(served);
    say(fd, "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: ");
    answers(served, "GET", "/-/healthy", OK, "Healthy"); /* it was accepted before */
    pass(served, time_ns, say_a_little, fd);
    (void)send(fd, "\r\n\r\n", 4, MSG_NOSIGNAL); /* it may be cut off */
    return read_rest(fd);
}

static void
headers_that_trickle_are_cut_off(void **state)
{
    (void)state;
    struct served served = serve_much(LIMIT_NS, 0);
    int silent = dial(&served);
    assert_true(send_slowly(&served, LIMIT_NS - 1) > 0);
    assert_int_equal(send_slowly(&served, LIMIT_NS), 0);
    assert_int_equal(read_rest(silent), 0);
    answers(&served, "GET", "/-/healthy", OK, "Healthy");
    end(&served);
}

static void
readers_that_trickle_are_cut_off(void **state)
{
    (void)state;
    struct served served = serve_much(0, LIMIT_NS);
    assert_true(read_slowly(&served, LIMIT_NS - 1) > MUCH_BYTES);
    assert_true(read_slowly(&served, LIMIT_NS) < MUCH_BYTES);
    assert_true(read_slowly(&served, 0) > MUCH_BYTES);
    end(&served);
    served = serve_much(0, 0); /* who is only slow gets all of it */
    assert_true(read_slowly(&served, 3 * LIMIT_NS) > MUCH_BYTES);
    end(&served);
}

static void
others_are_served_meanwhile(void **state)
{
    (void)state;
    struct served served = serve_much(0, 0);
    int readers[30];
    for (size_t i = 0; i < 30; i++) {
        readers[i] = dial(&served);
        say(readers[i], i % 2 ? "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
                              : "GET /metrics HTTP/1.1\r\nHo");
    }
    for (int scrapes = 0; scrapes < 5; scrapes++) {
        assert_true(read_slowly(&served, 0) > MUCH_BYTES);
        for (size_t i = 0; i < 30; i++) {
            char byte;
            if (i % 2)
                assert_int_equal(recv(readers[i], &byte, 1, 0), 1);
            else
                say(readers[i], "s");
        }
    }
    for (size_t i = 0; i < 30; i++)
        (void)close(readers[i]);
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
    struct text text = TEXT_INIT(1 << 20);
    telemetry_write(served.telemetry, &text);
    assert_non_null(strstr(text.bytes, "qga_exporter_scrapes_total{code=\"200\"} 2\n"));
    assert_non_null(strstr(text.bytes, "qga_exporter_scrapes_total{code=\"405\"} 1\n"));
    text_free(&text);
    end(&served);
}

static void
refuses(const char *address, const char *expected)
{
    const char *const addresses[] = {"127.0.0.1:0", address, NULL};
    const struct web_settings settings = {.listen_addresses = addresses,
                                          .telemetry_path = "/metrics"};
    struct telemetry *telemetry = telemetry_new(commands, states);
    struct store *store = store_new(slots, 1, NULL, NULL);
    char error[512] = "";
    struct web *web = web_start(&settings, store, telemetry, error, sizeof(error));
    if (web != NULL || strstr(error, expected) == NULL)
        fail_msg("%s: expected \"%s\", got \"%s\"", address, expected, error);
    store_free(store);
    telemetry_free(telemetry);
}

static void
bad_addresses_are_named_with_the_remedy(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "",          "10177",    ":",     ":x",      ":65536",    ":-1",
        "::1:10177", "[]:10177", "[::1]", ":123456", "[::1:10177"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        refuses(malformed[i], "is not an address with a port; write \":10177\"");
    refuses("192.0.2.1:0", "cannot listen on 192.0.2.1:0: Cannot assign requested "
                           "address; choose an address that this host has");
    refuses("no.such.host.invalid:1", "no.such.host.invalid:1 is not an address");

    struct served served = serve();
    char taken[64];
    char expected[256];
    (void)snprintf(taken, sizeof(taken), "127.0.0.1:%u", web_port(served.web, 0));
    (void)snprintf(expected, sizeof(expected),
                   "web.listen_addresses: cannot listen on %s: Address already in use; "
                   "stop the other program or choose another port",
                   taken);
    refuses(taken, expected);
    end(&served);
}

static void
every_address_is_served(void **state)
{
    (void)state;
    struct served served = serve_at(":0", "/metrics"); /* IPv4 reaches it as well */
    assert_true(web_port(served.web, 0) > 0);
    assert_int_equal(web_port(served.web, 1), 0);
    answers(&served, "GET", "/-/healthy", OK, "Healthy");
    end(&served);
    served = serve_at("localhost:0", "/metrics");
    end(&served);
}

/* The blocked signals of the thread of that name, 0 if there is none. */
static unsigned long long
blocked_signals(const char *thread_name)
{
    unsigned long long blocked = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (const struct dirent *task = readdir(tasks); task != NULL;
         task = readdir(tasks)) {
        char path[sizeof(task->d_name) + 32];
        char line[256];
        bool wanted = false;
        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
        FILE *file = fopen(path, "re");
        while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
            char name[64];
            if (sscanf(line, "Name: %63s", name) == 1)
                wanted = strcmp(name, thread_name) == 0;
            if (wanted && strncmp(line, "SigBlk:", 7) == 0)
                blocked = strtoull(line + 7, NULL, 16);
        }
        if (file != NULL)
            (void)fclose(file);
    }
    (void)closedir(tasks);
    return blocked;
}

static void
signals_stay_with_the_caller(void **state)
{
    (void)state;
    sigset_t before, after;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    struct served served = serve();
    (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int signal = 1; signal < 32; signal++)
        assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
    answers(&served, "GET", "/-/healthy", OK, "Healthy");
    const int ours[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    unsigned long long blocked = blocked_signals("web");
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_true(blocked >> (ours[i] - 1) & 1);
    end(&served);
}

struct traffic {
    const struct served *served;
    atomic_bool stop;
    atomic_int scrapes;
};

static void *
scrape(void *argument)
{
    struct traffic *traffic = argument;
    while (!atomic_load(&traffic->stop)) {
        free(ask(traffic->served, "GET", "/metrics"));
        atomic_fetch_add(&traffic->scrapes, 1);
    }
    return NULL;
}

static void
scrapes_while_the_store_changes(void **state)
{
    (void)state;
    struct served served = serve();
    struct traffic traffic = {.served = &served};
    pthread_t scrapers[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&scrapers[i], NULL, scrape, &traffic), 0);
    for (int i = 0; i < 100 || atomic_load(&traffic.scrapes) < 40; i++) {
        struct store_guest *guest = store_guest_add(served.store, "domain=\"a\"");
        struct samples *samples = samples_new(&limits);
        samples_add(samples, &up, i, NO_LABELS);
        store_put(served.store, guest, 0,
                  exposition_render("domain=\"a\"", families, samples), INT64_MAX);
        samples_free(samples);
        telemetry_call(served.telemetry, 0, FAILURE_NONE, i);
        web_set_ready(served.web, i % 2 == 0);
        size_t row = telemetry_source_add(served.telemetry, i % 2 ? "x" : "y");
        telemetry_lanes(served.telemetry, row, 4, 1, 0);
        telemetry_source_remove(served.telemetry, row);
        store_guest_remove(served.store, guest);
    }
    atomic_store(&traffic.stop, true);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(scrapers[i], NULL), 0);
    end(&served);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_come_from_the_store),
        cmocka_unit_test(head_has_the_headers_alone),
        cmocka_unit_test(the_other_paths),
        cmocka_unit_test(targets_come_from_the_store),
        cmocka_unit_test(the_telemetry_path_may_be_another),
        cmocka_unit_test(other_methods_are_not_allowed),
        cmocka_unit_test(bodies_are_refused_and_never_taken_for_a_request),
        cmocka_unit_test(a_connection_is_kept),
        cmocka_unit_test(garbage_does_no_harm),
        cmocka_unit_test(a_huge_header_is_refused),
        cmocka_unit_test(stopping_waits_for_nobody),
        cmocka_unit_test(headers_that_trickle_are_cut_off),
        cmocka_unit_test(readers_that_trickle_are_cut_off),
        cmocka_unit_test(others_are_served_meanwhile),
        cmocka_unit_test(scrapes_are_counted),
        cmocka_unit_test(bad_addresses_are_named_with_the_remedy),
        cmocka_unit_test(every_address_is_served),
        cmocka_unit_test(signals_stay_with_the_caller),
        cmocka_unit_test(scrapes_while_the_store_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
