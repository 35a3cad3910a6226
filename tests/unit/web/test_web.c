/* The HTTP side as a whole: the store over a real socket, several addresses, and both
 * while they change. */
#include "unit/served.h"

#include "web/worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/un.h>

static const struct samples_limits limits = {.series_max = 9, .label_bytes_max = 99};

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
    store_guest_remove(served.store, guest);
    char *answer = ask(&served, "GET", "/metrics");
    assert_null(strstr(answer, "qga_up{"));
    free(answer);
    end(&served);
}

static void
every_address_is_served(void **state)
{
    static const char *const addresses[] = {"127.0.0.1:0", "127.0.0.1:0", NULL};
    struct served served =
        serve_with((struct web_settings){.listen_addresses = addresses}, NULL);

    (void)state;
    assert_true(web_port(served.web, 0) > 0);
    assert_true(web_port(served.web, 1) > 0);
    assert_int_not_equal(web_port(served.web, 0), web_port(served.web, 1));
    assert_int_equal(web_port(served.web, 2), 0);
    answers(&served, "GET", "/-/healthy", OK, "Healthy");
    web_set_ready(served.web, true);
    answers(&served, "GET", "/-/ready", OK, "\r\n\r\nReady\n");
    end(&served);
}

/* The first address is let go again. */
static void
one_bad_address_is_all(void **state)
{
    struct served served = serve();
    char first[32];
    const char *addresses[] = {first, "nonsense", NULL};
    struct web_settings settings = {.listen_addresses = addresses,
                                    .telemetry_path = "/metrics",
                                    .access = served.access};
    struct failure why;

    (void)state;
    (void)snprintf(first, sizeof(first), "127.0.0.1:%u", web_port(served.web, 0));
    web_stop(served.web);
    assert_null(web_start(&settings, served.store, served.telemetry, &why));
    assert_non_null(strstr(why.text, "\"nonsense\" is not an address with a port"));
    addresses[1] = NULL;
    served.web = web_start(&settings, served.store, served.telemetry, &why);
    assert_non_null(served.web);
    assert_true(web_fits(served.web));
    end(&served);
}

static int
dial_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* More of them than one remote address may have. */
static void
a_unix_socket_is_served(void **state)
{
    char folder[] = "/tmp/test_web.XXXXXX", path[64], address[80];
    const char *const addresses[] = {address, "127.0.0.1:0", NULL};
    int files[40];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/web.sock", folder);
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    struct served served =
        serve_with((struct web_settings){.listen_addresses = addresses}, NULL);

    assert_int_equal(web_port(served.web, 0), 0);
    assert_true(web_port(served.web, 1) > 0);
    for (size_t i = 0; i < 40; i++) {
        files[i] = dial_unix(path);
        say(files[i], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        char *answer = hear_one(files[i], false);

        assert_memory_equal(answer, OK, strlen(OK));
        free(answer);
    }
    end(&served);
    for (size_t i = 0; i < 40; i++)
        (void)close(files[i]);
    assert_int_equal(rmdir(folder), 0); /* so the socket is gone */
}

/* Who is connected is served on, and the address is free at once. */
static void
who_leaves_an_address_serves_on(void **state)
{
    struct served served = serve();
    char address[32];
    const char *addresses[] = {address, NULL};
    const struct web_settings settings = {.listen_addresses = addresses,
                                          .telemetry_path = "/metrics",
                                          .access = served.access};
    struct failure why;
    int kept = dial(&served);

    (void)state;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", web_port(served.web, 0));
    for (int i = 0; i < 2; i++) {
        say(kept, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
        free(hear_one(kept, false));
        if (i == 0)
            assert_int_equal(web_leave(served.web, &why), 0);
    }
    struct web *next = web_start(&settings, served.store, served.telemetry, &why);

    if (!next)
        fail_msg("%s", why.text);
    answers(&served, "GET", "/-/healthy", OK, "Healthy"); /* by the next */
    say(kept, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
    free(hear_one(kept, false));
    (void)close(kept);
    web_stop(next);
    end(&served);
}

/* --- want of files --- */

static size_t
open_files(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Until those of who was answered are closed. */
static void
await_files(size_t count)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    for (int i = 0; open_files() != count && i < PATIENCE_S * 1000; i++)
        (void)nanosleep(&pause, NULL);
    assert_int_equal(open_files(), count);
}

static struct rlimit usual_limit;

/* From now on only so many more can be opened: the limit is one of their numbers. */
static void
allow_files(unsigned int more)
{
    unsigned int unused = 0;
    int limit = 0;

    while (unused < more || fcntl(limit, F_GETFD) >= 0)
        unused += fcntl(limit++, F_GETFD) < 0;
    const struct rlimit few = {(rlim_t)limit, usual_limit.rlim_max};

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

static void
allow_all_files(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual_limit), 0);
}

/* Whatever it is that cannot be opened any more. */
static void
a_start_without_files_leaves_none_open(void **state)
{
    struct served served = serve();
    static const char *const addresses[] = {"127.0.0.1:0", NULL};
    const struct web_settings settings = {.listen_addresses = addresses,
                                          .telemetry_path = "/metrics",
                                          .access = served.access};
    struct failure why;
    struct web *next = NULL;
    unsigned int more = 0;
    size_t before = open_files();

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual_limit), 0);
    for (; !next && more < 20; more++) {
        await_files(before);
        allow_files(more);
        next = web_start(&settings, served.store, served.telemetry, &why);
        allow_all_files();
        if (!next) {
            assert_int_equal(open_files(), before);
            assert_non_null(strstr(why.text, "files"));
        }
        answers(&served, "GET", "/-/healthy", OK, "Healthy");
    }
    assert_non_null(next);
    /* Each of them was once the one that was missing; the library needs some. */
    assert_in_range(more, 4, WEB_WORKER_FILES + 1);
    web_stop(next);
    end(&served);
}

static void
who_cannot_return_does_not_leave(void **state)
{
    struct served served = serve();
    char address[32];
    const char *addresses[] = {"192.0.2.1:1", NULL}; /* nobody's here */
    const struct web_settings settings = {.listen_addresses = addresses,
                                          .telemetry_path = "/metrics",
                                          .access = served.access};
    struct failure why;
    size_t before = open_files();

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual_limit), 0);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", web_port(served.web, 0));
    allow_files(WEB_WORKER_FILES - 1);
    assert_int_equal(web_leave(served.web, &why), -1);
    allow_all_files();
    assert_non_null(strstr(why.text, "raise the limit of open files"));
    assert_int_equal(open_files(), before);
    answers(&served, "GET", "/-/healthy", OK, "Healthy");
    await_files(before);

    /* With just enough it leaves, and can return, whatever becomes of the new one. */
    allow_files(WEB_WORKER_FILES);
    assert_int_equal(web_leave(served.web, &why), 0);
    assert_null(web_start(&settings, served.store, served.telemetry, &why));
    web_let_return(served.web);
    addresses[0] = address;
    struct web *again = web_start(&settings, served.store, served.telemetry, &why);

    allow_all_files();
    if (!again)
        fail_msg("%s", why.text);
    answers(&served, "GET", "/-/healthy", OK, "Healthy"); /* by the same port */
    web_stop(again);
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
        cmocka_unit_test(every_address_is_served),
        cmocka_unit_test(one_bad_address_is_all),
        cmocka_unit_test(a_unix_socket_is_served),
        cmocka_unit_test(who_leaves_an_address_serves_on),
        cmocka_unit_test(a_start_without_files_leaves_none_open),
        cmocka_unit_test(who_cannot_return_does_not_leave),
        cmocka_unit_test(scrapes_while_the_store_changes),
    };

    return cmocka_run_group_tests_name("web", tests, NULL, NULL);
}
