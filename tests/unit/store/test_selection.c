/* Parameters of a scrape: what they take, and in which words they are refused. */
#include "store/selection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct metric up = {.name = "qga_up", .help = "Up."};
static const struct metric size = {.name = "qga_size_bytes", .help = "Size."};
static const struct metric freed = {.name = "qga_free_bytes", .help = "Free."};
static const struct metric build = {.name = "qga_exporter_build_info", .help = "B."};
static const struct metric *const health_families[] = {&up, NULL};
static const struct metric *const filesystem_families[] = {&size, &freed, NULL};
static const struct metric *const own_families[] = {&build, NULL};

static void
write_own(void *context, struct fragment_writer *out)
{
    (void)context;
    (void)out;
}

static const struct store_part parts[] = {{"health", health_families, NULL},
                                          {"filesystem", filesystem_families, NULL},
                                          {"exporter", own_families, write_own}};

/* Key and value by turns, closed with NULL. */
static struct selection
select_all(const char *const *parameters)
{
    struct selection selection;

    selection_init(&selection, parts, 3);
    for (; *parameters; parameters += 2)
        selection_add(&selection, parameters[0], parameters[1]);
    selection_close(&selection);
    return selection;
}
#define PARAMETERS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* `expected` has a letter for each family that is taken, in their order. */
static void
takes(const char *const *parameters, const char *expected)
{
    struct selection selection = select_all(parameters);
    char got[5] = "";

    assert_string_equal(selection.problem, "");
    for (size_t i = 0; i < 4; i++)
        if (selection.families[i])
            got[strlen(got)] = "usfb"[i];
    assert_string_equal(got, expected);
    selection_free(&selection);
}

static void
parts_and_families_are_chosen(void **state)
{
    (void)state;
    takes((const char *const[]){NULL}, "usfb");
    takes(PARAMETERS("collect[]", "health"), "u");
    takes(PARAMETERS("collect[]", "health", "collect[]", "exporter"), "ub");
    takes(PARAMETERS("exclude[]", "health"), "sfb");
    takes(PARAMETERS("name[]", "qga_free_bytes"), "f");
    takes(
        PARAMETERS("name[]", "qga_up", "name[]", "qga_up", "name[]", "qga_size_bytes"),
        "us");
    takes(PARAMETERS("collect[]", "filesystem", "name[]", "qga_up", "name[]",
                     "qga_free_bytes"),
          "f");
    takes(PARAMETERS("exclude[]", "exporter", "name[]", "qga_exporter_build_info"), "");
    takes(PARAMETERS("domain[]", "a"), "usf"); /* the rest is nobody's */
}

static void
refuses(const char *const *parameters, const char *sentence)
{
    struct selection selection = select_all(parameters);

    assert_string_equal(selection.problem, sentence);
    selection_free(&selection);
}

static void
what_is_unknown_is_refused(void **state)
{
    (void)state;
    refuses(PARAMETERS("collect[]", "heath"),
            "collect[]=heath is not good: did you mean \"health\"?");
    refuses(PARAMETERS("exclude[]", ""), "exclude[]= is not good: known are: health, "
                                         "filesystem, exporter");
    refuses(PARAMETERS("name[]", "qga_upp", "name[]", "also-bad"),
            "name[]=qga_upp is not good: did you mean \"qga_up\"?");
    refuses(PARAMETERS("name[]", "go_threads"),
            "name[]=go_threads is not good: write the name of a metric as "
            "docs/METRICS.md has it, without _bucket, _sum or _count");
    refuses(PARAMETERS("collect", "health"),
            "collect is no parameter: did you mean \"collect[]\"?");
    refuses(PARAMETERS("\"\n\xff", "x"),
            "??? is no parameter: known are: collect[], exclude[], name[], domain[]");
    refuses(PARAMETERS("collect[]", "health", "exclude[]", "exporter"),
            "collect[] and exclude[] do not go together: write one of them");
}

static void
no_value_is_an_empty_one(void **state)
{
    struct selection selection;

    (void)state;
    selection_init(&selection, parts, 3);
    selection_add(&selection, "collect[]", NULL);
    assert_string_equal(selection.problem, "collect[]= is not good: known are: health, "
                                           "filesystem, exporter");
    selection_free(&selection);
}

static void
guests_are_named_exactly(void **state)
{
    struct selection selection =
        select_all(PARAMETERS("domain[]", "web", "domain[]", "a\"b"));

    (void)state;
    assert_false(selection_is_whole(&selection));
    assert_false(selection_has_part(&selection, 2));
    assert_false(selection_takes_guest(&selection, "domain=\"web-1\""));
    assert_false(selection_takes_guest(&selection, "domain=\"we\""));
    assert_true(selection_takes_guest(&selection, "domain=\"web\",source=\"x\""));
    assert_false(selection_check_guests(&selection));
    assert_string_equal(selection.problem, "domain[]=a\\?b is no guest that runs here");
    assert_true(selection_takes_guest(&selection, "domain=\"a\\\"b\""));
    assert_true(selection_check_guests(&selection));
    selection_free(&selection);
    selection = select_all((const char *const[]){NULL});
    assert_true(selection_is_whole(&selection));
    assert_true(selection_takes_guest(&selection, "domain=\"x\""));
    assert_true(selection_check_guests(&selection));
    selection_free(&selection);
}

static void
guests_have_an_end(void **state)
{
    struct selection selection;

    (void)state;
    selection_init(&selection, parts, 3);
    for (size_t i = 0; i < SELECTION_DOMAINS_MAX; i++)
        selection_add(&selection, "domain[]", "a");
    assert_string_equal(selection.problem, "");
    selection_add(&selection, "domain[]", "a");
    assert_string_equal(selection.problem,
                        "domain[]=a is not good: it is one too many, 64 are the most");
    selection_free(&selection);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_and_families_are_chosen),
        cmocka_unit_test(what_is_unknown_is_refused),
        cmocka_unit_test(no_value_is_an_empty_one),
        cmocka_unit_test(guests_are_named_exactly),
        cmocka_unit_test(guests_have_an_end),
    };

    return cmocka_run_group_tests_name("selection", tests, NULL, NULL);
}
