/* How long requests are, and which can be read in two ways. */
#include "web/length.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct field {
    const char *name, *value;
};

static const struct {
    struct field fields[3];
    bool is_ambiguous, has_body;
} cases[] = {
    {{{"Host", "x"}}, false, false},
    {{{"Host", "x"}, {"Content-Length", "0"}}, false, false},
    {{{"Host", "x"}, {"Content-Length", "5"}}, false, true},
    {{{"Content-Length", "999999999999999999"}}, false, true},
    {{{"Transfer-Encoding", "chunked"}}, false, true},
    {{{"transfer-encoding", "Chunked"}}, false, true},
    {{{"X-Content-Length", "5"}, {"Content-Type", "a/b;\tc=\xc3\xa9"}}, false, false},
    /* said twice */
    {{{"Content-Length", "0"}, {"Content-Length", "0"}}, true, false},
    {{{"Content-Length", "0"}, {"content-length", "41"}}, true, true},
    {{{"Content-Length", "0"}, {"Transfer-Encoding", "chunked"}}, true, true},
    {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, true, true},
    {{{"Host", "x"}, {"HOST", "y"}}, true, false},
    /* no number, or no coding that all know */
    {{{"Content-Length", ""}}, true, true},
    {{{"Content-Length", NULL}}, true, true},
    {{{"Content-Length", "+5"}}, true, true},
    {{{"Content-Length", "-0"}}, true, true},
    {{{"Content-Length", "0x5"}}, true, true},
    {{{"Content-Length", "5, 5"}}, true, true},
    {{{"Content-Length", "5 "}}, true, true},
    {{{"Content-Length", "18446744073709551616"}}, true, true},
    {{{"Transfer-Encoding", "identity"}}, true, true},
    {{{"Transfer-Encoding", "xchunked"}}, true, true},
    {{{"Transfer-Encoding", "chunked, identity"}}, true, true},
    {{{"Transfer-Encoding", "\vchunked"}}, true, true},
    {{{"Transfer-Encoding", ""}}, true, true},
    /* folded, as libmicrohttpd 0.9.75 has it */
    {{{"Content-Length41", ""}}, true, true},
    {{{"Transfer-Encodingchunked", ""}}, true, true},
    {{{"content-length1", "4"}}, true, true},
    /* controls */
    {{{"X", "y\rContent-Length: 41"}}, true, false},
    {{{"X", "y\nContent-Length: 41"}}, true, false},
    {{{"X", "\x7f"}}, true, false},
    {{{"X", "\b"}}, true, false},
    /* no name */
    {{{"Content-Length ", "41"}}, true, true},
    {{{" Content-Length", "41"}}, true, false},
    {{{"Transfer-Encoding\t", "chunked"}}, true, true},
    {{{"X\r", "1"}}, true, false},
    {{{"", "1"}}, true, false},
};

static void
what_can_be_read_in_two_ways_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct web_length length = {0};

        for (size_t f = 0; f < 3 && cases[i].fields[f].name; f++)
            web_length_add(&length, cases[i].fields[f].name, cases[i].fields[f].value);
        if (web_length_is_ambiguous(&length, "HTTP/1.1") != cases[i].is_ambiguous ||
            length.has_body != cases[i].has_body)
            fail_msg("%s: %s", cases[i].fields[0].name, cases[i].fields[0].value);
    }
}

/* Chunks came with 1.1. */
static void
old_versions_have_no_codings(void **state)
{
    struct web_length length = {0};

    (void)state;
    assert_false(web_length_is_ambiguous(&length, "HTTP/1.0"));
    web_length_add(&length, "Transfer-Encoding", "chunked");
    assert_false(web_length_is_ambiguous(&length, "HTTP/1.1"));
    assert_true(web_length_is_ambiguous(&length, "HTTP/1.0"));
    assert_true(web_length_is_ambiguous(&length, "HTTP/1.2"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_read_in_two_ways_is_told),
        cmocka_unit_test(old_versions_have_no_codings),
    };

    return cmocka_run_group_tests_name("length", tests, NULL, NULL);
}
