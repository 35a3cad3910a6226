/* The command line: every flag, and the sentence for each mistake. */
#include "options.h"
#include "unit/capture.h"
#include "unit/stub_registry.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 24
#define OUTPUT_BYTES 8192

enum { TIME, DISK, USERS }; /* the stub registry */

static char out[OUTPUT_BYTES], err[OUTPUT_BYTES];

/* Splits `line` at blanks; ~ stands for an empty argument. */
static struct options
parse(const char *line)
{
    static char words[OUTPUT_BYTES]; /* the options borrow from it */
    char program[] = "qga-exporter", empty[] = "";
    char *argv[ARGUMENTS_MAX] = {program};
    int argc = 1;

    snprintf(words, sizeof(words), "%s", line);
    for (char *rest = words, *word; (word = strsep(&rest, " "));)
        if (*word != '\0') {
            assert_true(argc < ARGUMENTS_MAX - 1);
            argv[argc++] = strcmp(word, "~") == 0 ? empty : word;
        }
    struct capture captured_out = capture_begin(stdout);
    struct capture captured_err = capture_begin(stderr);
    struct options options = options_parse(argc, argv);
    capture_end(captured_err, err, sizeof(err));
    capture_end(captured_out, out, sizeof(out));
    return options;
}

static void
test_nothing_said(void **state)
{
    (void)state;
    struct options options = parse("");
    assert_int_equal(options.mode, OPTIONS_RUN);
    assert_string_equal(options.config_file, "/etc/qga-exporter.yml");
    assert_string_equal(options.web_config_file, "/etc/qga-exporter-web.yml");
    assert_false(options.config_file_is_named || options.web_config_file_is_named);
    assert_null(options.overrides.libvirt_uri);
    assert_null(options.overrides.listen_addresses[0]);
    assert_null(options.overrides.telemetry_path);
    assert_null(options.overrides.log_level);
    assert_null(options.overrides.log_format);
    assert_int_equal(options.max_requests, 0);
    assert_false(options.enable_lifecycle || options.disable_exporter_metrics);
    for (size_t i = 0; i < COLLECTORS_MAX; i++)
        assert_int_equal(options.overrides.collector_enabled[i], -1);
    assert_string_equal(out, "");
    assert_string_equal(err, "");
}

static void
test_all_flags(void **state)
{
    (void)state;
    struct options options =
        parse("--config.file=/etc/x.yml --libvirt.uri qemu:///session "
              "--web.listen-address=:1 --web.listen-address [::1]:2 "
              "--web.systemd-socket --web.telemetry-path /m --no-collector.time "
              "--collector.users "
              "--log.level=debug --log.format json --once --web.max-requests=40 "
              "--web.enable-lifecycle --web.disable-exporter-metrics");
    assert_string_equal(err, "");
    assert_int_equal(options.mode, OPTIONS_ONCE);
    assert_int_equal(options.max_requests, 40);
    assert_true(options.enable_lifecycle);
    assert_true(options.disable_exporter_metrics);
    assert_string_equal(options.config_file, "/etc/x.yml");
    assert_true(options.config_file_is_named);
    assert_string_equal(options.overrides.libvirt_uri, "qemu:///session");
    assert_string_equal(options.overrides.listen_addresses[0], ":1");
    assert_string_equal(options.overrides.listen_addresses[1], "[::1]:2");
    assert_null(options.overrides.listen_addresses[2]);
    assert_true(options.systemd_socket);
    assert_string_equal(options.overrides.telemetry_path, "/m");
    assert_int_equal(options.overrides.collector_enabled[TIME], 0);
    assert_int_equal(options.overrides.collector_enabled[DISK], -1);
    assert_int_equal(options.overrides.collector_enabled[USERS], 1);
    assert_string_equal(options.overrides.log_level, "debug");
    assert_string_equal(options.overrides.log_format, "json");
    assert_int_equal(parse("--config.check").mode, OPTIONS_CONFIG_CHECK);
    assert_false(parse("--config.check").systemd_socket);
    assert_string_equal(parse("--libvirt.uri=a://b?c=d").overrides.libvirt_uri,
                        "a://b?c=d");
}

static void
test_doctor(void **state)
{
    (void)state;
    struct options options = parse("doctor");
    assert_int_equal(options.mode, OPTIONS_DOCTOR);
    assert_null(options.domains[0]);
    assert_false(options.json);
    assert_string_equal(options.overrides.log_level, "error");

    options = parse("doctor web --format json --libvirt.uri=qemu:///session db "
                    "--log.level=debug --no-collector.time doctor -- --format");
    assert_string_equal(err, "");
    assert_int_equal(options.mode, OPTIONS_DOCTOR);
    assert_true(options.json);
    assert_string_equal(options.overrides.libvirt_uri, "qemu:///session");
    assert_string_equal(options.overrides.log_level, "debug");
    assert_int_equal(options.overrides.collector_enabled[TIME], 0);
    assert_string_equal(options.domains[0], "web");
    assert_string_equal(options.domains[1], "db");
    assert_string_equal(options.domains[2], "doctor");
    assert_string_equal(options.domains[3], "--format");
    assert_null(options.domains[4]);
    assert_false(parse("doctor --format=table").json);
    options = parse("--libvirt.uri=qemu:///session --log.level=info doctor web");
    assert_string_equal(err, "");
    assert_int_equal(options.mode, OPTIONS_DOCTOR);
    assert_string_equal(options.overrides.log_level, "info");
    assert_string_equal(options.domains[0], "web");
    assert_int_equal(parse("doctor --help").exit_status, 0);
    assert_non_null(strstr(out, "qga-exporter doctor [FLAG]... [DOMAIN]..."));
}

static void
test_too_many_domains(void **state)
{
    (void)state;
    static char program[] = "qga-exporter", doctor[] = "doctor", name[] = "web";
    static char *argv[OPTIONS_DOMAINS_MAX + 4] = {program, doctor};
    for (int i = 0; i <= OPTIONS_DOMAINS_MAX; i++)
        argv[2 + i] = name;
    assert_int_equal(options_parse(2 + OPTIONS_DOMAINS_MAX, argv).mode, OPTIONS_DOCTOR);
    struct capture captured = capture_begin(stderr);
    struct options options = options_parse(3 + OPTIONS_DOMAINS_MAX, argv);
    capture_end(captured, err, sizeof(err));
    assert_int_equal(options.exit_status, 2);
    assert_non_null(strstr(err, "more than 256 domains"));
}

static const struct {
    const char *line, *sentence;
} bad[] = {
    {"--confg.file=x", "unknown flag \"--confg.file\"; did you mean --config.file?"},
    {"--config=x", "unknown flag \"--config\"; qga-exporter --help lists the flags"},
    {"--conf", "unknown flag \"--conf\"; qga-exporter --help lists the flags"},
    {"-x", "unknown flag \"-x\"; qga-exporter --help lists the flags"},
    {"--version1", "unknown flag \"--version1\"; did you mean --version?"},
    {"--colector.time", "unknown flag \"--colector.time\"; did you mean "
                        "--collector.time?"},
    {"--config.file", "--config.file has no value; write it like --config.file=PATH"},
    {"--config.file=", "--config.file has no value; write it like --config.file=PATH"},
    {"--config.file ~", "--config.file has no value; write it like --config.file=PATH"},
    {"--config.file --once",
     "--config.file has no value; write it like --config.file=PATH"},
    {"--web.systemd-socket=true", "--web.systemd-socket takes no value; remove what "
                                  "follows the ="},
    {"--once=true", "--once takes no value; remove what follows the ="},
    {"--once --once", "--once is given twice; remove one"},
    {"--log.level=info --log.level=warn", "--log.level is given twice; remove one"},
    {"--once --config.check",
     "--once and --config.check exclude each other; give one of them"},
    {"doctor --once", "doctor and --once exclude each other; give one of them"},
    {"doctor --config.check",
     "doctor and --config.check exclude each other; give one of them"},
    {"doctor ~",
     "stray argument \"\"; everything is said by flags, see qga-exporter --help"},
    {"doctor --format=xml",
     "--format: \"xml\" is not a format of the doctor; write table or json"},
    {"--format=json", "--format is the doctor's; write qga-exporter doctor first"},
    {"--once doctor", "--once and doctor exclude each other; give one of them"},
    {"--config.check doctor",
     "--config.check and doctor exclude each other; give one of them"},
    {"doctr", "stray argument \"doctr\"; did you mean doctor?"},
    {"start", "stray argument \"start\"; everything is said by flags, see qga-exporter "
              "--help"},
    {"~", "stray argument \"\"; everything is said by flags, see qga-exporter --help"},
    {"--once --", "stray argument \"--\"; everything is said by flags, see "
                  "qga-exporter --help"},
    {"--log.level=INFO", "--log.level: \"INFO\" is not a log level; write debug, info, "
                         "warn or error"},
    {"--log.format=text",
     "--log.format: \"text\" is not a log format; write logfmt or json"},
    {"--libvirt.uri=system", "--libvirt.uri: \"system\" is not a libvirt URI; write it "
                             "like \"qemu:///system\""},
    {"--web.listen-address=9177",
     "--web.listen-address: \"9177\" is not an address to listen on; write it like "
     ":10177, 127.0.0.1:10177, [::1]:10177 or unix:/PATH"},
    {"--web.max-requests=-1",
     "--web.max-requests: \"-1\" is not a number of scrapes; write 0 to 10000"},
    {"--web.max-requests=10001",
     "--web.max-requests: \"10001\" is not a number of scrapes; write 0 to 10000"},
    {"--web.max-requests=4294967297", "--web.max-requests: \"4294967297\" is not a "
                                      "number of scrapes; write 0 to 10000"},
    {"--web.enable-lifecycle=yes",
     "--web.enable-lifecycle takes no value; remove what follows the ="},
    {"--web.telemetry-path=/-/x",
     "--web.telemetry-path: \"/-/x\" is kept for other pages of the exporter; choose "
     "another path, like /metrics"},
    {"--collector.filesystem",
     "there is no collector \"filesystem\"; known are: time, disk, users"},
    {"--no-collector.", "there is no collector \"\"; known are: time, disk, users"},
    {"--collector.time=false", "--collector.NAME takes no value; use --collector.NAME "
                               "for on and --no-collector.NAME for off"},
};

static void
test_bad_command_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char wanted[OUTPUT_BYTES];
        struct options options = parse(bad[i].line);

        snprintf(wanted, sizeof(wanted), "qga-exporter: %s\n", bad[i].sentence);
        assert_string_equal(err, wanted);
        assert_string_equal(out, "");
        assert_int_equal(options.mode, OPTIONS_EXIT);
        assert_int_equal(options.exit_status, 2);
    }
}

static void
test_too_many_addresses(void **state)
{
    (void)state;
    char line[1024] = "";
    for (int i = 0; i < CONFIG_LISTEN_ADDRESSES_MAX; i++)
        strncat(line, "--web.listen-address=:1 ", 25);
    assert_int_equal(parse(line).mode, OPTIONS_RUN);
    strncat(line, "--web.listen-address=:1 ", 25);
    assert_int_equal(parse(line).exit_status, 2);
    assert_non_null(strstr(err, "more than 16 times"));
}

static void
test_help(void **state)
{
    (void)state;
    static const char *const words[] = {
        "--config.file=PATH",
        "--config.check",
        "--libvirt.uri=URI",
        "--once",
        "--format=FORMAT",
        "--web.listen-address=",
        "--web.telemetry-path=",
        "--web.max-requests=NUMBER",
        "--web.disable-exporter-metrics",
        "--web.enable-lifecycle",
        "--list-collectors",
        "--log.level=",
        "--log.format=",
        "--version",
        "--[no-]collector.time",
        "--help",
        "qemu:///system",
        "(default: :10177)",
        "who is there (default: off).",
    };
    assert_int_equal(parse("--help").mode, OPTIONS_EXIT);
    assert_int_equal(parse("--once -h --nonsense").exit_status, 0);
    assert_string_equal(err, "");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strstr(out, words[i]))
            fail_msg("--help does not say %s:\n%s", words[i], out);
}

static void
test_other_texts(void **state)
{
    (void)state;
    assert_int_equal(parse("--version").exit_status, 0);
    assert_memory_equal(out, "qga-exporter, version ", 22);
    assert_int_equal(parse("--list-collectors").exit_status, 0);
    assert_memory_equal(out, "NAME ", 5);
    assert_string_equal(err, "");
}

static void
test_full_disk(void **state)
{
    (void)state;
    char program[] = "qga-exporter", flag[] = "--help";
    char *argv[] = {program, flag, NULL};
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    dup2(full, STDOUT_FILENO);
    struct options options = options_parse(2, argv);
    dup2(saved, STDOUT_FILENO);
    clearerr(stdout);
    close(saved);
    close(full);
    assert_int_equal(options.mode, OPTIONS_EXIT);
    assert_int_equal(options.exit_status, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_said),
        cmocka_unit_test(test_all_flags),
        cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_too_many_domains),
        cmocka_unit_test(test_bad_command_lines),
        cmocka_unit_test(test_too_many_addresses),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_other_texts),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
