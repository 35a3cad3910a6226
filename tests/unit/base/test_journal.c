/* What arrives at the journal's socket, and when there is one. */
#include "base/journal.h"

#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/capture.h"
#include "unit/cmocka_any.h"

#define ENTRY_BYTES 32768

static char folder[] = "/tmp/test_journal.XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static char entry[ENTRY_BYTES], written[ENTRY_BYTES];
static int journal;

static int
make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    return 0;
}

static int
remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int
open_journal(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_LOGFMT);
    journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(journal, (const struct sockaddr *)&address, sizeof(address)),
                     0);
    log_use_journal(address.sun_path);
    return 0;
}

static int
close_journal(void **state)
{
    (void)state;
    log_use_journal(NULL);
    assert_int_equal(close(journal), 0);
    assert_int_equal(unlink(address.sun_path), 0);
    return 0;
}

/* The next entry, or "". */
static const char *
next_entry(void)
{
    ssize_t length = recv(journal, entry, sizeof(entry) - 1, MSG_DONTWAIT);

    entry[length > 0 ? length : 0] = '\0';
    return entry;
}

static void
test_fields(void **state)
{
    char wanted[512];
    int line = __LINE__;

    (void)state;
    log_warn("agent is back", LOG_STR("domain", "web 1"), LOG_INT("calls", -7),
             LOG_NS("after", 1500000000), LOG_STR("none", NULL));
    const char *told = strstr(next_entry(), "CODE_LINE=");

    assert_non_null(told);
    /* Compilers differ in which line of a call its macro is on. */
    assert_in_range(strtol(told + strlen("CODE_LINE="), NULL, 10), line + 1, line + 4);
    line = (int)strtol(told + strlen("CODE_LINE="), NULL, 10);
    (void)snprintf(wanted, sizeof(wanted),
                   "PRIORITY=4\nSYSLOG_IDENTIFIER=qga-exporter\n"
                   "CODE_FILE=tests/unit/base/test_journal.c\nCODE_LINE=%d\n"
                   "MESSAGE=msg=\"agent is back\" domain=\"web 1\" calls=-7 after=1.5s "
                   "none=\"\"\n"
                   "QGA_DOMAIN=web 1\nQGA_CALLS=-7\nQGA_AFTER=1.5s\nQGA_NONE=\n",
                   line);
    assert_string_equal(entry, wanted);
    assert_string_equal(next_entry(), "");
}

static void
test_levels(void **state)
{
    (void)state;
    log_debug("not wanted");
    assert_string_equal(next_entry(), "");
    log_configure(LOG_DEBUG, LOG_LOGFMT);
    log_debug("one");
    assert_memory_equal(next_entry(), "PRIORITY=7\n", 11);
    log_info("one");
    assert_memory_equal(next_entry(), "PRIORITY=6\n", 11);
    log_error("one");
    assert_memory_equal(next_entry(), "PRIORITY=3\n", 11);
    assert_non_null(strstr(entry, "\nMESSAGE=msg=one\n"));
}

/* Nothing that a guest says begins another field. */
static void
test_hostile_values(void **state)
{
    char large[4096];
    size_t lines = 0;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    log_info("hostile", LOG_STR("a", "1\nQGA_UNIT=2\n_PID=1"),
             LOG_STR("b", "\"\\\r\x1b"), LOG_STR("c", large), LOG_STR("a.b-c", "x"));
    (void)next_entry();
    for (const char *at = entry; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 5 + 4);
    assert_non_null(strstr(entry, "\nQGA_A=1\\nQGA_UNIT=2\\n_PID=1\n"));
    assert_non_null(strstr(entry, "\nQGA_B=\\\"\\\\\\r\\u001b\n"));
    assert_non_null(strstr(entry, "x...[cut]\nQGA_A_B_C=x\n"));
}

static const char *
stderr_of_a_line(void)
{
    struct capture captured = capture_begin(stderr);

    log_info("somewhere", LOG_STR("domain", "web"));
    capture_end(captured, written, sizeof(written));
    return written;
}

/* What the journal does not take now goes the old way; nobody waits. */
static void
test_a_full_journal(void **state)
{
    unsigned int taken = 0;

    (void)state;
    assert_string_equal(stderr_of_a_line(), "");
    while (stderr_of_a_line()[0] == '\0')
        assert_true(++taken < 100000);
    assert_non_null(strstr(written, "msg=somewhere domain=web\n"));
    while (next_entry()[0] != '\0')
        ;
    assert_string_equal(stderr_of_a_line(), "");
}

static void
test_json_stays_json(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_JSON);
    assert_non_null(strstr(stderr_of_a_line(), "\"domain\":\"web\"}\n"));
    assert_string_equal(next_entry(), "");
}

static void
test_no_journal(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_LOGFMT);
    assert_int_equal(journal_open("/nowhere/socket"), -1);
    log_use_journal("/nowhere/socket");
    assert_non_null(strstr(stderr_of_a_line(), "msg=somewhere domain=web\n"));
}

static bool
reads_stderr(const char *stream)
{
    assert_int_equal(
        stream ? setenv("JOURNAL_STREAM", stream, 1) : unsetenv("JOURNAL_STREAM"), 0);
    return journal_reads_stderr();
}

static void
test_whose_stderr_is(void **state)
{
    struct stat file;
    char own[64], other[64];

    (void)state;
    assert_int_equal(fstat(STDERR_FILENO, &file), 0);
    (void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)file.st_dev,
                   (uintmax_t)file.st_ino);
    (void)snprintf(other, sizeof(other), "%ju:%ju", (uintmax_t)file.st_dev,
                   (uintmax_t)file.st_ino + 1);
    assert_true(reads_stderr(own));
    assert_false(reads_stderr(other));
    assert_false(reads_stderr(""));
    assert_false(reads_stderr(NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fields, open_journal, close_journal),
        cmocka_unit_test_setup_teardown(test_levels, open_journal, close_journal),
        cmocka_unit_test_setup_teardown(test_hostile_values, open_journal,
                                        close_journal),
        cmocka_unit_test_setup_teardown(test_a_full_journal, open_journal,
                                        close_journal),
        cmocka_unit_test_setup_teardown(test_json_stays_json, open_journal,
                                        close_journal),
        cmocka_unit_test(test_no_journal),
        cmocka_unit_test(test_whose_stderr_is),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
