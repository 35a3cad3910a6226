/* Two exporters on one host. */
#include "source/claims.h"

#include "config/config.h"
#include "unit/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], pattern[64], err[1 << 14];

/* Places of this run alone. */
static int
set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/nowhere/%ld", (long)getpid());
    (void)snprintf(pattern, sizeof(pattern), "/nowhere/%ld/*.qga", (long)getpid());
    return 0;
}

static struct source_config
proxmox(void)
{
    return (struct source_config){.kind = SOURCE_PROXMOX,
                                  .proxmox = {.sockets = folder}};
}

static struct source_config
by_pattern(char *path)
{
    return (struct source_config){.kind = SOURCE_SOCKET, .socket = {.path = path}};
}

/* How many lines that says of others. */
static int
take(struct claims *claims, struct source_config *sources, size_t count)
{
    const struct config config = {.sources = sources, .sources_count = count};
    struct capture captured = capture_begin(stderr);
    int lines = 0;

    claims_take(claims, &config);
    capture_end(captured, err, sizeof(err));
    for (const char *at = err; (at = strstr(at, "another exporter")); at++)
        lines++;
    return lines;
}

static void
test_the_second_says_it_once(void **state)
{
    struct claims *first = claims_new(), *second = claims_new();
    struct source_config sources[] = {proxmox()};

    (void)state;
    assert_int_equal(take(first, sources, 1), 0);
    assert_int_equal(take(first, sources, 1), 0);
    assert_int_equal(take(second, sources, 1), 1);
    assert_non_null(strstr(err, pattern));
    assert_int_equal(take(second, sources, 1), 0); /* a reload */
    claims_free(first);
    assert_int_equal(take(second, sources, 1), 0); /* now it has them */
    first = claims_new();
    assert_int_equal(take(first, sources, 1), 1);
    claims_free(first);
    claims_free(second);
    claims_free(NULL);
    /* The names are free again. */
    first = claims_new();
    assert_int_equal(take(first, sources, 1), 0);
    claims_free(first);
}

static void
test_what_is_the_same(void **state)
{
    struct claims *first = claims_new(), *second = claims_new();
    char other[] = "/elsewhere/*.sock";
    struct source_config own[] = {proxmox(), by_pattern(pattern)};
    struct source_config others[] = {by_pattern(other),
                                     (struct source_config){.kind = SOURCE_LIBVIRT}};
    struct source_config same[] = {by_pattern(other), by_pattern(pattern)};

    (void)state;
    /* In one configuration others say it. */
    assert_int_equal(take(first, own, 2), 0);
    assert_int_equal(take(second, others, 2), 0);
    assert_int_equal(take(second, same, 2), 1);
    /* What is not in the configuration any more is let go. */
    assert_int_equal(take(first, others + 1, 1), 0);
    assert_int_equal(take(second, others, 2), 0);
    assert_int_equal(take(second, same, 2), 0);
    assert_int_equal(take(first, own, 2), 1);
    claims_free(first);
    claims_free(second);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_second_says_it_once),
        cmocka_unit_test(test_what_is_the_same),
    };

    return cmocka_run_group_tests_name("claims", tests, set_up, NULL);
}
