/* The process and the host's clock, as the kernel has them. */
#include "store/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static double
value_of(const char *series)
{
    struct fragment_writer host = fragment_begin(host_clock_families);
    struct fragment_writer process = fragment_begin(process_families);
    struct text text = TEXT_INIT(1 << 16);
    char wanted[128];

    host_clock_write(&host);
    process_write(&process, INT64_C(1700000000123000000));
    text_add_format(&text, "\n%s%s", host.text.bytes, process.text.bytes);
    fragment_unref(fragment_end(&host));
    fragment_unref(fragment_end(&process));
    (void)snprintf(wanted, sizeof(wanted), "\n%s ", series);
    const char *line = strstr(text.bytes, wanted);

    if (!line)
        fail_msg("no series %s", series);
    double value = line ? strtod(line + strlen(wanted), NULL) : 0;

    text_free(&text);
    return value;
}

static void
the_process_is_described(void **state)
{
    (void)state;
    assert_true(value_of("process_open_fds") >= 3);
    assert_true(value_of("process_open_fds") <= 100);
    assert_true(value_of("process_max_fds") >= 64);
    assert_true(value_of("process_threads") >= 1);
    assert_true(value_of("process_threads") <= 10);
    double resident = value_of("process_resident_memory_bytes");
    assert_true(resident >= 100e3);
    assert_true(value_of("process_virtual_memory_bytes") >= resident);
    assert_true(value_of("process_virtual_memory_max_bytes") >= resident);
    assert_true(value_of("process_cpu_seconds_total") > 0);
}

static void
an_open_descriptor_more_is_seen(void **state)
{
    (void)state;
    double before = value_of("process_open_fds");
    int descriptor = dup(0);
    double after = value_of("process_open_fds");
    (void)close(descriptor);
    assert_true(after - before > 0.5 && after - before < 1.5);
}

static void
the_host_clock_is_judged_by_its_error(void **state)
{
    (void)state;
    double error = value_of("qga_host_clock_max_error_seconds");
    double synchronized = value_of("qga_host_clock_synchronized");
    assert_true(error >= 0);
    assert_int_equal(synchronized > 0.5, error < 16);
}

static void
the_start_is_what_it_was_told(void **state)
{
    double start = value_of("process_start_time_seconds");

    (void)state;
    assert_true(start > 1700000000.1229 && start < 1700000000.1231);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_is_described),
        cmocka_unit_test(an_open_descriptor_more_is_seen),
        cmocka_unit_test(the_host_clock_is_judged_by_its_error),
        cmocka_unit_test(the_start_is_what_it_was_told),
    };

    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
