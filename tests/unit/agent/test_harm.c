/* What is known to do harm is not asked. */
#include "agent/harm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct harm_rule *
known(const char *os, const char *version, const char *command)
{
    return harm_find(harm_known, harm_known_count, os, version, command);
}

static void
test_the_shipped_list(void **state)
{
    (void)state;
    assert_non_null(known("freebsd", "5.2.0", "guest-get-fsinfo"));
    assert_non_null(known("FreeBSD", "7.1.9", "guest-get-fsinfo"));
    assert_null(known("freebsd", "7.2.0", "guest-get-fsinfo"));
    assert_null(known("freebsd", "10.0.0", "guest-get-fsinfo"));
    assert_null(known("freebsd", "5.2.0", "guest-get-time"));
    assert_null(known("debian", "5.2.0", "guest-get-fsinfo"));
    assert_non_null(known("openbsd", "9.0.2", "guest-get-osinfo"));
    assert_non_null(known("openbsd", "", "guest-get-osinfo"));
    assert_null(known("", "", "guest-get-fsinfo"));
    for (size_t i = 0; i < harm_known_count; i++)
        assert_true(strlen(harm_known[i].reason) > 0);
}

static void
test_versions(void **state)
{
    static const struct {
        const char *version, *limit;
        int below;
    } cases[] = {
        {"7.2", "7.2", 0},     {"7.2.22", "7.2", 0}, {"7.2", "7.2.1", 1},
        {"7.2", "7.2.0", 0},   {"9.9", "10", 1},     {"10.0", "9.9", 0},
        {"1.5.3", "1.10", 1},  {"hello", "7.2", 1},  {"102.10.0", "103", 1},
        {"7.2-rc1", "7.2", 0}, {"", "7.2", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct harm_rule rule = {NULL, cases[i].limit, "guest-x", "because"};

        assert_int_equal(!!harm_find(&rule, 1, "linux", cases[i].version, "guest-x"),
                         cases[i].below);
    }
}

/* docs/HARM.md lists what is shipped, row by row and nothing else. */
static void
test_the_document(void **state)
{
    static char document[64 * 1024];
    FILE *file = fopen("docs/HARM.md", "r");
    char row[1024];
    size_t rows = 0;

    (void)state;
    assert_non_null(file);
    document[fread(document, 1, sizeof(document) - 1, file)] = '\0';
    fclose(file);
    for (size_t i = 0; i < harm_known_count; i++) {
        const struct harm_rule *rule = &harm_known[i];

        snprintf(row, sizeof(row), "| %s | %s%s | `%s` | %s |\n", rule->os,
                 rule->agent_before ? "before " : "any",
                 rule->agent_before ? rule->agent_before : "", rule->command,
                 rule->reason);
        if (!strstr(document, row))
            fail_msg("docs/HARM.md lacks: %s", row);
    }
    for (const char *at = document; (at = strstr(at, "\n| ")); at++)
        rows++;
    assert_int_equal(rows, harm_known_count + 1); /* and the head */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_shipped_list),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_the_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
