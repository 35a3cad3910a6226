/* TLS where only much data shows it: long answers, slow readers, many at a time; and
 * what is wrong with certificates.  tests/e2e/test_web_access.py has the rest. */
#include "store/store.h"
#include "store/telemetry.h"
#include "web/access.h"
#include "web/config.h"
#include "web/tls.h"
#include "web/web.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SERIES 30000
#define BYTES ((size_t)200 * SERIES)
#define READERS 4

static const char *const commands[] = {"guest-info", NULL};
static const char *const states[] = {"responsive", NULL};
static const struct metric many = {
    .name = "qga_many", .labels = {"name"}, .help = "Many."};
static const struct metric *const families[] = {&many, NULL};
static const struct metric *const *const slots[] = {families};
static const struct samples_limits limits = {.series_max = SERIES,
                                             .label_bytes_max = 256};

static char folder[] = "/tmp/test_web_tls.XXXXXX";
static char error[512];

static void
write_text(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* NAME.crt, signed by itself, with NAME.key. */
static void
make_certificate(const char *name)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    char file[64];
    const unsigned char serial = 1;
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(
        gnutls_x509_privkey_generate(
            key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
        0);
    assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(crt, &serial, 1), 0);
    assert_int_equal(gnutls_x509_crt_set_dn(crt, "CN=test", NULL), 0);
    assert_int_equal(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600), 0);
    assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    (void)snprintf(file, sizeof(file), "%s.crt", name);
    write_text(file, (char *)pem.data);
    gnutls_free(pem.data);
    assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    (void)snprintf(file, sizeof(file), "%s.key", name);
    write_text(file, (char *)pem.data);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static int
certificates_setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    make_certificate("one");
    make_certificate("two");
    write_text("not.pem", "this is no certificate\n");
    write_text("web.yml",
               "tls_server_config: {cert_file: one.crt, key_file: one.key}\n");
    return 0;
}

static int
certificates_teardown(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

/* --- what is wrong --- */

static void
refuses(const char *text, const char *key, const char *sentence)
{
    char path[256], expected[1024];
    write_text("bad.yml", text);
    (void)snprintf(path, sizeof(path), "%s/bad.yml", folder);
    (void)snprintf(expected, sizeof(expected), "%s:1: tls_server_config.%s: %s/%s",
                   path, key, folder, sentence);
    struct web_access *access = web_access_open(path, NULL, NULL, error, sizeof(error));
    if (access != NULL || strstr(error, expected) != error)
        fail_msg("expected: %s\ngot:      %s", expected, error);
}

static void
files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    refuses("tls_server_config: {cert_file: none.crt, key_file: one.key}", "cert_file",
            "none.crt cannot be read (No such file or directory); check the path");
    refuses("tls_server_config: {cert_file: ., key_file: one.key}", "cert_file",
            ". cannot be read (Is a directory)");
}

static void
bad_pairs_are_named(void **state)
{
    (void)state;
    refuses("tls_server_config: {cert_file: not.pem, key_file: one.key}", "cert_file",
            "not.pem is no certificate in PEM; check the file");
    refuses("tls_server_config: {cert_file: one.crt, key_file: two.key}", "key_file",
            "two.key is not the key of the certificate in cert_file");
    refuses("tls_server_config: {cert_file: one.crt, key_file: not.pem}", "key_file",
            "not.pem and cert_file are not a certificate and its key in PEM");
    refuses("tls_server_config: {cert_file: one.crt, key_file: one.key, "
            "client_ca_file: not.pem, client_auth_type: RequireAndVerifyClientCert}",
            "client_ca_file", "not.pem holds no certificate in PEM; check the file");
}

/* --- much data --- */

struct served {
    struct web_access *access;
    struct store *store;
    struct telemetry *telemetry;
    struct web *web;
};

static void
put_much(struct store *store)
{
    struct samples *samples = samples_new(&limits);
    for (int i = 0; i < SERIES; i++) {
        char name[201];
        (void)snprintf(name, sizeof(name), "%0200d", i);
        samples_add(samples, &many, i, LABELS(name));
    }
    store_put(store, store_guest_add(store, "domain=\"a\""), 0,
              exposition_render("domain=\"a\"", families, samples), INT64_MAX);
    samples_free(samples);
}

static struct served
serve(void)
{
    const char *const addresses[] = {"127.0.0.1:0", NULL};
    char path[256];
    struct served served = {.telemetry = telemetry_new(commands, states)};
    (void)snprintf(path, sizeof(path), "%s/web.yml", folder);
    served.access = web_access_open(path, NULL, NULL, error, sizeof(error));
    if (served.access == NULL)
        fail_msg("%s", error);
    const struct web_settings settings = {.listen_addresses = addresses,
                                          .telemetry_path = "/metrics",
                                          .access = served.access};
    served.store = store_new(slots, 1, NULL, NULL);
    put_much(served.store);
    served.web =
        web_start(&settings, served.store, served.telemetry, error, sizeof(error));
    if (served.web == NULL)
        fail_msg("%s", error);
    return served;
}

static void
end(struct served *served)
{
    web_stop(served->web);
    web_access_close(served->access);
    store_free(served->store);
    telemetry_free(served->telemetry);
}

struct client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

static int
dial(const struct served *served)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)web_port(served->web, 0)),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

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
    struct served served = serve();
    for (size_t i = 0; i < 2; i++) {
        struct client client = client_open(&served, priorities[i]);
        assert_true(client_scrape(&client, 65536) > BYTES);
        client_close(&client);
    }
    end(&served);
}

static void
many_are_served_at_once(void **state)
{
    (void)state;
    struct served served = serve();
    pthread_t readers[READERS];
    void *total;
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, reader, &served), 0);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], &total), 0);
        assert_true((uintptr_t)total > BYTES);
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

/* Instead of libc's; only the server's thread uses it. */
int
poll(struct pollfd *files, nfds_t count, int timeout_ms)
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
    struct served served = serve();
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
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(bad_pairs_are_named),
        cmocka_unit_test(long_answers_come_whole),
        cmocka_unit_test(many_are_served_at_once),
        cmocka_unit_test(idle_connections_cost_no_time),
    };
    return cmocka_run_group_tests(tests, certificates_setup, certificates_teardown);
}
