/* --once and the doctor's walk, with a source that does what the test says. */
#include "once.h"

#include "config/config.h"
#include "exporter.h"
#include "kit/failure.h"
#include "options.h"
#include "unit/capture.h"
#include "unit/fake_source.h"

#include <stdlib.h>
#include <string.h>

#define S INT64_C(1000000000)

static const struct source_driver *const drivers[] = {[SOURCE_LIBVIRT] = &fake_driver};
static char out[1 << 16], err[4096];

/* By the command line of `mode`; asks for the time alone. */
static struct exporter
exporter_of(struct options *options, enum options_mode mode)
{
    struct failure why;
    struct exporter exporter = {.options = options, .drivers = drivers};

    memset(options->overrides.collector_enabled, 0,
           sizeof(options->overrides.collector_enabled));
    options->overrides.collector_enabled[collector_find("clock")] = 1;
    options->overrides.log_level = "error";
    options->mode = mode;
    exporter.config = exporter_load_config(options, &why);
    assert_non_null(exporter.config);
    return exporter;
}

static int
run(struct exporter *exporter, int (*once)(struct exporter *exporter))
{
    struct capture captured_out = capture_begin(stdout);
    struct capture captured_err = capture_begin(stderr);
    int status = once(exporter);

    capture_end(captured_err, err, sizeof(err));
    capture_end(captured_out, out, sizeof(out));
    return status;
}

static int
print_metrics(enum fake_source source)
{
    struct options options = {.config_file = NULL};
    struct exporter exporter = exporter_of(&options, OPTIONS_ONCE);

    fake_source = source;
    return run(&exporter, once_print_metrics);
}

static int
run_doctor(enum fake_source source, struct options *options)
{
    struct exporter exporter = exporter_of(options, OPTIONS_DOCTOR);

    fake_source = source;
    return run(&exporter, once_run_doctor);
}

static void
expect(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void
test_metrics(void **state)
{
    (void)state;
    assert_int_equal(print_metrics(FAKE_ANSWERS), 0);
    expect(out, "\nqga_up{domain=\"web-1\",source=\"libvirt\"} 1\n");
    expect(out, "\nqga_clock_offset_seconds{domain=\"web-1\",source=\"libvirt\"} ");
    expect(out, "\nqga_exporter_source_up{source=\"libvirt\"} 1\n");
    assert_int_equal(fake.calls, 1); /* once */
    assert_string_equal(err, "");
}

static void
test_metrics_of_a_guest_that_hangs(void **state)
{
    (void)state;
    assert_int_equal(print_metrics(FAKE_HANGS), 1);
    expect(out, "\nqga_up{domain=\"web-1\",source=\"libvirt\"} 0\n");
    assert_null(strstr(out, "qga_clock_offset_seconds{"));
    assert_string_equal(
        err, "qga-exporter: 0 of 1 guests answered; qga-exporter doctor says what to "
             "do\n");
}

static void
test_metrics_without_a_source(void **state)
{
    (void)state;
    assert_int_equal(print_metrics(FAKE_IS_AWAY), 1);
    assert_string_equal(out, "");
    expect(err, "qga-exporter: 1 of 1 sources is away (qemu:///system: ");
    expect(err, "); 0 of 0 guests answered; qga-exporter doctor says what to do\n");
    assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
}

/* A full disk must not look like success. */
static void
expect_no_success_on_a_full_disk(enum options_mode mode,
                                 int (*once)(struct exporter *exporter))
{
    struct options options = {.config_file = NULL};
    struct exporter exporter = exporter_of(&options, mode);

    fake_source = FAKE_ANSWERS;
    assert_int_equal(fflush(stdout), 0);
    int saved = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct capture captured = capture_begin(stderr);

    assert_true(dup2(full, STDOUT_FILENO) >= 0);
    int status = once(&exporter);

    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    clearerr(stdout);
    capture_end(captured, err, sizeof(err));
    close(saved);
    close(full);
    assert_int_equal(status, 1);
    assert_string_equal(err, "qga-exporter: cannot write to standard output\n");
}

static void
test_full_disk(void **state)
{
    (void)state;
    expect_no_success_on_a_full_disk(OPTIONS_ONCE, once_print_metrics);
    expect_no_success_on_a_full_disk(OPTIONS_DOCTOR, once_run_doctor);
}

static void
test_doctor(void **state)
{
    struct options options = {.config_file = NULL};

    (void)state;
    assert_int_equal(run_doctor(FAKE_ANSWERS, &options), 0);
    assert_string_equal(out, "configuration: no file, all defaults\n"
                             "DOMAIN  STATE       AGENT  CHANNEL  SERVICE  ANSWER\n"
                             "web-1   responsive  -      ok       ok       ok\n"
                             "1 of 1 domain is well\n");
    assert_int_equal(run_doctor(FAKE_HANGS, &options), 1);
    expect(out,
           "\n    fault: the channel is open, but guest-get-time was not answered");
    options.json = true;
    assert_int_equal(run_doctor(FAKE_HANGS, &options), 1);
    expect(out, "\"problem\": \"no_answer\"");
}

static void
test_doctor_for_one_who_is_not_there(void **state)
{
    struct options options = {.domains = {"db"}};

    (void)state;
    assert_int_equal(run_doctor(FAKE_ANSWERS, &options), 1);
    expect(out, "fault: no running domain has this name");
    assert_null(strstr(out, "web-1"));
    assert_int_equal(fake.calls, 0); /* others are not asked */
}

static void
test_doctor_without_a_source(void **state)
{
    struct options options = {.config_file = NULL};

    (void)state;
    assert_int_equal(run_doctor(FAKE_IS_AWAY, &options), 1);
    assert_string_equal(
        out,
        "configuration: no file, all defaults\n"
        "source libvirt qemu:///system is away: libvirt: Connection refused\n"
        "    remedy: start the daemon: systemctl start libvirtd (or virtqemud), or "
        "name another by --libvirt.uri\n");
}

static void
test_doctor_is_not_patient_for_ever(void **state)
{
    struct options options = {.config_file = NULL};
    int64_t from_ns = clock_monotonic_ns();

    (void)state;
    assert_int_equal(run_doctor(FAKE_IS_SILENT, &options), 1);
    expect(out, "is away: it does not answer");
    int64_t took_ns = clock_monotonic_ns() - from_ns;

    assert_in_range(took_ns, 20 * S, 22 * S);
}

static void
test_doctor_while_paused(void **state)
{
    struct options options = {.config_file = NULL};
    struct exporter exporter = exporter_of(&options, OPTIONS_DOCTOR);

    (void)state;
    exporter.config->paused = true;
    assert_int_equal(run(&exporter, once_run_doctor), 1);
    assert_string_equal(out, "");
    assert_string_equal(err, "qga-exporter: the configuration says paused: no guest is "
                             "asked anything, nor by the doctor\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_metrics_of_a_guest_that_hangs),
        cmocka_unit_test(test_metrics_without_a_source),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_doctor_for_one_who_is_not_there),
        cmocka_unit_test(test_doctor_without_a_source),
        cmocka_unit_test(test_doctor_is_not_patient_for_ever),
        cmocka_unit_test(test_doctor_while_paused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
