/* Patterns: what matches, which group, and that hostile text and slow patterns end. */
#include "kit/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "unit/cmocka_any.h"

static struct pattern *
pattern_of(const char *text, enum pattern_kind kind)
{
    struct pattern_mistake mistake;
    struct pattern *pattern = pattern_new(text, kind, &mistake);

    if (!pattern)
        fail_msg("%s: %s", text, mistake.text);
    return pattern;
}

static void
gives(const char *text, enum pattern_kind kind, const char *subject,
      enum pattern_result result)
{
    struct pattern *pattern = pattern_of(text, kind);
    size_t steps = PATTERN_STEPS_MAX;

    if (pattern_match(pattern, subject, strlen(subject), NULL, &steps) != result)
        fail_msg("%s on %s is not %d", text, subject, (int)result);
    pattern_free(pattern);
}

static void
kinds_differ_in_what_a_character_is(void **state)
{
    (void)state;
    gives("^.$", PATTERN_OF_TEXT, "\xc3\xa4", PATTERN_MATCHES);
    gives("^.$", PATTERN_OF_BYTES, "\xc3\xa4", PATTERN_DIFFERS);
    gives("^.$", PATTERN_OF_TEXT, "\xff", PATTERN_UNDECIDED);
    gives("^.$", PATTERN_OF_BYTES, "\xff", PATTERN_MATCHES);
    gives("^lo$", PATTERN_OF_TEXT, "lo\n", PATTERN_DIFFERS);
    gives("^lo$", PATTERN_OF_BYTES, "lo\n", PATTERN_MATCHES);
    gives("b", PATTERN_OF_TEXT, "abc", PATTERN_MATCHES);
}

static void
the_first_group_is_told(void **state)
{
    static const struct {
        const char *text, *subject;
        size_t begins, ends;
    } cases[] = {
        {"a(b+)c", "xabbcx", 2, 4},     {"a(b*)c", "xacx", 2, 2},
        {"(b)?a", "a", 0, 0},           {"(a)(b)(c)(d)", "abcd", 0, 1},
        {"(?:(a)|(b))", "b", 0, 0},     {"abc", "abc", 0, 0},
        {"(x)", "nothing of it", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pattern *pattern = pattern_of(cases[i].text, PATTERN_OF_BYTES);
        size_t group[2] = {99, 99}, steps = PATTERN_STEPS_MAX;

        (void)pattern_match(pattern, cases[i].subject, strlen(cases[i].subject), group,
                            &steps);
        assert_int_equal(group[0], cases[i].begins);
        assert_int_equal(group[1], cases[i].ends);
        pattern_free(pattern);
    }
}

static void
groups_are_counted(void **state)
{
    static const char *const texts[] = {"a", "(a)", "(a)(?:b)(?<c>d)"};
    static const unsigned int groups[] = {0, 1, 2};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct pattern *pattern = pattern_of(texts[i], PATTERN_OF_TEXT);

        assert_int_equal(pattern_groups(pattern), groups[i]);
        pattern_free(pattern);
    }
}

static void
a_mistake_has_its_place(void **state)
{
    struct pattern_mistake mistake;

    (void)state;
    assert_null(pattern_new("a(b", PATTERN_OF_TEXT, &mistake));
    assert_int_equal(mistake.offset, 3);
    assert_string_equal(mistake.text, "missing closing parenthesis");
    assert_null(pattern_new("a\\Cb", PATTERN_OF_TEXT, &mistake));
    pattern_free(NULL);
}

/* Hours without the limits. */
static void
what_takes_too_long_ends(void **state)
{
    static char text[4098];

    (void)state;
    memset(text, 'a', 2000);
    gives("^(a+)+$x|^(a|aa)+b", PATTERN_OF_TEXT, text, PATTERN_SLOW);
    gives("^(a+)+$", PATTERN_OF_BYTES, "aaaaaaaaaaaaaaaaaaaaaaaab", PATTERN_SLOW);
    memset(text, 'a', 4096);
    gives("b$", PATTERN_OF_TEXT, text, PATTERN_DIFFERS);
    text[4096] = 'a';
    gives("b$", PATTERN_OF_TEXT, text, PATTERN_UNDECIDED);
    gives("a", PATTERN_OF_TEXT, text, PATTERN_UNDECIDED);
}

/* PCRE2 counts anew at each start, and runs along a text for nothing; here a long name
 * costs what it costs, and a short one little. */
static void
steps_are_for_all_matches_together(void **state)
{
    struct pattern *pattern = pattern_of("[a-z]+[0-9]+$", PATTERN_OF_TEXT);
    size_t steps = PATTERN_STEPS_MAX;
    static char text[4001];
    unsigned int matches = 0;

    (void)state;
    assert_int_equal(pattern_match(pattern, "eth0", 4, NULL, &steps), PATTERN_MATCHES);
    assert_in_range(PATTERN_STEPS_MAX - steps, 1, 200);
    memset(text, 'a', 4000);
    while (pattern_match(pattern, text, 4000, NULL, &steps) == PATTERN_DIFFERS)
        matches++;
    /* 4000 starts, from each of which it runs along the rest. */
    assert_in_range(matches, 1, PATTERN_STEPS_MAX / (4000 * 4000 / 2));
    assert_int_equal(steps, 0);
    assert_int_equal(pattern_match(pattern, "eth0", 4, NULL, &steps), PATTERN_SLOW);
    steps = PATTERN_STEPS_MAX;
    assert_int_equal(pattern_match(pattern, "eth0", 4, NULL, &steps), PATTERN_MATCHES);
    pattern_free(pattern);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_differ_in_what_a_character_is),
        cmocka_unit_test(the_first_group_is_told),
        cmocka_unit_test(groups_are_counted),
        cmocka_unit_test(a_mistake_has_its_place),
        cmocka_unit_test(what_takes_too_long_ends),
        cmocka_unit_test(steps_are_for_all_matches_together),
    };

    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
