/* The daemon in this process, with a source that does what the test says. */
#ifndef UNIT_SERVE_RUN_H
#define UNIT_SERVE_RUN_H

#include "config/config.h"
#include "exporter.h"
#include "kit/failure.h"
#include "options.h"
#include "serve.h"
#include "unit/capture.h"
#include "unit/fake_source.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const struct source_driver *const drivers[] = {[SOURCE_LIBVIRT] = &fake_driver};
static char config_path[] = "/tmp/test_serve.XXXXXX";
static char err[1 << 16];
static bool with_systemd_socket;

static inline void
write_config(const char *text)
{
    FILE *file = fopen(config_path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#define LISTEN "web: {listen_addresses: [\"127.0.0.1:0\"]}\n"

static enum fake_source behaviour = FAKE_ANSWERS;

/* Returns the exit status; what was logged is in `err`. */
static inline int
run(const char *config, const char *web_config_path, void (*each_turn)(unsigned int))
{
    struct options options = {.mode = OPTIONS_RUN,
                              .enable_lifecycle = true,
                              .config_file = config_path,
                              .web_config_file = web_config_path,
                              .web_config_file_is_named = true,
                              .systemd_socket = with_systemd_socket};
    struct exporter exporter = {.options = &options, .drivers = drivers};
    struct failure why;

    memset(options.overrides.collector_enabled, 0,
           sizeof(options.overrides.collector_enabled));
    options.overrides.collector_enabled[collector_find("clock")] = 1;
    write_config(config);
    exporter.config = exporter_load_config(&options, &why);
    assert_non_null(exporter.config);
    fake_source = behaviour;
    fake_each_turn = each_turn;

    struct capture captured = capture_begin(stderr);
    int status = serve(&exporter);

    capture_end(captured, err, sizeof(err));
    return status;
}

static inline size_t
count(const char *part)
{
    size_t found = 0;

    for (const char *at = err; (at = strstr(at, part)); at++)
        found++;
    return found;
}

/* A port that was free a moment ago; or is held, by a socket to be closed. */
static inline unsigned int
choose_port(int *holder)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(file, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(file, (struct sockaddr *)&address, &length), 0);
    if (holder) {
        *holder = file;
        assert_int_equal(listen(file, 1), 0);
    } else {
        assert_int_equal(close(file), 0);
    }
    return ntohs(address.sin_port);
}

/* A connection on which this is said; the caller's. */
static inline int
dial_and_say(unsigned int port, const char *request)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons((uint16_t)port)};
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(file, (const struct sockaddr *)&address, sizeof(address)),
                     0);
    assert_int_equal(write(file, request, strlen(request)), strlen(request));
    return file;
}

/* Whether the path is answered with 200 there. */
static inline bool
is_well(unsigned int port, const char *path)
{
    char request[64], answer[16] = "";

    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
    int file = dial_and_say(port, request);

    assert_true(read(file, answer, sizeof(answer) - 1) > 12);
    assert_int_equal(close(file), 0);
    return strncmp(answer + strlen("HTTP/1.x "), "200", 3) == 0;
}

static inline int
set_up(void **state)
{
    int file = mkstemp(config_path);

    (void)state;
    return file < 0 || close(file) < 0 ? -1 : 0;
}

static inline int
tear_down(void **state)
{
    (void)state;
    return unlink(config_path);
}

#endif
