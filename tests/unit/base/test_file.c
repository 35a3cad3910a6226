/* Files as a whole: to the last byte, within the limit, and never waiting. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/test_file.XXXXXX";

static int
set_up(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int
tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void
write_bytes(const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void
a_file_is_read_to_its_end(void **state)
{
    size_t length;

    (void)state;
    write_bytes("a\0b", 3);
    char *bytes = file_read(file_open(path), 100, &length);

    assert_int_equal(length, 3);
    assert_memory_equal(bytes, "a\0b", 4); /* with the NUL behind it */
    free(bytes);
    write_bytes("", 0);
    bytes = file_read(file_open(path), 0, &length);
    assert_string_equal(bytes, "");
    assert_int_equal(length, 0);
    free(bytes);
}

static void
the_limit_is_what_fits(void **state)
{
    size_t length;

    (void)state;
    write_bytes("12345", 5);
    char *bytes = file_read(file_open(path), 5, &length);

    assert_string_equal(bytes, "12345");
    free(bytes);
    assert_null(file_read(file_open(path), 4, &length));
    assert_int_equal(errno, EFBIG);
    assert_null(file_read(file_open("/dev/zero"), 100000, &length));
    assert_int_equal(errno, EFBIG);
}

/* The buffer grows in steps. */
static void
each_size_is_read_whole(void **state)
{
    static const size_t sizes[] = {4095, 4096, 4097, 8192, 8193, 20000, 65536};
    char *content = malloc(65536);

    (void)state;
    for (size_t i = 0; i < 65536; i++)
        content[i] = (char)('a' + i % 23);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t length;

        write_bytes(content, sizes[i]);
        char *bytes = file_read(file_open(path), sizes[i], &length);

        assert_int_equal(length, sizes[i]);
        assert_memory_equal(bytes, content, length);
        assert_int_equal(bytes[length], '\0');
        free(bytes);
        assert_null(file_read(file_open(path), sizes[i] - 1, &length));
    }
    free(content);
}

static void
what_comes_in_pieces_is_put_together(void **state)
{
    int ends[2];
    size_t length;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(ends[1], "12345678", 8), 8);
    (void)close(ends[1]);
    char *bytes = file_read(ends[0], 8000, &length);

    assert_int_equal(length, 8000);
    assert_int_equal(strlen(bytes), 8000);
    free(bytes);
    assert_int_equal(fcntl(ends[0], F_GETFD), -1); /* it is closed */
}

static void
the_cause_is_told(void **state)
{
    size_t length;

    (void)state;
    assert_null(file_read(file_open("/no/such/file"), 10, &length));
    assert_int_equal(errno, ENOENT);
    assert_null(file_read(file_open("/tmp"), 10, &length));
    assert_int_equal(errno, EISDIR);
}

/* A pipe that nobody writes into reads as empty, at once. */
static void
nobody_is_waited_for(void **state)
{
    size_t length;

    (void)state;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    char *bytes = file_read(file_open(path), 10, &length);

    assert_string_equal(bytes, "");
    free(bytes);
}

static void
what_cannot_be_reached_is_not_absent(void **state)
{
    char below[64];

    (void)state;
    assert_false(file_is_absent(path));
    assert_true(file_is_absent("/no/such/file"));
    (void)snprintf(below, sizeof(below), "%s/below", path); /* a file is no folder */
    assert_false(file_is_absent(below));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_to_its_end),
        cmocka_unit_test(the_limit_is_what_fits),
        cmocka_unit_test(each_size_is_read_whole),
        cmocka_unit_test(what_comes_in_pieces_is_put_together),
        cmocka_unit_test(the_cause_is_told),
        cmocka_unit_test(nobody_is_waited_for),
        cmocka_unit_test(what_cannot_be_reached_is_not_absent),
    };

    return cmocka_run_group_tests_name("file", tests, set_up, tear_down);
}
