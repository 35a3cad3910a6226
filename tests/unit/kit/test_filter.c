/* Filters: include, exclude, bad patterns, and hostile text against slow patterns. */
#include "kit/filter.h"

#include "kit/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "unit/cmocka_any.h"

static struct filter *
filter_of(const char *include, const char *exclude)
{
    struct failure why = {.text = ""};
    struct filter *filter = filter_new(include, exclude, &why);

    assert_string_equal(why.text, "");
    assert_non_null(filter);
    return filter;
}

static void
without_patterns_everything_passes(void **state)
{
    (void)state;
    assert_true(filter_passes(NULL, "x"));
    struct filter *filter = filter_of(NULL, "");
    assert_true(filter_passes(filter, "x"));
    assert_true(filter_passes(filter, ""));
    filter_free(filter);
    filter_free(NULL);
}

static void
include_and_exclude_both_count(void **state)
{
    (void)state;
    struct filter *filter = filter_of("^/(home|srv)", "^/srv/tmp($|/)");
    assert_true(filter_passes(filter, "/home"));
    assert_true(filter_passes(filter, "/srv/tmpfiles"));
    assert_false(filter_passes(filter, "/srv/tmp"));
    assert_false(filter_passes(filter, "/srv/tmp/x"));
    assert_false(filter_passes(filter, "/"));
    assert_false(filter_passes(filter, ""));
    filter_free(filter);
}

static void
a_newline_does_not_end_the_text(void **state)
{
    (void)state;
    struct filter *filter = filter_of(NULL, "^lo$");
    assert_false(filter_passes(filter, "lo"));
    assert_true(filter_passes(filter, "lo\n"));
    filter_free(filter);
}

static void
characters_are_matched_not_bytes(void **state)
{
    (void)state;
    struct filter *filter = filter_of("^.$", NULL);
    assert_true(filter_passes(filter, "\xc3\xa4"));
    assert_false(filter_passes(filter, "\xc3")); /* not UTF-8: excluded */
    filter_free(filter);
    filter = filter_of(NULL, "^x$");
    assert_false(filter_passes(filter, "\xff"));
    filter_free(filter);
}

static void
a_bad_pattern_is_named_with_its_position(void **state)
{
    (void)state;
    struct failure why;
    assert_null(filter_new("ok", "a(b", &why));
    assert_string_equal(
        why.text, "bad pattern \"a(b\": missing closing parenthesis at character 3");
    assert_null(filter_new("[", NULL, &why));
    assert_non_null(strstr(why.text, "\"[\""));
    assert_null(filter_new("a\\Cb", NULL, &why));
}

/* Hours without the limit; what hits it is excluded, also by an include. */
static void
a_slow_pattern_ends_and_excludes(void **state)
{
    (void)state;
    char text[2001];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct filter *filter = filter_of(NULL, "^(a+)+$x|^(a|aa)+b");
    assert_false(filter_passes(filter, text));
    assert_true(filter_passes(filter, "z"));
    filter_free(filter);
    /* A million steps to no match: PCRE2's own limit would let it pass. */
    filter = filter_of(NULL, "^(a+)+$");
    assert_true(filter_passes(filter, "aaaab"));
    assert_false(filter_passes(filter, "aaaaaaaaaaaaaaaaaaaab"));
    filter_free(filter);
    filter = filter_of("^(a+)+b", NULL);
    assert_false(filter_passes(filter, text));
    assert_true(filter_passes(filter, "aab"));
    filter_free(filter);
}

static void
a_text_over_the_limit_is_excluded(void **state)
{
    (void)state;
    char text[4098];
    memset(text, 'a', sizeof(text));
    text[4096] = '\0';
    struct filter *filter = filter_of(NULL, "b$");
    assert_true(filter_passes(filter, text));
    text[4096] = 'a';
    text[4097] = '\0';
    assert_false(filter_passes(filter, text));
    filter_free(filter);
}

/* One reply uses it up, the next has its own; the pattern is told once. */
static void
a_reply_has_a_budget(void **state)
{
    struct filter *filter = filter_of("^a", "[a-z]+[0-9]+$");
    static char text[4001];
    size_t passed = 0;

    (void)state;
    memset(text, 'a', 4000);
    assert_null(filter_tell_slow(filter));
    while (filter_passes(filter, text))
        passed++;
    assert_in_range(passed, 1, 100);
    assert_false(filter_passes(filter, "a"));
    assert_int_equal(filter_undecided(filter), 2);
    assert_string_equal(filter_tell_slow(filter), "[a-z]+[0-9]+$");
    assert_null(filter_tell_slow(filter));
    filter_restart(filter);
    assert_true(filter_passes(filter, "a"));
    assert_int_equal(filter_undecided(filter), 0);
    assert_null(filter_tell_slow(filter));
    filter_free(filter);
    filter_restart(NULL);
    assert_int_equal(filter_undecided(NULL), 0);
    assert_null(filter_tell_slow(NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_patterns_everything_passes),
        cmocka_unit_test(include_and_exclude_both_count),
        cmocka_unit_test(a_newline_does_not_end_the_text),
        cmocka_unit_test(characters_are_matched_not_bytes),
        cmocka_unit_test(a_bad_pattern_is_named_with_its_position),
        cmocka_unit_test(a_slow_pattern_ends_and_excludes),
        cmocka_unit_test(a_text_over_the_limit_is_excluded),
        cmocka_unit_test(a_reply_has_a_budget),
    };

    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
