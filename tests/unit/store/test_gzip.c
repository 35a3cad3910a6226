/* What was compressed comes back the same. */
#include "store/gzip.h"

#include <libdeflate.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

static void
comes_back(const char *bytes, size_t length, size_t compressed_max)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    size_t compressed_length, got;
    char *compressed = gzip_compress(bytes, length, &compressed_length);
    char *back = malloc(length + 1);

    assert_non_null(back);
    assert_in_range(compressed_length, 18, compressed_max);
    assert_memory_equal(compressed, "\x1f\x8b\x08\x00", 4); /* no name, no time */
    assert_int_equal(libdeflate_gzip_decompress(decompressor, compressed,
                                                compressed_length, back, length + 1,
                                                &got),
                     LIBDEFLATE_SUCCESS);
    assert_int_equal(got, length);
    assert_memory_equal(back, bytes, length);
    libdeflate_free_decompressor(decompressor);
    free(back);
    free(compressed);
}

static void
everything_comes_back(void **state)
{
    static char lines[1 << 20];
    uint32_t noise = 1;

    (void)state;
    comes_back("", 0, 32);
    comes_back("x", 1, 32);
    comes_back("\0\xff", 2, 32);
    for (size_t i = 0; i < sizeof(lines); i++)
        lines[i] = "qga_up{domain=\"a\"} 1\n"[i % 21];
    comes_back(lines, sizeof(lines), sizeof(lines) / 50);
    for (size_t i = 0; i < sizeof(lines); i++) {
        noise = noise * 1664525 + 1013904223;
        lines[i] = (char)(noise >> 24);
    }
    comes_back(lines, sizeof(lines), sizeof(lines) + sizeof(lines) / 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_comes_back)};

    return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
