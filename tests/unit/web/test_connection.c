/* Deadlines of clients: who takes too long is cut off, who is only slow is not, and
 * nobody holds up the others.  The clock is the test's. */
#include "unit/hand_clock.h"
#include "unit/served.h"
#include "web/connection.h"

#include <errno.h>

#define S INT64_C(1000000000)
#define LIMIT_NS (4 * S) /* shorter than what the library itself waits for */
#define STEPS 10

/* No time passes in it, either.  Who counts on its end waits for ever. */
static int
poll_without_time(struct pollfd *files, nfds_t count, int timeout_ms)
{
    static const struct timespec at_once = {0};

    return ppoll(files, count, timeout_ms == 0 ? &at_once : NULL, NULL);
}

/* With long answers, and little time. */
static struct served
serve_much(int64_t request_ns, int64_t response_ns)
{
    struct served served = serve_with((struct web_settings){.request_ns = request_ns,
                                                            .response_ns = response_ns,
                                                            .poll = poll_without_time},
                                      NULL);

    put_much(served.store);
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

/* Asks with this line in the header, reads a little in each step of a time, then what
 * is left; what that was. */
static size_t
read_slowly_with(const struct served *served, const char *line, int64_t time_ns)
{
    const int window = 262144;
    int fd = dial(served);
    char request[256];

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    (void)snprintf(request, sizeof(request),
                   "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
                   line);
    say(fd, request);
    pass(served, time_ns, read_a_little, fd);
    return read_rest(fd);
}

static size_t
read_slowly(const struct served *served, int64_t time_ns)
{
    return read_slowly_with(served, "", time_ns);
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

/* Its own time for a scrape counts, unless it is longer than ours, or nonsense. */
static void
who_has_given_up_is_cut_off(void **state)
{
    static const char own[] = "X-Prometheus-Scrape-Timeout-Seconds: 4\r\n";
    struct served served = serve_much(0, 0);

    (void)state;
    assert_true(read_slowly_with(&served, own, LIMIT_NS - 1) > MUCH_BYTES);
    assert_true(read_slowly_with(&served, own, LIMIT_NS) < MUCH_BYTES);
    assert_true(read_slowly_with(&served, "X-Prometheus-Scrape-Timeout-Seconds: -4\r\n",
                                 LIMIT_NS) > MUCH_BYTES);
    end(&served);
    served = serve_much(0, LIMIT_NS);
    assert_true(read_slowly_with(&served,
                                 "X-Prometheus-Scrape-Timeout-Seconds: 100\r\n",
                                 LIMIT_NS) < MUCH_BYTES);
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

/* One client has half of them at most, whichever of its addresses it comes from. */
static void
a_client_has_its_share(void **state)
{
    struct served served = serve();
    int mine[WEB_CONNECTIONS_PER_REMOTE_MAX];
    char byte;

    (void)state;
    for (size_t i = 0; i < WEB_CONNECTIONS_PER_REMOTE_MAX; i++) {
        mine[i] = dial(&served);
        say(mine[i], "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
        free(hear_one(mine[i], false));
    }
    int more = dial(&served);
    assert_true(recv(more, &byte, 1, 0) <= 0); /* closed */
    (void)close(more);

    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)web_port(served.web, 0))};

    assert_int_equal(bind(other, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(other, (struct sockaddr *)&to, sizeof(to)), 0);
    say(other, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
    free(hear_one(other, false));
    (void)close(other);
    for (size_t i = 0; i < WEB_CONNECTIONS_PER_REMOTE_MAX; i++)
        (void)close(mine[i]);
    end(&served);
}

/* A proxy may stand there, with all clients behind it: who may come is said by the
 * rights of the file. */
static void
those_of_a_unix_socket_share_all_of_it(void **state)
{
    static struct web_connection there[WEB_CONNECTIONS_MAX];
    struct web_connections all = {.first = NULL};
    const struct sockaddr remote = {.sa_family = AF_UNIX};

    (void)state;
    for (size_t i = 0; i < WEB_CONNECTIONS_MAX; i++) {
        assert_true(web_connections_take(&all, &remote));
        web_remote_identify(&remote, there[i].login.remote);
        there[i].next = all.first;
        all.first = &there[i];
    }
    assert_false(web_connections_take(&all, &remote));
}

/* The addresses of a /64 of IPv6 cost nothing. */
static void
a_network_of_ipv6_has_the_share_of_one(void **state)
{
    static struct web_connection there[WEB_CONNECTIONS_PER_REMOTE_MAX];
    struct web_connections all = {.first = NULL};
    struct sockaddr_in6 remote = {.sin6_family = AF_INET6,
                                  .sin6_addr.s6_addr = {0x20, 0x01, 0x0d, 0xb8}};
    const struct sockaddr *address = (struct sockaddr *)&remote;

    (void)state;
    for (size_t i = 0; i < WEB_CONNECTIONS_PER_REMOTE_MAX; i++) {
        remote.sin6_addr.s6_addr[15]++;
        assert_true(web_connections_take(&all, address));
        web_remote_identify(address, there[i].login.remote);
        there[i].next = all.first;
        all.first = &there[i];
    }
    remote.sin6_addr.s6_addr[15]++;
    assert_false(web_connections_take(&all, address));
    remote.sin6_addr.s6_addr[7] = 1;
    assert_true(web_connections_take(&all, address));
}

/* Many may take all that there are, but for one who has none. */
static void
a_first_connection_finds_room(void **state)
{
    static struct web_connection there[WEB_CONNECTIONS_MAX];
    struct web_connections all = {.first = NULL};
    struct sockaddr_in remote = {.sin_family = AF_INET};
    const struct sockaddr *address = (struct sockaddr *)&remote;

    (void)state;
    for (uint32_t i = 0; i < WEB_CONNECTIONS_MAX; i++) {
        remote.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i % 12);
        assert_true(web_connections_take(&all, address));
        web_remote_identify(address, there[i].login.remote);
        there[i].next = all.first;
        all.first = &there[i];
    }
    assert_false(web_connections_take(&all, address));
    remote.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 12);
    assert_true(web_connections_take(&all, address));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_that_trickle_are_cut_off),
        cmocka_unit_test(readers_that_trickle_are_cut_off),
        cmocka_unit_test(who_has_given_up_is_cut_off),
        cmocka_unit_test(others_are_served_meanwhile),
        cmocka_unit_test(a_client_has_its_share),
        cmocka_unit_test(those_of_a_unix_socket_share_all_of_it),
        cmocka_unit_test(a_network_of_ipv6_has_the_share_of_one),
        cmocka_unit_test(a_first_connection_finds_room),
    };

    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
