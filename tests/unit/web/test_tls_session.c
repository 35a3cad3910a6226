/* TLS where only much data shows it: long answers, slow readers, many at a time.
 * tests/e2e/test_web_access.py has the rest. */
#include "unit/served.h"
#include "unit/web_certificates.h"

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define READERS 4

static struct served
serve_tls(int (*own_poll)(struct pollfd *files, nfds_t count, int timeout_ms))
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/web.yml", folder);
    struct served served = serve_with((struct web_settings){.poll = own_poll}, path);

    put_much(served.store);
    return served;
}

struct client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

static struct client
client_open(const struct served *served, const char *priority)
{
    struct client client = {.fd = dial(served)};
    int code;

    assert_int_equal(gnutls_certificate_allocate_credentials(&client.credentials), 0);
    assert_int_equal(gnutls_init(&client.session, GNUTLS_CLIENT), 0);
    assert_int_equal(gnutls_priority_set_direct(client.session, priority, NULL), 0);
    assert_int_equal(gnutls_credentials_set(client.session, GNUTLS_CRD_CERTIFICATE,
                                            client.credentials),
                     0);
    gnutls_transport_set_int(client.session, client.fd);
    do
        code = gnutls_handshake(client.session);
    while (code < 0 && gnutls_error_is_fatal(code) == 0);
    assert_int_equal(code, 0);
    return client;
}

static void
client_close(struct client *client)
{
    gnutls_deinit(client->session);
    gnutls_certificate_free_credentials(client->credentials);
    (void)close(client->fd);
}

/* A scrape, in pieces of `piece` bytes; what it got, headers included. */
static size_t
client_scrape(struct client *client, size_t piece)
{
    static const char request[] =
        "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char *block = malloc(piece);
    size_t total = 0;
    ssize_t got;

    assert_non_null(block);
    assert_int_equal(gnutls_record_send(client->session, request, sizeof(request) - 1),
                     (ssize_t)sizeof(request) - 1);
    while ((got = gnutls_record_recv(client->session, block, piece)) > 0 ||
           got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
        total += got > 0 ? (size_t)got : 0;
    free(block);
    return total;
}

static void *
reader(void *argument)
{
    struct client client = client_open(argument, "NORMAL");
    size_t total = client_scrape(&client, 3000);

    client_close(&client);
    return (void *)(uintptr_t)total;
}

static void
long_answers_come_whole(void **state)
{
    (void)state;
    static const char *const priorities[] = {"NORMAL", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    struct served served = serve_tls(NULL);
    for (size_t i = 0; i < 2; i++) {
        struct client client = client_open(&served, priorities[i]);

        assert_true(client_scrape(&client, 65536) > MUCH_BYTES);
        client_close(&client);
    }
    end(&served);
}

static void
many_are_served_at_once(void **state)
{
    (void)state;
    struct served served = serve_tls(NULL);
    pthread_t readers[READERS];
    void *total;
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, reader, &served), 0);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], &total), 0);
        assert_true((uintptr_t)total > MUCH_BYTES);
    }
    end(&served);
}

/* Turns of the server's thread in a row in which nothing came. */
#define TURNS_SETTLED 50 /* it may have taken so many at once, and no more */
#define TURNS_QUIET 150

static struct {
    sem_t quiet; /* posted after TURNS_QUIET */
    atomic_int turns;
    atomic_int shortest_ms; /* that it wanted to sleep, once it had settled */
} server;

static int
poll_counted(struct pollfd *files, nfds_t count, int timeout_ms)
{
    const struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                                     .tv_nsec = timeout_ms % 1000 * 1000000L};
    int wants_ms = timeout_ms < 0 ? INT_MAX : timeout_ms;

    if (atomic_load(&server.turns) >= TURNS_SETTLED &&
        wants_ms < atomic_load(&server.shortest_ms))
        atomic_store(&server.shortest_ms, wants_ms);
    int ready = ppoll(files, count, timeout_ms < 0 ? NULL : &timeout, NULL);
    if (ready != 0)
        atomic_store(&server.turns, 0);
    else if (atomic_fetch_add(&server.turns, 1) + 1 == TURNS_QUIET)
        (void)sem_post(&server.quiet);
    return ready;
}

/* Waits until nothing comes any more: how long the server sleeps then, at least. */
static int
sleeps_ms(void)
{
    (void)sem_init(&server.quiet, 0, 0);
    atomic_store(&server.shortest_ms, INT_MAX);
    atomic_store(&server.turns, 0);
    (void)sem_wait(&server.quiet);
    return atomic_load(&server.shortest_ms);
}

/* Before the handshake, in the middle of it, after it, and with an answer unread: none
 * of them keeps the thread busy. */
static void
idle_connections_cost_no_time(void **state)
{
    (void)state;
    struct served served = serve_tls(poll_counted);
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    int silent = dial(&served), begun = dial(&served);
    struct client quiet = client_open(&served, "NORMAL");
    struct client unread = client_open(&served, "NORMAL");
    assert_int_equal(send(begun, "\x16\x03\x01", 3, MSG_NOSIGNAL), 3);
    assert_true(sleeps_ms() >= 10);
    assert_true(gnutls_record_send(unread.session, request, sizeof(request) - 1) > 0);
    assert_true(sleeps_ms() >= 1); /* it has sent what the kernel takes */
    (void)close(silent);
    (void)close(begun);
    client_close(&quiet);
    client_close(&unread);
    end(&served);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_answers_come_whole),
        cmocka_unit_test(many_are_served_at_once),
        cmocka_unit_test(idle_connections_cost_no_time),
    };

    return cmocka_run_group_tests_name("tls session", tests, certificates_setup,
                                       certificates_teardown);
}
