/* Which addresses are one client's. */
#include "web/remote.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
identify(const char *text, unsigned char out[WEB_REMOTE_BYTES])
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        web_remote_identify((struct sockaddr *)&four, out);
        return;
    }
    assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
    web_remote_identify((struct sockaddr *)&six, out);
}

static void
who_counts_together(void **state)
{
    static const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1", "10.0.0.2", false},
        {"10.0.0.1", "::ffff:10.0.0.1", true},
        {"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"2001:db8::1", "::ffff:32.1.13.184", false},
        {"a00:1::", "10.0.0.1", false},
    };
    unsigned char one[WEB_REMOTE_BYTES], other[WEB_REMOTE_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        identify(cases[i].one, one);
        identify(cases[i].other, other);
        if ((memcmp(one, other, sizeof(one)) == 0) != cases[i].same)
            fail_msg("%s and %s", cases[i].one, cases[i].other);
    }
}

static void
nobody_is_known(void **state)
{
    unsigned char one[WEB_REMOTE_BYTES], other[WEB_REMOTE_BYTES];

    (void)state;
    web_remote_identify(NULL, one);
    identify("0.0.0.0", other);
    assert_memory_not_equal(one, other, sizeof(one));
}

/* Who comes by a UNIX socket has no address, and is not nobody. */
static void
those_of_a_unix_socket_count_together(void **state)
{
    const struct sockaddr local = {.sa_family = AF_UNIX};
    const struct sockaddr named = {.sa_family = AF_UNIX, .sa_data = "/run/client"};
    unsigned char one[WEB_REMOTE_BYTES], other[WEB_REMOTE_BYTES];

    (void)state;
    web_remote_identify(&local, one);
    assert_true(web_remote_is_local(one));
    web_remote_identify(&named, other);
    assert_memory_equal(one, other, sizeof(one));
    web_remote_identify(NULL, other);
    assert_memory_not_equal(one, other, sizeof(one));
    assert_false(web_remote_is_local(other));
    identify("127.0.0.1", other);
    assert_false(web_remote_is_local(other));
    identify("::1", other);
    assert_false(web_remote_is_local(other));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_counts_together),
        cmocka_unit_test(nobody_is_known),
        cmocka_unit_test(those_of_a_unix_socket_count_together),
    };

    return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
