/* The parameters of a URL. */
#include "pages/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const states[] = {"responsive", "frozen", NULL};

static void
good_ones_are_taken(void **state)
{
    struct pages_query query;

    (void)state;
    pages_query_init(&query, states);
    pages_query_add(&query, "state", "frozen");
    pages_query_add(&query, "q", "web 1");
    pages_query_add(&query, "sort", "-answer");
    pages_query_add(&query, "page", "999");
    pages_query_add(&query, "source", "here");
    assert_string_equal(query.problem, "");
    assert_ptr_equal(query.state, states[1]);
    assert_string_equal(query.search, "web 1");
    assert_int_equal(query.sort, SORT_ANSWER);
    assert_true(query.descending);
    assert_int_equal(query.page, 999);
    assert_string_equal(query.source, "here");
}

static void
empty_ones_are_as_if_not_there(void **state)
{
    static const char *const keys[] = {"state", "q", "sort", "page", "source"};
    struct pages_query query;

    (void)state;
    pages_query_init(&query, states);
    for (size_t i = 0; i < 5; i++) {
        pages_query_add(&query, keys[i], "");
        pages_query_add(&query, keys[i], NULL);
    }
    assert_string_equal(query.problem, "");
    assert_null(query.state);
    assert_int_equal(query.page, 1);
    assert_int_equal(query.sort, SORT_NAME);
}

static void
refused(const char *key, const char *value, const char *problem)
{
    struct pages_query query;

    pages_query_init(&query, states);
    pages_query_add(&query, key, value);
    assert_string_equal(query.problem, problem);
    pages_query_add(&query, "page", "0"); /* the first stays */
    assert_string_equal(query.problem, problem);
}

static void
bad_ones_are_refused_with_a_remedy(void **state)
{
    char long_word[PAGES_SEARCH_BYTES + 1];

    (void)state;
    memset(long_word, 'a', PAGES_SEARCH_BYTES);
    long_word[PAGES_SEARCH_BYTES] = '\0';
    refused("state", "frosen", "state=frosen is not good: did you mean \"frozen\"?");
    refused("sort", "--name", "sort=-name is not good: did you mean \"name\"?");
    refused("page", "0", "page=0 is not good: write a number from 1 to 999");
    refused("page", "1e2", "page=1e2 is not good: write a number from 1 to 999");
    refused("stat", "x", "stat is no parameter: did you mean \"state\"?");
    struct pages_query query;

    pages_query_init(&query, states);
    pages_query_add(&query, "q", long_word);
    assert_non_null(strstr(query.problem, "write less, 127 bytes at most"));
    long_word[PAGES_SEARCH_BYTES - 1] = '\0';
    pages_query_init(&query, states);
    pages_query_add(&query, "q", long_word);
    assert_string_equal(query.problem, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_taken),
        cmocka_unit_test(empty_ones_are_as_if_not_there),
        cmocka_unit_test(bad_ones_are_refused_with_a_remedy),
    };

    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
