/* Typed reads: what is taken, and what an odd part costs and is called. */
#include "kit/guest_json.h"

#include "kit/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct reading {
    json_t *json;
    struct failure why;
    struct guest_json root;
};

static void
reading_start(struct reading *reading, const char *text)
{
    memset(reading, 0, sizeof(*reading));
    reading->json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(reading->json);
    guest_json_root(&reading->root, reading->json, &reading->why);
}

static void
reading_succeeds(struct reading *reading)
{
    assert_int_equal(guest_json_result(&reading->root, NULL), 0);
    assert_int_equal(reading->why.kind, FAILURE_NONE);
    assert_string_equal(reading->why.text, "");
    assert_true(guest_json_is_whole(&reading->root));
    json_decref(reading->json);
}

/* It is well but for so many parts; the first of them is named. */
static void
reading_leaves_out(struct reading *reading, size_t count, const char *text)
{
    const struct samples_limits none = {.series_max = 0};
    struct samples *samples = samples_new(&none);

    assert_int_equal(guest_json_result(&reading->root, samples), 0);
    assert_int_equal(samples_dropped(samples), count);
    assert_int_equal(reading->why.kind, FAILURE_NONE);
    assert_string_equal(reading->why.text, text);
    assert_false(guest_json_is_whole(&reading->root));
    samples_free(samples);
    json_decref(reading->json);
}

static void
reading_fails(struct reading *reading, const char *text)
{
    assert_int_equal(guest_json_result(&reading->root, NULL), -1);
    assert_int_equal(reading->why.kind, FAILURE_WRONG_SHAPE);
    assert_string_equal(reading->why.text, text);
    json_decref(reading->json);
}

static void
fields_of_every_type_are_read(void **state)
{
    (void)state;
    struct reading r;
    struct guest_json child, entry;
    double number;
    int64_t integer;
    bool boolean;
    reading_start(&r, "{\"s\":\"x\",\"i\":-9223372036854775808,\"r\":2.5,\"w\":3.0,"
                      "\"t\":true,\"f\":false,\"a\":[1,2],\"o\":{\"k\":7}}");
    assert_string_equal(guest_json_string(&r.root, "s", GUEST_REQUIRED), "x");
    assert_true(guest_json_int64(&r.root, "i", GUEST_REQUIRED, &integer));
    assert_true(integer == INT64_MIN);
    assert_true(guest_json_int64(&r.root, "w", GUEST_REQUIRED, &integer));
    assert_int_equal(integer, 3);
    assert_true(guest_json_number(&r.root, "r", GUEST_REQUIRED, &number));
    assert_true(number == 2.5);
    assert_true(guest_json_number(&r.root, "w", GUEST_REQUIRED, &number));
    assert_true(guest_json_bool(&r.root, "t", GUEST_REQUIRED, &boolean) && boolean);
    assert_true(guest_json_bool(&r.root, "f", GUEST_REQUIRED, &boolean) && !boolean);
    assert_true(guest_json_object(&r.root, "o", GUEST_REQUIRED, &child));
    assert_true(guest_json_int64(&child, "k", GUEST_REQUIRED, &integer));
    assert_true(guest_json_array(&r.root, "a", GUEST_REQUIRED, &child));
    size_t count = 0;
    while (guest_json_entry(&child, count, &entry)) {
        assert_true(guest_json_as_int64(&entry, &integer));
        assert_int_equal(integer, count + 1);
        count++;
    }
    assert_int_equal(count, 2);
    reading_succeeds(&r);
}

static void
a_field_left_out_or_null_reads_as_not_there(void **state)
{
    (void)state;
    struct reading r;
    struct guest_json child, entry;
    double number = 1;
    int64_t integer = 1;
    bool boolean = true;
    reading_start(&r, "{\"null\":null}");
    for (int i = 0; i < 2; i++) {
        const char *key = i == 0 ? "null" : "missing";

        assert_false(guest_json_number(&r.root, key, GUEST_OPTIONAL, &number));
        assert_false(guest_json_int64(&r.root, key, GUEST_OPTIONAL, &integer));
        assert_false(guest_json_bool(&r.root, key, GUEST_OPTIONAL, &boolean));
        assert_string_equal(guest_json_string(&r.root, key, GUEST_OPTIONAL), "");
        assert_false(guest_json_object(&r.root, key, GUEST_OPTIONAL, &child));
        assert_false(guest_json_int64(&child, "x", GUEST_REQUIRED, &integer));
        assert_false(guest_json_array(&r.root, key, GUEST_OPTIONAL, &child));
        assert_false(guest_json_entry(&child, 0, &entry));
    }
    assert_true(number == 0 && integer == 0 && !boolean);
    reading_succeeds(&r);
}

static void
a_wrong_type_names_the_field(void **state)
{
    (void)state;
    struct reading r;
    struct guest_json entry, disks, disk, pci;
    double number;
    reading_start(&r, "[{},{\"disk\":[0,{\"pci\":{\"slot\":\"x\"}}]}]");
    assert_true(guest_json_entry(&r.root, 1, &entry));
    assert_true(guest_json_array(&entry, "disk", GUEST_REQUIRED, &disks));
    assert_true(guest_json_entry(&disks, 1, &disk));
    assert_true(guest_json_object(&disk, "pci", GUEST_REQUIRED, &pci));
    assert_false(guest_json_number(&pci, "slot", GUEST_OPTIONAL, &number));
    assert_true(guest_json_is_usable(&disk));
    assert_false(guest_json_number(&pci, "slot", GUEST_REQUIRED, &number));
    assert_false(guest_json_is_usable(&disk));
    assert_true(guest_json_is_usable(&entry));
    reading_leaves_out(&r, 2,
                       "[1].disk[1].pci.slot: a number expected, a string found");
}

/* Whatever was expected; an empty array is none. */
static void
a_number_that_is_too_large_is_nothing_else(void **state)
{
    (void)state;
    struct reading r;
    struct guest_json list, entry, child;
    bool boolean;
    double number;
    reading_start(&r, "{\"a\":" GUEST_JSON_TOO_LARGE ",\"b\":[]}");
    assert_false(guest_json_object(&r.root, "a", GUEST_OPTIONAL, &child));
    assert_false(guest_json_bool(&r.root, "a", GUEST_OPTIONAL, &boolean));
    assert_false(guest_json_number(&r.root, "a", GUEST_OPTIONAL, &number));
    assert_string_equal(guest_json_string(&r.root, "a", GUEST_OPTIONAL), "");
    assert_true(guest_json_array(&r.root, "a", GUEST_OPTIONAL, &list));
    assert_true(guest_json_entry(&list, 0, &entry));
    assert_string_equal(guest_json_as_string(&entry), "");
    assert_true(guest_json_entry(&list, 0, &entry));
    assert_false(guest_json_number(&entry, "x", GUEST_REQUIRED, &number));
    assert_false(guest_json_number(&r.root, "b", GUEST_OPTIONAL, &number));
    reading_leaves_out(&r, 7,
                       "a: an object expected, a number that is too large found");
}

static void
an_odd_part_costs_what_holds_it(void **state)
{
    (void)state;
    struct reading r;
    struct guest_json entry, pci;
    double number;
    reading_start(&r, "[{\"name\":\"a\",\"size\":true,\"used\":1},"
                      "{\"name\":7,\"used\":1},"
                      "{\"name\":\"c\",\"pci\":{\"bus\":0}},5]");
    assert_true(guest_json_entry(&r.root, 0, &entry));
    assert_string_equal(guest_json_string(&entry, "name", GUEST_REQUIRED), "a");
    assert_false(guest_json_number(&entry, "size", GUEST_OPTIONAL, &number));
    assert_true(guest_json_number(&entry, "used", GUEST_OPTIONAL, &number));
    assert_true(guest_json_is_usable(&entry));

    assert_true(guest_json_entry(&r.root, 1, &entry));
    assert_string_equal(guest_json_string(&entry, "name", GUEST_REQUIRED), "");
    assert_false(guest_json_number(&entry, "used", GUEST_OPTIONAL, &number));
    assert_false(guest_json_is_usable(&entry));

    assert_true(guest_json_entry(&r.root, 2, &entry));
    assert_true(guest_json_object(&entry, "pci", GUEST_OPTIONAL, &pci));
    assert_true(guest_json_number(&pci, "bus", GUEST_REQUIRED, &number));
    assert_false(guest_json_number(&pci, "slot", GUEST_REQUIRED, &number));
    assert_false(guest_json_number(&pci, "bus", GUEST_REQUIRED, &number));
    assert_true(guest_json_is_usable(&entry));
    assert_string_equal(guest_json_string(&entry, "name", GUEST_REQUIRED), "c");

    assert_true(guest_json_entry(&r.root, 3, &entry));
    assert_string_equal(guest_json_string(&entry, "name", GUEST_REQUIRED), "");
    assert_false(guest_json_is_usable(&entry));
    assert_false(guest_json_entry(&r.root, 4, &entry));
    reading_leaves_out(&r, 4, "[0].size: a number expected, a boolean found");
}

/* Of the lists below entries that is no matter: their entry is well. */
static void
a_reply_of_odd_entries_alone_fails(void **state)
{
    (void)state;
    struct reading r;
    struct guest_json entry, list, item;
    double number;
    reading_start(&r, "[{\"a\":[7]},[]]");
    assert_true(guest_json_entry(&r.root, 0, &entry));
    assert_true(guest_json_array(&entry, "a", GUEST_REQUIRED, &list));
    assert_true(guest_json_entry(&list, 0, &item));
    assert_string_equal(guest_json_as_string(&item), "");
    assert_true(guest_json_entry(&r.root, 1, &entry));
    assert_false(guest_json_number(&entry, "b", GUEST_REQUIRED, &number));
    reading_leaves_out(&r, 2, "[0].a[0]: a string expected, an integer found");

    reading_start(&r, "[{\"b\":true},[]]");
    for (size_t i = 0; guest_json_entry(&r.root, i, &entry); i++)
        assert_false(guest_json_number(&entry, "b", GUEST_REQUIRED, &number));
    reading_fails(&r, "[0].b: a number expected, a boolean found");
}

static void
one_read_fails(const char *text, const char *expected)
{
    struct reading r;
    int64_t integer;

    reading_start(&r, text);
    guest_json_int64(&r.root, "i", GUEST_REQUIRED, &integer);
    reading_fails(&r, expected);
}

static void
integers_must_be_integers_in_range(void **state)
{
    (void)state;
    one_read_fails("{\"i\":0.5}", "i: an integer below 2^63 expected, a real found");
    one_read_fails("{\"i\":9223372036854775808.0}",
                   "i: an integer below 2^63 expected, a real found");
    one_read_fails("{\"i\":-1e300}", "i: an integer below 2^63 expected, a real found");
    one_read_fails(
        "{\"i\":" GUEST_JSON_TOO_LARGE "}",
        "i: an integer below 2^63 expected, a number that is too large found");
    one_read_fails("{\"i\":\"1\"}",
                   "i: an integer below 2^63 expected, a string found");
    one_read_fails("{\"i\":null}", "i: an integer expected, null found");
    one_read_fails("{}", "i: an integer expected, nothing found");
    one_read_fails("[]", "return: an object expected, an array found");
    one_read_fails("true", "return: an object expected, a boolean found");
}

static void
the_first_failure_stays_and_ends_loops(void **state)
{
    (void)state;
    struct reading r;
    struct guest_json list, entry;
    bool boolean;
    reading_start(&r, "{\"a\":1,\"b\":[{}]}");
    assert_true(guest_json_array(&r.root, "b", GUEST_REQUIRED, &list));
    assert_false(guest_json_bool(&r.root, "a", GUEST_REQUIRED, &boolean));
    assert_string_equal(guest_json_string(&r.root, "a", GUEST_REQUIRED), "");
    assert_false(guest_json_entry(&list, 0, &entry));
    reading_fails(&r, "a: a boolean expected, an integer found");

    reading_start(&r, "{}");
    assert_false(guest_json_entry(&r.root, 0, &entry));
    reading_fails(&r, "return: an array expected, an object found");
}

static void
decimals_are_written_whole(void **state)
{
    (void)state;
    char digits[GUEST_JSON_DECIMAL_BYTES];
    assert_string_equal(guest_json_decimal(INT64_MIN, digits), "-9223372036854775808");
    assert_string_equal(guest_json_decimal(0, digits), "0");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_every_type_are_read),
        cmocka_unit_test(a_field_left_out_or_null_reads_as_not_there),
        cmocka_unit_test(a_wrong_type_names_the_field),
        cmocka_unit_test(a_number_that_is_too_large_is_nothing_else),
        cmocka_unit_test(an_odd_part_costs_what_holds_it),
        cmocka_unit_test(a_reply_of_odd_entries_alone_fails),
        cmocka_unit_test(integers_must_be_integers_in_range),
        cmocka_unit_test(the_first_failure_stays_and_ends_loops),
        cmocka_unit_test(decimals_are_written_whole),
    };

    return cmocka_run_group_tests_name("guest_json", tests, NULL, NULL);
}
