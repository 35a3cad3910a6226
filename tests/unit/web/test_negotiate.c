/* What scrapers ask for, by the headers that they send. */
#include "web/negotiate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT "text/plain; version=0.0.4; charset=utf-8"
#define OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"

static void
accepts(const char *field, const char *type)
{
    struct web_wish wish = {.format_q = 0};

    web_wish_accept(&wish, field);
    if (strcmp(web_wish_type(&wish), type) != 0)
        fail_msg("%s is answered with %s", field, web_wish_type(&wish));
}

static void
scrapers_get_what_they_like_best(void **state)
{
    (void)state;
    /* Prometheus 2.42 */
    accepts("application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
            "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPEN);
    /* Prometheus 3 */
    accepts("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OPEN "; escaping=allow-utf-8");
    /* Prometheus 2.5 */
    accepts("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;"
            "q=0.5,*/*;q=0.1",
            TEXT);
    /* with protobuf for native histograms */
    accepts("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
            "encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPEN);
    /* vmagent */
    accepts("text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT);
    /* browsers, curl */
    accepts("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT);
    accepts("*/*", TEXT);
    accepts("", TEXT);
}

static void
the_highest_q_wins_then_the_first(void **state)
{
    (void)state;
    accepts("application/openmetrics-text", OPEN);
    accepts("APPLICATION/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.1", OPEN);
    accepts("text/plain,application/openmetrics-text", TEXT);
    accepts("application/openmetrics-text,text/plain", OPEN);
    accepts("text/plain;q=0.3,application/openmetrics-text;q=0.301", OPEN);
    accepts("text/plain;q=0.999,application/openmetrics-text;q=1.000", OPEN);
    accepts("application/openmetrics-text;q=0", TEXT);
    accepts("application/openmetrics-text;q=0.000,*/*", TEXT);
    accepts("text/plain;q=0,application/openmetrics-text;q=0.001", OPEN);
}

static void
other_versions_are_others(void **state)
{
    (void)state;
    accepts("application/openmetrics-text;version=2.0.0", TEXT);
    accepts("application/openmetrics-text;version=1.0.00", TEXT);
    accepts("application/openmetrics-text;version=0.0.1", TEXT);
    accepts("text/plain;version=1.0.0,application/openmetrics-text;q=0.1", OPEN);
    accepts("application/openmetrics-text;charset=utf-16;version=1.0.0", OPEN);
}

static void
escaping_is_said_back(void **state)
{
    (void)state;
    accepts("text/plain;version=0.0.4;escaping=values", TEXT "; escaping=values");
    accepts("text/plain;escaping=\"dots\"", TEXT "; escaping=dots");
    accepts("application/openmetrics-text;escaping=underscores",
            OPEN "; escaping=underscores");
    accepts("application/openmetrics-text;escaping=evil\r\n", OPEN);
    accepts("application/openmetrics-text;escaping=values;q=0.1,text/plain", TEXT);
}

static void
nonsense_is_no_wish(void **state)
{
    static const char *const fields[] = {
        ",",
        ";",
        "/",
        "application/openmetrics-text;q=",
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=1.001",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=0.00001",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=01",
        "application/openmetrics-text;q=0x1",
        "application/openmetrics-texts",
        "\"application/openmetrics-text",
        "x;y=\"a, application/openmetrics-text\"",
        "x;y=\"\\\", application/openmetrics-text",
        "application/openmetrics-text\\",
        ";=;=\"\\",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        accepts(fields[i], TEXT);
    accepts(",, ;q=1,\tapplication/openmetrics-text\t;;q;=,", OPEN);
}

static void
fields_add_up(void **state)
{
    struct web_wish wish = {.format_q = 0};

    (void)state;
    web_wish_accept(&wish, "text/plain;q=0.5");
    assert_string_equal(web_wish_type(&wish), TEXT);
    web_wish_accept(&wish, "application/openmetrics-text;q=0.6");
    assert_string_equal(web_wish_type(&wish), OPEN);
    web_wish_accept(&wish, "text/plain;q=0.5");
    assert_string_equal(web_wish_type(&wish), OPEN);
}

enum { NOTHING = -1 };

/* `field` NULL: there is none. */
static void
is_coded(const char *field, int expected)
{
    struct web_wish wish = {.format_q = 0};
    enum body_coding coding;

    if (field)
        web_wish_accept_encoding(&wish, field);
    int got = web_wish_coding(&wish, &coding) ? (int)coding : NOTHING;

    if (got != expected)
        fail_msg("%s: %d", field ? field : "nothing", got);
}

static void
gzip_is_for_those_who_want_it(void **state)
{
    (void)state;
    is_coded(NULL, BODY_PLAIN);
    is_coded("", BODY_PLAIN);
    is_coded("gzip", BODY_GZIP); /* Prometheus */
    is_coded("x-gzip", BODY_GZIP);
    is_coded("GZip ; q=0.5", BODY_GZIP);
    is_coded("gzip, deflate, br, zstd", BODY_GZIP);
    is_coded("deflate, gzip;q=1.0, *;q=0.5", BODY_GZIP);
    is_coded("identity", BODY_PLAIN);
    is_coded("identity, gzip", BODY_GZIP);
    is_coded("identity;q=0.9, gzip;q=0.8", BODY_PLAIN);
    is_coded("*", BODY_GZIP);
    is_coded("*;q=0.1, identity", BODY_PLAIN);
    is_coded("br, deflate", BODY_PLAIN);
    is_coded("gzipped", BODY_PLAIN);
}

static void
what_is_refused_is_not_given(void **state)
{
    (void)state;
    is_coded("gzip;q=0", BODY_PLAIN);
    is_coded("gzip;q=0, *", BODY_PLAIN);
    is_coded("gzip;q=0.000", BODY_PLAIN);
    is_coded("identity;q=0, gzip", BODY_GZIP);
    is_coded("identity;q=0, *", BODY_GZIP);
    is_coded("gzip, *;q=0", BODY_GZIP);
    is_coded("identity, *;q=0", BODY_PLAIN);
    is_coded("*;q=0", NOTHING);
    is_coded("identity;q=0", NOTHING);
    is_coded("identity;q=0, br", NOTHING);
    is_coded("gzip;q=0, identity;q=0", NOTHING);
}

static void
a_timeout_is_seconds_or_nothing(void **state)
{
    static const struct {
        const char *value;
        int64_t ns;
    } cases[] = {
        {"10", INT64_C(10000000000)},
        {"9.500", INT64_C(9500000000)}, /* vmagent */
        {"0.25", 250000000},
        {"0.0000000019", 1},
        {"120", INT64_C(120000000000)},
        {"999999999.999999999", INT64_C(999999999999999999)},
        {"0", 0},
        {"0.0", 0},
        {"", 0},
        {".5", 0},
        {"5.", 0},
        {"-1", 0},
        {"+1", 0},
        {" 1", 0},
        {"1 ", 0},
        {"1s", 0},
        {"1e3", 0},
        {"0x10", 0},
        {"NaN", 0},
        {"Inf", 0},
        {"1,5", 0},
        {"1.5.5", 0},
        {"1000000000", 0},
        {"99999999999999999999999", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ns = web_scrape_timeout_ns(cases[i].value);

        if (ns != cases[i].ns)
            fail_msg("%s: %lld", cases[i].value, (long long)ns);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scrapers_get_what_they_like_best),
        cmocka_unit_test(the_highest_q_wins_then_the_first),
        cmocka_unit_test(other_versions_are_others),
        cmocka_unit_test(escaping_is_said_back),
        cmocka_unit_test(nonsense_is_no_wish),
        cmocka_unit_test(fields_add_up),
        cmocka_unit_test(gzip_is_for_those_who_want_it),
        cmocka_unit_test(what_is_refused_is_not_given),
        cmocka_unit_test(a_timeout_is_seconds_or_nothing),
    };

    return cmocka_run_group_tests_name("negotiate", tests, NULL, NULL);
}
