/* For tests/bench: the web side before synthetic guests, and beside it the same bytes
 * from a static buffer of the same library.  The ports are told on standard output;
 * each line of standard input makes all that is kept worthless, and is answered; a line
 * that is not empty changes all values of all guests.  Its end ends us. */
#include "base/clock.h"
#include "bench/synthetic.h"
#include "kit/failure.h"
#include "web/access.h"
#include "web/web.h"

#include <microhttpd.h>

static const struct body_form plain = {EXPOSITION_TEXT, BODY_PLAIN};

static enum MHD_Result
answer(void *context, struct MHD_Connection *connection, const char *url,
       const char *method, const char *version, const char *upload,
       size_t *upload_bytes, void **state)
{
    (void)url, (void)method, (void)version, (void)upload, (void)upload_bytes;
    (void)state;
    return MHD_queue_response(connection, MHD_HTTP_OK, context);
}

static void
change_all(const struct synthetic *synthetic, int round)
{
    char identity[SYNTHETIC_IDENTITY];

    for (size_t i = 0; i < synthetic_guests(); i++) {
        synthetic_identity(identity, i);
        synthetic_put(synthetic, synthetic->guests[i], identity, (double)i + round);
    }
}

static void
serve_until_told(const struct synthetic *synthetic, const struct web *web,
                 struct MHD_Daemon *bare)
{
    char line[16];
    int round = 0;

    printf("%u %u %zu\n", web_port(web, 0),
           (unsigned int)MHD_get_daemon_info(bare, MHD_DAEMON_INFO_BIND_PORT)->port,
           synthetic_guests() * SERIES_PER_GUEST);
    (void)fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        if (line[0] != '\n')
            change_all(synthetic, ++round);
        store_guest_remove(synthetic->store,
                           store_guest_add(synthetic->store, "domain=\"zz\""));
        puts("changed");
        (void)fflush(stdout);
    }
}

int
main(void)
{
    static const char *const addresses[] = {"127.0.0.1:0", NULL};
    struct synthetic synthetic = synthetic_new(synthetic_guests());
    struct body *body = store_body(synthetic.store, plain, clock_monotonic_ns());
    struct MHD_Response *same = MHD_create_response_from_buffer(
        body->length, (void *)(uintptr_t)body->bytes, MHD_RESPMEM_MUST_COPY);
    struct MHD_Daemon *bare =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL,
                         answer, same, MHD_OPTION_END);
    struct failure why = {.text = ""};
    struct web_settings settings = {
        .listen_addresses = addresses,
        .telemetry_path = "/metrics",
        .states = agent_state_names,
        .access = web_access_open(NULL, false, NULL, NULL, &why),
    };
    struct web *web = settings.access ? web_start(&settings, synthetic.store,
                                                  synthetic.telemetry, &why)
                                      : NULL;

    body_unref(body);
    if (web && bare)
        serve_until_told(&synthetic, web, bare);
    else
        (void)fprintf(stderr, "scrape_server: %s\n", why.text);
    int status = web && bare ? EXIT_SUCCESS : EXIT_FAILURE;

    web_stop(web);
    web_access_close(settings.access);
    if (bare)
        MHD_stop_daemon(bare);
    MHD_destroy_response(same);
    synthetic_free(&synthetic);
    return status;
}
