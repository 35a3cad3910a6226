/* What an Authorization header says. */
#include "web/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
reads(const char *header, const char *user, const char *password)
{
    struct web_credentials credentials;

    assert_true(web_credentials_read(header, &credentials));
    assert_string_equal(credentials.user, user);
    assert_string_equal(credentials.password, password);
}

static void
headers_are_read(void **state)
{
    (void)state;
    reads("Basic YWxpY2U6c2VjcmV0", "alice", "secret");
    reads("basic YWxpY2U6c2VjcmV0", "alice", "secret");
    reads("BASIC   YWxpY2U6c2VjcmV0  ", "alice", "secret");
    reads("Basic YTo=", "a", "");
    reads("Basic Og==", "", "");
    reads("Basic YTpiOmM=", "a", "b:c");
}

static void
other_headers_are_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",
        "Basic",
        "Basic ",
        "BasicYWxpY2U6c2VjcmV0",
        "Bearer YWxpY2U6c2VjcmV0",
        "Basic YWxpY2U6c2VjcmV0 x",
        "Basic YWxpY2U",     /* no padding */
        "Basic YWxpY2U=",    /* no colon */
        "Basic YWxp*2U6c2V", /* no base64 */
        "Basic YTpiAGM=",    /* a NUL in the password */
        "Basic AGE6Yg==",    /* ... and in the user */
        "Basic ====",
    };
    struct web_credentials credentials;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (web_credentials_read(headers[i], &credentials))
            fail_msg("%s is taken", headers[i]);
}

/* Of "a:" and so many times "aaa". */
static bool
reads_of_length(size_t groups)
{
    struct web_credentials credentials;
    char *header = calloc(1, 6 + 4 + 4 * groups + 1);

    assert_non_null(header);
    (void)strcat(header, "Basic YTph");
    for (size_t i = 0; i < groups; i++)
        memcpy(header + 10 + 4 * i, "YWFh", 4);
    bool taken = web_credentials_read(header, &credentials);
    if (taken)
        assert_int_equal(strlen(credentials.password), 1 + 3 * groups);
    free(header);
    return taken;
}

static void
long_ones_are_refused_not_cut(void **state)
{
    (void)state;
    assert_true(reads_of_length(170)); /* 511 */
    assert_false(reads_of_length(171));
    assert_false(reads_of_length(100000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(other_headers_are_refused),
        cmocka_unit_test(long_ones_are_refused_not_cut),
    };

    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
