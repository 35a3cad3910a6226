/* A guest's name from the path of its socket. */
#include "config/guest_name.h"
#include "kit/failure.h"
#include "kit/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* NULL: no name. */
static void
expect(const char *pattern, const char *path, const char *wanted)
{
    struct failure why;
    char name[32] = "untouched";
    struct pattern *rule = guest_name_new(pattern, &why);

    if (!rule)
        fail_msg("%s", why.text);
    bool found = guest_name_of(rule, path, name, sizeof(name));

    assert_int_equal(found, !!wanted);
    if (wanted)
        assert_string_equal(name, wanted);
    pattern_free(rule);
}

static void
test_names(void **state)
{
    static const char usual[] = "([^/]+?)(?:[.][A-Za-z]+)?$";

    (void)state;
    expect(usual, "/run/agents/web-1.sock", "web-1");
    expect(usual, "/run/agents/web.example.org.sock", "web.example.org");
    expect(usual, "/run/agents/web", "web");
    expect(usual, "/run/agents/.sock", ".sock");
    expect("([0-9]+)[.]qga$", "/var/run/qemu-server/100.qga", "100");
    expect("([0-9]+)[.]qga$", "/var/run/qemu-server/100.vnc", NULL);
    expect("/([^/]+)/agent$", "/vms/a b\"\n\xff/agent", "a b\"\n\xff");
    expect("(?<name>x+)", "/axxb", "xx");
}

static void
test_no_name(void **state)
{
    (void)state;
    expect("(x*)", "/abc", NULL);    /* matches, and gives nothing */
    expect("(x)?abc", "/abc", NULL); /* the group takes no part */
    expect("(?=(a))", "/a", "a");
    expect("(a)", "", NULL);
    expect("(?:(?!(a)))", "/a", NULL);
}

static void
test_long_names_are_cut(void **state)
{
    char path[300];

    (void)state;
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    expect("(.+)", path, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

/* Steps are limited: no path stops the loop. */
static void
test_a_pattern_that_backtracks(void **state)
{
    char path[64];

    (void)state;
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    expect("((?:a+)+)b", path, NULL);
}

static void
test_bad_patterns(void **state)
{
    struct failure why;

    (void)state;
    assert_null(guest_name_new("(a", &why));
    assert_string_equal(why.text, "the pattern \"(a\" is wrong at character 3: missing "
                                  "closing parenthesis");
    assert_null(guest_name_new("a", &why));
    assert_non_null(strstr(why.text, "has 0 groups; write the part of the path"));
    assert_null(guest_name_new("(a)(b)", &why));
    assert_non_null(strstr(why.text, "has 2 groups"));
    assert_null(guest_name_new("", &why));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_name),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_a_pattern_that_backtracks),
        cmocka_unit_test(test_bad_patterns),
    };

    return cmocka_run_group_tests_name("guest name", tests, NULL, NULL);
}
