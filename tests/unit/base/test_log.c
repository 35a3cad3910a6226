/* The log lines as they reach stderr: form, escaping, limits, and that threads do not
 * mix. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

#define CAPTURE_BYTES (1 << 19)

static char captured[CAPTURE_BYTES];
static int saved_stderr, capture_file;

static void
capture_start(void)
{
    saved_stderr = dup(STDERR_FILENO);
    capture_file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(saved_stderr >= 0 && capture_file >= 0);
    assert_true(dup2(capture_file, STDERR_FILENO) >= 0);
}

static const char *
capture_end(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    ssize_t length = pread(capture_file, captured, sizeof(captured) - 1, 0);
    assert_true(length >= 0);
    captured[length] = '\0';
    close(capture_file);
    return captured;
}

/* The line behind its source=... */
static const char *
line_tail(const char *line)
{
    const char *tail = strstr(line, " msg=");

    assert_non_null(tail);
    return tail + 1;
}

#define expect_tail(wanted, ...)                                                       \
    do {                                                                               \
        capture_start();                                                               \
        log_info(__VA_ARGS__);                                                         \
        assert_string_equal(line_tail(capture_end()), wanted "\n");                    \
    } while (0)

static int
logfmt_setup(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_LOGFMT);
    return 0;
}

static void
test_form(void **state)
{
    (void)state;
    int line = __LINE__ + 2;
    capture_start();
    log_warn("agent is back", LOG_STR("domain", "web-1"), LOG_INT("calls", -7));
    const char *text = capture_end();
    int year, month, day, hour, minute, second, ms, zone_hour, zone_minute, source_line;
    char rest[100];
    int fields = sscanf(text,
                        "time=%4d-%2d-%2dT%2d:%2d:%2d.%3d%3d:%2d level=WARN "
                        "source=test_log.c:%d %99[^\n]",
                        &year, &month, &day, &hour, &minute, &second, &ms, &zone_hour,
                        &zone_minute, &source_line, rest);
    assert_int_equal(fields, 11);
    assert_int_equal(source_line, line);
    assert_string_equal(rest, "msg=\"agent is back\" domain=web-1 calls=-7");
    assert_int_equal(strchr(text, '\n') - text, (long)strlen(text) - 1);
}

static void
test_time_zone(void **state)
{
    (void)state;
    setenv("TZ", "XYZ+3:30", 1); /* POSIX sign: west of Greenwich */
    tzset();
    capture_start();
    log_info("x");
    const char *text = capture_end();
    unsetenv("TZ");
    tzset();
    assert_memory_equal(strchr(text, '.') + 4, "-03:30 level=", 13);
}

static void
test_values_are_quoted_when_needed(void **state)
{
    (void)state;
    expect_tail("msg=one", "one");
    expect_tail("msg=m k=/dev/vda1", "m", LOG_STR("k", "/dev/vda1"));
    expect_tail("msg=m k=\"\"", "m", LOG_STR("k", ""));
    expect_tail("msg=m k=\"\"", "m", LOG_STR("k", NULL));
    expect_tail("msg=m k=\"a b\"", "m", LOG_STR("k", "a b"));
    expect_tail("msg=m k=\"a=b\"", "m", LOG_STR("k", "a=b"));
    expect_tail("msg=m k=\"say \\\"hi\\\"\"", "m", LOG_STR("k", "say \"hi\""));
    expect_tail("msg=m k=\"C:\\\\\"", "m", LOG_STR("k", "C:\\"));
    expect_tail("msg=m k=\"\xc3\xa4\"", "m", LOG_STR("k", "\xc3\xa4"));
}

static void
test_hostile_values(void **state)
{
    (void)state;
    expect_tail("msg=m k=\"a\\nlevel=ERROR\"", "m", LOG_STR("k", "a\nlevel=ERROR"));
    expect_tail("msg=m k=\"\\r\\t\\u0007\\u001b[2J\\u007f\"", "m",
                LOG_STR("k", "\r\t\a\x1b[2J\x7f"));
    expect_tail("msg=m k=\"\\xff\\xfe\"", "m", LOG_STR("k", "\xff\xfe"));
    expect_tail("msg=m k=\"\\xe2\\x82\"", "m", LOG_STR("k", "\xe2\x82"));
    expect_tail("msg=m k=\"\\xc0\\x80\"", "m", LOG_STR("k", "\xc0\x80"));
    expect_tail("msg=m k=\"\\xed\\xa0\\x80\"", "m", LOG_STR("k", "\xed\xa0\x80"));
    expect_tail("msg=m k=\"\\xf4\\x90\\x80\\x80\"", "m",
                LOG_STR("k", "\xf4\x90\x80\x80"));
    expect_tail("msg=m k=\"\\u0085\\u202e\\u2066\"", "m",
                LOG_STR("k", "\xc2\x85\xe2\x80\xae\xe2\x81\xa6"));
}

static void
test_durations(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *wanted;
    } cases[] = {
        {0, "msg=m k=0s\n"},
        {1, "msg=m k=1ns\n"},
        {1500, "msg=m k=1.5us\n"},
        {250000000, "msg=m k=250ms\n"},
        {999999999, "msg=m k=999.999999ms\n"},
        {1500000000, "msg=m k=1.5s\n"},
        {10000000000, "msg=m k=10s\n"},
        {90000000000, "msg=m k=1m30s\n"},
        {600000000000, "msg=m k=10m0s\n"},
        {7200000000000, "msg=m k=2h0m0s\n"},
        {-1500000000, "msg=m k=-1.5s\n"},
        {INT64_MIN, "msg=m k=-2562047h47m16.854775808s\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        capture_start();
        log_info("m", LOG_NS("k", cases[i].ns));
        assert_string_equal(line_tail(capture_end()), cases[i].wanted);
    }
}

static void
test_long_values_are_cut(void **state)
{
    (void)state;
    static char huge[1 << 20];
    memset(huge, '\x01', sizeof(huge) - 1);
    capture_start();
    log_info("m", LOG_STR("k", huge), LOG_STR("after", "x"));
    const char *text = capture_end();
    assert_true(strlen(text) < 1300);
    assert_non_null(strstr(text, "\\u0001...[cut]\" after=x\n"));
}

static void
test_all_fields_at_the_limit(void **state)
{
    (void)state;
    static char huge[4096];
    memset(huge, '\xff', sizeof(huge) - 1);
#define F LOG_STR("a_rather_long_key_of_a_field", huge)
    log_configure(LOG_INFO, LOG_JSON);
    capture_start();
    log_info(huge, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F);
    const char *text = capture_end();
    json_t *line = json_loads(text, 0, NULL);
    assert_non_null(line);
    json_decref(line);
}

static void
test_json(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_JSON);
    capture_start();
    log_error("two \"words\"\n", LOG_STR("domain", "w\xff\x1b\\"), LOG_INT("calls", 7),
              LOG_NS("took", 1500000000), LOG_STR("none", NULL));
    json_t *line = json_loads(capture_end(), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    const char *level, *source, *message, *domain, *took, *none, *time_text;
    json_int_t calls;
    assert_int_equal(json_unpack_ex(line, NULL, JSON_STRICT,
                                    "{s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:s}", "time",
                                    &time_text, "level", &level, "source", &source,
                                    "msg", &message, "domain", &domain, "calls", &calls,
                                    "took", &took, "none", &none),
                     0);
    assert_string_equal(level, "ERROR");
    assert_memory_equal(source, "test_log.c:", 11);
    assert_string_equal(message, "two \"words\"\n");
    assert_string_equal(domain, "w\xef\xbf\xbd\x1b\\");
    assert_int_equal(calls, 7);
    assert_string_equal(took, "1.5s");
    assert_string_equal(none, "");
    assert_int_equal(strlen(time_text), strlen("2026-11-21T08:03:53.123+00:00"));
    json_decref(line);
}

static void
test_levels(void **state)
{
    (void)state;
    log_configure(LOG_WARN, LOG_LOGFMT);
    capture_start();
    log_debug("d");
    log_info("i");
    assert_string_equal(capture_end(), "");
    capture_start();
    log_warn("w");
    assert_non_null(strstr(capture_end(), " level=WARN "));
    log_configure(LOG_DEBUG, LOG_LOGFMT);
    capture_start();
    log_debug("d");
    assert_non_null(strstr(capture_end(), " level=DEBUG "));
}

static void
test_errno_is_kept(void **state)
{
    (void)state;
    capture_start();
    close(STDERR_FILENO);
    errno = ENOENT;
    log_info("nowhere to go");
    int after = errno;
    capture_end();
    assert_int_equal(after, ENOENT);
    capture_start();
    log_info("here");
    assert_non_null(strstr(capture_end(), "lines are lost\" lines=1\n"));
}

#define THREADS 8
#define LINES 200

static void *
many_lines(void *name)
{
    for (int i = 0; i < LINES; i++)
        log_info("from a thread", LOG_STR("thread", name), LOG_INT("i", i));
    return NULL;
}

static void
test_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    char name[] = "a thread";
    capture_start();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_lines, name), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    capture_end();
    size_t lines = 0;
    char *rest = captured, *line;
    while ((line = strsep(&rest, "\n")) && *line != '\0') {
        int i = -1;

        assert_memory_equal(line, "time=", 5);
        assert_int_equal(sscanf(line_tail(line),
                                "msg=\"from a thread\" thread=\"a thread\" i=%d", &i),
                         1);
        lines++;
    }
    assert_int_equal(lines, THREADS * LINES);
}

/* A reader that takes nothing holds nobody up; what it missed is counted when it takes
 * something again, on a line of its own. */
/* All that is there to be read, behind what was read before. */
static void
read_on(int fd, char *bytes, size_t bytes_max, size_t *length)
{
    ssize_t got = 1;

    while (got > 0 && *length < bytes_max - 1) {
        got = read(fd, bytes + *length, bytes_max - 1 - *length);
        *length += got > 0 ? (size_t)got : 0;
    }
    bytes[*length] = '\0';
}

static void
reader_that_stops(const int ends[2])
{
    static char bytes[1 << 20];
    size_t length = 0, whole = 0;

    saved_stderr = dup(STDERR_FILENO);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    for (int i = 0; i < 20000; i++) /* 2 MB; without end if the reader is waited for */
        log_info("line", LOG_INT("i", i), LOG_STR("end", "whole"));
    read_on(ends[0], bytes, sizeof(bytes), &length);
    log_info("again");
    read_on(ends[0], bytes, sizeof(bytes), &length);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);

    const char *lost = strstr(bytes, " lines=");
    for (const char *at = bytes; (at = strstr(at, " end=whole\n")); at++)
        whole++;
    assert_non_null(strstr(bytes, " msg=again\n"));
    assert_non_null(lost);
    /* One may have been torn before its end of line alone. */
    assert_in_range(whole + strtoul(lost + 7, NULL, 10), 20000, 20001);
    assert_true(whole > 10);
    close(ends[0]);
    close(ends[1]);
}

static void
test_a_reader_that_stops(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    reader_that_stops(ends);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    reader_that_stops(ends);
}

int
main(void)
{
#define LOGFMT_TEST(f) cmocka_unit_test_setup(f, logfmt_setup)
    const struct CMUnitTest tests[] = {
        LOGFMT_TEST(test_form),
        LOGFMT_TEST(test_time_zone),
        LOGFMT_TEST(test_values_are_quoted_when_needed),
        LOGFMT_TEST(test_hostile_values),
        LOGFMT_TEST(test_durations),
        LOGFMT_TEST(test_long_values_are_cut),
        LOGFMT_TEST(test_all_fields_at_the_limit),
        LOGFMT_TEST(test_json),
        LOGFMT_TEST(test_levels),
        LOGFMT_TEST(test_errno_is_kept),
        LOGFMT_TEST(test_threads_do_not_mix),
        LOGFMT_TEST(test_a_reader_that_stops),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
