/* What --help, --version and --list-collectors print. */
#include "help.h"

#include "unit/capture.h"
#include "unit/stub_registry.h"

#include <stdlib.h>
#include <string.h>

static char out[8192];

static void
test_help(void **state)
{
    static const struct flag flags[] = {
        {"--short", NULL, "Short."},
        {"--as-long-as-the-column-is-wide", "FILE",
         "A text that does not fit into one line beside the name of its flag, nor into "
         "two, since it goes on and on; it is broken at blanks."},
    };

    (void)state;
    struct capture captured = capture_begin(stdout);
    help_print(flags, 2);
    capture_end(captured, out, sizeof(out));
    assert_memory_equal(out, "Usage: qga-exporter [FLAG]...\n", 30);
    assert_non_null(strstr(out, "\n  --short                         Short.\n"));
    assert_non_null(strstr(out, "\n  --as-long-as-the-column-is-wide=FILE\n"
                                "                                  A text that does "));
    assert_non_null(strstr(out, " broken at blanks.\n\nCollectors, "));
    assert_non_null(strstr(out, "\n  --[no-]collector.users          who is there "
                                "(default: off).\n"));
    for (char *rest = out, *line; (line = strsep(&rest, "\n"));) {
        if (strlen(line) > 88 || (*line != '\0' && line[strlen(line) - 1] == ' '))
            fail_msg("too long, or a blank at its end: \"%s\"", line);
    }
}

static void
test_version(void **state)
{
    (void)state;
    struct capture captured = capture_begin(stdout);
    help_print_version();
    capture_end(captured, out, sizeof(out));
    assert_memory_equal(out, "qga-exporter, version ", 22);
    assert_non_null(strstr(out, " (branch: "));
    assert_non_null(strstr(out, ", revision: "));
    assert_non_null(strstr(out, "\n  compiler:         "));
    assert_non_null(strstr(out, "\n  platform:         linux/"));
}

static void
test_list_collectors(void **state)
{
    (void)state;
    struct capture captured = capture_begin(stdout);
    help_print_collectors();
    capture_end(captured, out, sizeof(out));
    assert_string_equal(
        out, "NAME   DEFAULT  INTERVAL  COMMAND          HELP\n"
             "time   on       15s       guest-get-time   the time of day\n"
             "disk   on       1m        guest-get-disks  disks and what is on them\n"
             "users  off      5m        guest-get-users  who is there\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_list_collectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
