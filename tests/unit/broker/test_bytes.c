/* What was put is read, and what was not put is bad. */
#include "broker/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bytes
read_of(const struct text *text)
{
    return (struct bytes){.at = text->bytes, .end = text->bytes + text->length};
}

static void
test_there_and_back(void **state)
{
    const struct {
        int64_t a, b;
    } block = {1, -1};
    struct text text = TEXT_INIT(1024);
    char copy[sizeof(block)];
    size_t length;

    (void)state;
    bytes_put_number(&text, INT64_MIN);
    bytes_put_string(&text, "guest");
    bytes_put_string(&text, "");
    bytes_put_string(&text, NULL);
    bytes_put_number(&text, true);
    bytes_put_number(&text, 6);
    bytes_put_block(&text, "a\0b", 3);
    bytes_put_block(&text, &block, sizeof(block));
    struct bytes bytes = read_of(&text);

    assert_true(bytes_number(&bytes) == INT64_MIN);
    assert_string_equal(bytes_string(&bytes), "guest");
    assert_string_equal(bytes_string(&bytes), "");
    assert_null(bytes_string_or_null(&bytes));
    assert_true(bytes_bool(&bytes));
    assert_int_equal(bytes_choice(&bytes, 7), 6);
    assert_memory_equal(bytes_block(&bytes, &length), "a\0b", 3);
    assert_int_equal(length, 3);
    bytes_copy(&bytes, copy, sizeof(copy));
    assert_memory_equal(copy, &block, sizeof(block));
    assert_false(bytes.is_bad);
    assert_ptr_equal(bytes.at, bytes.end);
    text_free(&text);
}

/* Each prefix of good bytes is bad, and nothing behind its end is read. */
static void
test_cut_off(void **state)
{
    struct text text = TEXT_INIT(1024);
    size_t length;

    (void)state;
    bytes_put_string(&text, "guest");
    bytes_put_block(&text, "abc", 3);
    bytes_put_number(&text, 1);
    for (size_t cut = 0; cut < text.length; cut++) {
        char *part = malloc(cut + 1); /* so that a sanitizer sees the end */
        struct bytes bytes = {.at = part, .end = part + cut};

        memcpy(part, text.bytes, cut);
        (void)bytes_string(&bytes);
        (void)bytes_block(&bytes, &length);
        assert_int_equal(bytes_number(&bytes), 0);
        assert_true(bytes.is_bad);
        free(part);
    }
    text_free(&text);
}

static void
expect_bad(const struct text *text, void (*read)(struct bytes *bytes))
{
    struct bytes bytes = read_of(text);

    read(&bytes);
    assert_true(bytes.is_bad);
    assert_string_equal(bytes_string(&bytes), ""); /* and so is all that follows */
    assert_int_equal(bytes_number(&bytes), 0);
}

static void
read_string(struct bytes *bytes)
{
    assert_string_equal(bytes_string(bytes), "");
}

static void
read_bool(struct bytes *bytes)
{
    assert_false(bytes_bool(bytes));
}

static void
read_copy(struct bytes *bytes)
{
    char copy[4] = "xyz";

    bytes_copy(bytes, copy, sizeof(copy));
    assert_memory_equal(copy, "\0\0\0", 4);
}

static void
test_what_cannot_be(void **state)
{
    const struct {
        uint32_t length;
        char bytes[8];
    } unended = {3, "abcd"}, with_a_nul = {5, "ab\0cd"},
      endless = {UINT32_MAX - 1, "a"};
    const void *strings[] = {&unended, &with_a_nul, &endless};
    struct text text = TEXT_INIT(1024);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        text_clear(&text);
        text_add(&text, strings[i], sizeof(unended));
        expect_bad(&text, read_string);
    }
    text_clear(&text);
    bytes_put_string(&text, NULL);
    expect_bad(&text, read_string);
    for (int64_t number = -1; number <= 2; number += 3) {
        text_clear(&text);
        bytes_put_number(&text, number);
        expect_bad(&text, read_bool);
    }
    text_clear(&text);
    bytes_put_block(&text, "12345", 5);
    expect_bad(&text, read_copy);
    text_free(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_what_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
