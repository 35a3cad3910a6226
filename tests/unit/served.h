/* The HTTP side over a socket on loopback, with a store of its own.  For the file of a
 * test's main() alone. */
#ifndef UNIT_SERVED_H
#define UNIT_SERVED_H

#include "base/clock.h"
#include "kit/failure.h"
#include "store/store.h"
#include "store/telemetry.h"
#include "store/telemetry_text.h"
#include "web/access.h"
#include "web/web.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define PATIENCE_S 60 /* only ends a test that hangs */
#define OK "HTTP/1.1 200 OK\r\n"
/* More than the kernel takes over: 4 MiB to send, and what a client's buffer holds. */
#define MUCH_SERIES 32000
#define MUCH_BYTES ((size_t)200 * MUCH_SERIES)
#define RECEIVE_BYTES (64 << 10)

static const char *const served_commands[] = {"guest-info", NULL};
static const char *const served_states[] = {"responsive", NULL};
static const struct metric up = {.name = "qga_up", .help = "Up."};
static const struct metric many = {
    .name = "qga_many", .labels = {"name"}, .help = "Many."};
static const struct metric *const families[] = {&up, &many, NULL};

struct served {
    struct web_access *access;
    struct store *store;
    struct telemetry *telemetry;
    struct web *web;
};

/* What is not set is usual; `config` is the path of a web configuration, or NULL. */
static inline struct served
serve_with(struct web_settings settings, const char *config)
{
    static const char *const usual[] = {"127.0.0.1:0", NULL};
    struct served served = {.telemetry = telemetry_new(served_commands, served_states)};
    struct failure why = {.text = ""};

    if (!settings.listen_addresses)
        settings.listen_addresses = usual;
    settings.states = served_states;
    if (!settings.telemetry_path)
        settings.telemetry_path = "/metrics";
    /* Nobody is cut off for the lateness of a busy machine. */
    if (settings.request_ns == 0)
        settings.request_ns = NS_PER_HOUR;
    if (settings.response_ns == 0)
        settings.response_ns = NS_PER_HOUR;
    served.access = web_access_open(config, false, NULL, NULL, &why);
    if (!served.access)
        fail_msg("%s", why.text);
    settings.access = served.access;
    struct store_part parts[1 + TELEMETRY_PARTS] = {{"health", families, NULL}};

    memcpy(parts + 1, telemetry_parts, sizeof(telemetry_parts));
    served.store = store_new(parts, 1 + TELEMETRY_PARTS, served.telemetry);
    served.web = web_start(&settings, served.store, served.telemetry, &why);
    if (!served.web)
        fail_msg("%s", why.text);
    return served;
}

static inline struct served
serve(void)
{
    return serve_with((struct web_settings){.access = NULL}, NULL);
}

static inline void
end(struct served *served)
{
    web_stop(served->web);
    web_access_close(served->access);
    store_free(served->store);
    telemetry_free(served->telemetry);
}

/* Many series, of one guest. */
static inline void
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

static inline int
dial(const struct served *served)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)web_port(served->web, 0)),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const int receive_bytes = RECEIVE_BYTES;

    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static inline void
say(int fd, const char *request)
{
    size_t length = strlen(request);

    assert_int_equal(send(fd, request, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* All until the server closes; caller frees. */
static inline char *
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
static inline char *
hear_one(int fd, bool head)
{
    char *answer = calloc(1, ANSWER_BYTES_MAX);

    assert_non_null(answer);
    size_t length = 0;
    for (;;) {
        const char *blank = strstr(answer, "\r\n\r\n");
        const char *size = strstr(answer, "Content-Length: ");

        if (blank && !size)
            fail_msg("no length in %s", answer);
        size_t body = head || !size ? 0 : strtoul(size + 16, NULL, 10);
        if (blank && length >= (size_t)(blank - answer) + 4 + body)
            return answer;
        ssize_t got = recv(fd, answer + length, 1, 0);
        if (got <= 0)
            fail_msg("cut short: %s", answer);
        length += (size_t)got;
    }
}

static inline char *
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

static inline void
answers(const struct served *served, const char *method, const char *path,
        const char *status_line, const char *part)
{
    char *answer = ask(served, method, path);

    if (strncmp(answer, status_line, strlen(status_line)) != 0 || !strstr(answer, part))
        fail_msg("%s %s: expected %s and %s in: %s", method, path, status_line, part,
                 answer);
    free(answer);
}

#endif
