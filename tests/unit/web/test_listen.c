/* Sockets that listen: which addresses are taken, and the sentence for each other. */
#include "kit/failure.h"
#include "web/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* A family that the host does not have; 0: it has all that the machine has. */
static int absent_family;

int
socket(int domain, int type, int protocol)
{
    if (domain != absent_family || domain == 0)
        return (int)syscall(SYS_socket, domain, type, protocol);
    errno = EAFNOSUPPORT;
    return -1;
}

static void
refuses(const char *address, const char *expected)
{
    struct web_listener listeners[WEB_LISTENERS_MAX];
    struct failure why = {.text = ""};
    size_t count;

    if (web_listen(address, listeners, &count, &why) == 0 || count > 0 ||
        !strstr(why.text, expected))
        fail_msg("%s: expected \"%s\", got \"%s\"", address, expected, why.text);
}

static size_t
listen_to(const char *address, struct web_listener listeners[WEB_LISTENERS_MAX])
{
    struct failure why = {.text = ""};
    size_t count;

    if (web_listen(address, listeners, &count, &why) < 0)
        fail_msg("%s: %s", address, why.text);
    return count;
}

static struct web_listener
listens(const char *address)
{
    struct web_listener listeners[WEB_LISTENERS_MAX];

    assert_int_equal(listen_to(address, listeners), 1);
    return listeners[0];
}

static void
bad_addresses_are_named_with_the_remedy(void **state)
{
    static const char *const malformed[] = {
        "",          "10177",    ":",     ":x",      ":65536",    ":-1",
        "::1:10177", "[]:10177", "[::1]", ":123456", "[::1:10177"};
    char taken[64], expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        refuses(malformed[i], "is not an address with a port; write \":10177\"");
    refuses("192.0.2.1:0", "cannot listen on 192.0.2.1:0: Cannot assign requested "
                           "address; choose an address that this host has");
    refuses("no.such.host.invalid:1", "no.such.host.invalid:1 is not an address");
    struct web_listener listener = listens("127.0.0.1:0");

    (void)snprintf(taken, sizeof(taken), "127.0.0.1:%u", listener.port);
    (void)snprintf(expected, sizeof(expected),
                   "web.listen_addresses: cannot listen on %s: Address already in use; "
                   "stop the other program or choose another port",
                   taken);
    refuses(taken, expected);
    (void)close(listener.fd);
}

static void
what_is_bound_is_told(void **state)
{
    struct web_listener listener = listens("127.0.0.1:0");
    char bound[WEB_ADDRESS_BYTES];

    (void)state;
    assert_true(listener.port > 0);
    (void)snprintf(bound, sizeof(bound), "127.0.0.1:%u", listener.port);
    assert_string_equal(listener.bound, bound);
    (void)close(listener.fd);
}

/* Whether the machine has the loopback address of IPv6, whatever the host of a test. */
static bool
has_six(void)
{
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                         .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = (int)syscall(SYS_socket, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has =
        fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    if (fd >= 0)
        (void)close(fd);
    return has;
}

static void
localhost_is_the_loopback_of_each_family(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "[::1]"};
    struct web_listener listeners[WEB_LISTENERS_MAX];
    size_t count = listen_to("localhost:0", listeners);
    char bound[WEB_ADDRESS_BYTES];

    (void)state;
    assert_int_equal(count, has_six() ? 2 : 1);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(bound, sizeof(bound), "%s:%u", hosts[i], listeners[0].port);
        assert_string_equal(listeners[i].bound, bound);
        web_listener_close(&listeners[i]);
    }
    absent_family = AF_INET6;
    assert_int_equal(listen_to("localhost:0", listeners), 1);
    assert_memory_equal(listeners[0].bound, "127.0.0.1:", 10);
    web_listener_close(&listeners[0]);
    absent_family = AF_INET;
    if (has_six()) {
        assert_int_equal(listen_to("localhost:0", listeners), 1);
        assert_memory_equal(listeners[0].bound, "[::1]:", 6);
        web_listener_close(&listeners[0]);
    }
    absent_family = 0;
}

/* Also if it is the second one: then the first is let go.  Whether it is free
 * afterwards; another program may have taken it. */
static bool
is_all_or_nothing(void)
{
    struct web_listener taken = listens("[::1]:0"), others[WEB_LISTENERS_MAX];
    char address[64], expected[160], four[64];
    struct failure why;
    size_t count;

    (void)snprintf(address, sizeof(address), "localhost:%u", taken.port);
    (void)snprintf(
        expected, sizeof(expected),
        "cannot listen on %s: Address already in use; stop the other program", address);
    refuses(address, expected);
    (void)snprintf(four, sizeof(four), "127.0.0.1:%u", taken.port);
    bool is_free = web_listen(four, others, &count, &why) == 0;

    if (is_free)
        web_listener_close(&others[0]);
    web_listener_close(&taken);
    return is_free;
}

static void
localhost_is_all_or_nothing(void **state)
{
    int tries = 10;

    (void)state;
    if (!has_six())
        skip();
    while (!is_all_or_nothing())
        assert_true(--tries > 0);
}

/* IPv4 reaches an address without a host as well. */
static void
every_address_is_both_families(void **state)
{
    struct web_listener listener = listens(":0");
    struct sockaddr_in four = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((uint16_t)listener.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(connect(fd, (struct sockaddr *)&four, sizeof(four)), 0);
    (void)close(fd);
    (void)close(listener.fd);
}

static char folder[] = "/tmp/test_listen.XXXXXX";
static char path[64], address[80];

static int
set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/web.sock", folder);
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static bool
is_there(void)
{
    return access(path, F_OK) == 0;
}

static void
a_unix_socket_has_its_rights_and_its_end(void **state)
{
    static const mode_t masks[] = {0077, 0022, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        mode_t mask = umask(masks[i]);
        struct web_listener listener = listens(address);
        struct stat there;

        (void)umask(mask);
        assert_string_equal(listener.bound, address);
        assert_int_equal(listener.port, 0);
        assert_int_equal(lstat(path, &there), 0);
        assert_int_equal(there.st_mode, S_IFSOCK | 0660);
        web_listener_close(&listener);
        assert_false(is_there());
    }
}

static void
the_socket_of_the_dead_is_replaced_and_no_other(void **state)
{
    struct web_listener dead = listens(address), living;

    (void)state;
    (void)close(dead.fd); /* without its end */
    assert_true(is_there());
    living = listens(address);
    refuses(address, "web.sock: Address already in use; stop the other program");
    assert_true(is_there());
    web_listener_close(&living);

    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    (void)close(file);
    refuses(address, "web.sock: what is there is no socket; remove it");
    assert_true(is_there());
    (void)unlink(path);
    assert_int_equal(symlink("elsewhere", path), 0);
    refuses(address, "web.sock: what is there is no socket; remove it");
    (void)unlink(path);
}

/* Somebody has removed the first one's file. */
static void
the_file_of_another_is_not_removed(void **state)
{
    struct web_listener first = listens(address);

    (void)state;
    assert_int_equal(unlink(path), 0);
    struct web_listener second = listens(address);

    web_listener_close(&first);
    assert_true(is_there());
    web_listener_close(&second);
    assert_false(is_there());
}

static void
a_path_that_cannot_be_has_its_remedy(void **state)
{
    char longest[256];

    (void)state;
    refuses(
        "unix:/no/such/folder/web.sock",
        "cannot listen on unix:/no/such/folder/web.sock: No such file or directory; "
        "make the folder first");
    (void)snprintf(longest, sizeof(longest), "unix:%s/%0120d", folder, 0);
    refuses(longest, "File name too long; write at most 107 characters");
}

/* What a service manager hands over is kept for the next start of the web side. */
static void
inherited_sockets_are_duplicated(void **state)
{
    struct web_listener given = listens("127.0.0.1:0"), listener;
    struct failure why;

    (void)state;
    assert_int_equal(web_listen_inherited(given.fd, &listener, &why), 0);
    assert_int_not_equal(listener.fd, given.fd);
    assert_string_equal(listener.bound, given.bound);
    assert_int_equal(listener.port, given.port);
    assert_int_equal(fcntl(listener.fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(listener.fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(close(listener.fd), 0);
    assert_int_equal(close(given.fd), 0);
}

static void
other_files_are_not_inherited(void **state)
{
    int files[] = {
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
        socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), /* does not listen */
        open("/dev/null", O_RDONLY | O_CLOEXEC),
        9999,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct web_listener listener;
        struct failure why = {.text = ""};

        assert_int_equal(web_listen_inherited(files[i], &listener, &why), -1);
        assert_non_null(strstr(why.text, "is no TCP socket that listens"));
        (void)close(files[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_addresses_are_named_with_the_remedy),
        cmocka_unit_test(what_is_bound_is_told),
        cmocka_unit_test(inherited_sockets_are_duplicated),
        cmocka_unit_test(other_files_are_not_inherited),
        cmocka_unit_test(every_address_is_both_families),
        cmocka_unit_test(localhost_is_the_loopback_of_each_family),
        cmocka_unit_test(localhost_is_all_or_nothing),
        cmocka_unit_test(a_unix_socket_has_its_rights_and_its_end),
        cmocka_unit_test(the_socket_of_the_dead_is_replaced_and_no_other),
        cmocka_unit_test(the_file_of_another_is_not_removed),
        cmocka_unit_test(a_path_that_cannot_be_has_its_remedy),
    };

    return cmocka_run_group_tests_name("listen", tests, set_up, tear_down);
}
