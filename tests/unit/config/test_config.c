/* The config file as a whole, and the command line over it: what each key does, and the
 * exact sentence for each mistake.  Sections with a file of their own have a test of
 * their own. */
#include "kit/filter.h"
#include "unit/config_text.h"
#include "unit/stub_registry.h"

#define NS_PER_S INT64_C(1000000000)

enum { TIME, DISK, USERS }; /* the stub registry */

static void
check_defaults(const struct config *config)
{
    assert_int_equal(config->sources_count, 1);
    assert_string_equal(config->sources[0].name, "libvirt");
    assert_int_equal(config->sources[0].kind, SOURCE_LIBVIRT);
    assert_string_equal(config->sources[0].libvirt.uri, "qemu:///system");
    assert_int_equal(config->sources[0].libvirt.lanes, 4);
    assert_true(config->sources[0].libvirt.balloon.enabled);
    assert_int_equal(config->sources[0].libvirt.balloon.interval_ns, 15 * NS_PER_S);
    assert_int_equal(config->sources[0].libvirt.balloon.max_age_ns, 75 * NS_PER_S);
    assert_true(config->collectors[TIME].enabled);
    assert_int_equal(config->collectors[TIME].interval_ns, 15 * NS_PER_S);
    assert_int_equal(config->collectors[TIME].timeout_ns, 3 * NS_PER_S);
    assert_int_equal(config->collectors[TIME].max_age_ns, 45 * NS_PER_S);
    assert_false(config->collectors[USERS].enabled);
    assert_int_equal(config->collectors[USERS].max_age_ns, 900 * NS_PER_S);
    assert_false(filter_passes(config->collectors[DISK].filters[0], "/proc/x"));
    assert_true(filter_passes(config->collectors[DISK].filters[0], "/process"));
    assert_null(config->collectors[DISK].filters[1]);
    assert_int_equal(config->health.failures_before_backoff, 2);
    assert_int_equal(config->health.backoff_ns, 60 * NS_PER_S);
    assert_int_equal(config->health.backoff_max_ns, 900 * NS_PER_S);
    assert_int_equal(config->health.starting_ns, 180 * NS_PER_S);
    assert_int_equal(config->limits.reply_bytes, 1048576);
    assert_int_equal(config->limits.series_per_guest, 2000);
    assert_int_equal(config->limits.label_bytes, 256);
    assert_string_equal(config->web.listen_addresses[0], ":10177");
    assert_null(config->web.listen_addresses[1]);
    assert_string_equal(config->web.telemetry_path, "/metrics");
    assert_int_equal(config->log.level, LOG_INFO);
    assert_int_equal(config->log.format, LOG_LOGFMT);
}

static void
test_defaults(void **state)
{
    (void)state;
    static const char *const files[] = {
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "{}",
        "~\n",
        "\xef\xbb\xbf# with a BOM\n",
        "sources:\ncollectors:\nhealth:\nlimits:\nweb:\nlog:\n",
        "collectors: {time: , disk: {}}\n"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct config *config = config_of(files[i]);

        check_defaults(config);
        config_free(config);
    }
    struct config *config = config_load(NULL, NULL, &yaml_why);
    assert_non_null(config);
    check_defaults(config);
    config_free(config);
    config_free(NULL);
}

static void
test_everything_set(void **state)
{
    (void)state;
    struct config *config = config_of(
        "sources:\n"
        "  - name: local\n"
        "    libvirt: {uri: \"qemu:///system\", lanes: 16,\n"
        "              ask_without_definition: true,\n"
        "              balloon: {enabled: false, interval: 1m, max_age: 2m}}\n"
        "  - name: far-1\n"
        "    libvirt:\n"
        "      uri: qemu+ssh://root@far.example/system\n"
        "      balloon: {interval: 20s}\n"
        "collectors:\n"
        "  time: {enabled: false, interval: 1m30s, timeout: 4s, max_age: 2h}\n"
        "  disk: {paths_exclude: \"\", paths_include: '^/srv', types_exclude: tmpfs}\n"
        "  users:\n"
        "    enabled: true\n"
        "health: {failures_before_backoff: 1, backoff: 1s, backoff_max: 1s, starting: "
        "0s}\n"
        "limits: {reply_bytes: 64KiB, series_per_guest: 10, label_bytes: 16}\n"
        "web: {listen_addresses: [\"127.0.0.1:1\", \"[::1]:0\", \"localhost:1\", "
        "\"[fe80::1%eth0]:1\"], telemetry_path: /m}\n"
        "log: {level: debug, format: json}\n");
    assert_int_equal(config->sources_count, 2);
    assert_string_equal(config->sources[0].name, "local");
    assert_int_equal(config->sources[0].libvirt.lanes, 16);
    assert_true(config->sources[0].libvirt.ask_without_definition);
    assert_false(config->sources[1].libvirt.ask_without_definition);
    assert_false(config->sources[0].libvirt.balloon.enabled);
    assert_int_equal(config->sources[0].libvirt.balloon.interval_ns, 60 * NS_PER_S);
    assert_int_equal(config->sources[0].libvirt.balloon.max_age_ns, 120 * NS_PER_S);
    assert_true(config->sources[1].libvirt.balloon.enabled);
    assert_int_equal(config->sources[1].libvirt.balloon.interval_ns, 20 * NS_PER_S);
    assert_int_equal(config->sources[1].libvirt.balloon.max_age_ns, 100 * NS_PER_S);
    assert_string_equal(config->sources[1].name, "far-1");
    assert_string_equal(config->sources[1].libvirt.uri,
                        "qemu+ssh://root@far.example/system");
    assert_int_equal(config->sources[1].libvirt.lanes, 4);
    const struct collector_config *disk = &config->collectors[DISK];
    assert_false(config->collectors[TIME].enabled);
    assert_int_equal(config->collectors[TIME].interval_ns, 90 * NS_PER_S);
    assert_int_equal(config->collectors[TIME].timeout_ns, 4 * NS_PER_S);
    assert_int_equal(config->collectors[TIME].max_age_ns, 7200 * NS_PER_S);
    assert_true(filter_passes(disk->filters[0], "/srv/x"));
    assert_false(filter_passes(disk->filters[0], "/home"));
    assert_false(filter_passes(disk->filters[1], "tmpfs"));
    assert_true(config->collectors[USERS].enabled);
    assert_int_equal(config->health.failures_before_backoff, 1);
    assert_int_equal(config->health.backoff_max_ns, NS_PER_S);
    assert_int_equal(config->health.starting_ns, 0);
    assert_int_equal(config->limits.reply_bytes, 65536);
    assert_int_equal(config->limits.series_per_guest, 10);
    assert_int_equal(config->limits.label_bytes, 16);
    assert_string_equal(config->web.listen_addresses[0], "127.0.0.1:1");
    assert_string_equal(config->web.listen_addresses[1], "[::1]:0");
    assert_string_equal(config->web.listen_addresses[2], "localhost:1");
    assert_string_equal(config->web.listen_addresses[3], "[fe80::1%eth0]:1");
    assert_null(config->web.listen_addresses[4]);
    assert_string_equal(config->web.telemetry_path, "/m");
    assert_int_equal(config->log.level, LOG_DEBUG);
    assert_int_equal(config->log.format, LOG_JSON);
    config_free(config);
}

static const struct yaml_mistake mistakes[] = {
    {"nonsense\n", "1: is not a map of keys; write it like sources: ..."},
    {"- a\n", "1: is not a map of keys; write it like sources: ..."},
    {"colectors: {}\n", "1: unknown key \"colectors\"; did you mean \"collectors\"?"},
    {"log: {}\n\nfoo: 1\n",
     "3: unknown key \"foo\"; known are: sources, profile, collectors, "
     "health, limits, avoid, metadata_labels, paused, web, log"},
    {"log: 5\n", "1: log: is not a map of keys; write it like level: ..."},
    {"log:\n  level: loud\n",
     "2: log.level: \"loud\" is not a log level; write debug, info, warn or error"},
    {"log:\n  level: \"\\e[2J\"\n",
     "2: log.level: \"?[2J\" is not a log level; write debug, info, warn or error"},
    {"log:\n  level: [info]\n",
     "2: log.level: is a list, not a single value; write it like \"text\""},
    {"log:\n  level:\n  format: json\n",
     "2: log.level: has no value; write it like \"text\", or remove the key"},
    {"log: {format: xml}\n",
     "1: log.format: \"xml\" is not a log format; write logfmt or json"},
    {"log: {levle: info}\n", "1: log: unknown key \"levle\"; did you mean \"level\"?"},
    {"paused: 1\n", "1: paused: \"1\" is not true or false; write one of these two, "
                    "small and without quotes"},
    {"limits: {calls_per_minute: -1}\n",
     "1: limits.calls_per_minute: \"-1\" is not a whole number; write one from 0 to "
     "6000, without quotes"},
    {"health: {failures_before_backoff: 0}\n",
     "1: health.failures_before_backoff: 0 is out of range; write a number from 1 to "
     "100"},
    {"health: {backoff: 20m}\n",
     "1: health: backoff_max is shorter than backoff; write a backoff_max of 20m or "
     "more, or a shorter backoff"},
    {"health:\n  starting: 2h\n",
     "2: health.starting: 2h is out of range; write a duration from 0s to 1h"},
    {"limits: {reply_bytes: 1MB}\n",
     "1: limits.reply_bytes: \"1MB\" is not a size; write it like 512, 64KiB or 1MiB"},
    {"limits: {reply_bytes: 5MiB}\n",
     "1: limits.reply_bytes: 5MiB is out of range; write a size from 4KiB to 4MiB"},
    {"limits: {reply_bytes: 9223372036854775807GiB}\n",
     "1: limits.reply_bytes: \"9223372036854775807GiB\" is not a size; write it like "
     "512, 64KiB or 1MiB"},
    {"limits: {series_per_guest: 9}\n",
     "1: limits.series_per_guest: 9 is out of range; write a number from 10 to 100000"},
    {"limits: {label_bytes: 8KiB}\n",
     "1: limits.label_bytes: 8KiB is out of range; write a size from 16 to 4KiB"},
    {"web: {listen_addresses: \":1\"}\n",
     "1: web.listen_addresses: is not a list of addresses; write it like [\":10177\"]"},
    {"web: {listen_addresses: []}\n",
     "1: web.listen_addresses: is not a list of addresses; write it like [\":10177\"]"},
    {"web: {listen_addresses: [10177]}\n",
     "1: web.listen_addresses[0]: \"10177\" is not an address to listen on; write it "
     "like :10177, 127.0.0.1:10177, [::1]:10177 or unix:/PATH"},
    {"web: {listen_addresses: [\":65536\"]}\n",
     "1: web.listen_addresses[0]: \":65536\" is not an address to listen on; write it "
     "like :10177, 127.0.0.1:10177, [::1]:10177 or unix:/PATH"},
    {"web: {listen_addresses: [\"::1:80\"]}\n",
     "1: web.listen_addresses[0]: \"::1:80\" is not an address to listen on; write it "
     "like :10177, 127.0.0.1:10177, [::1]:10177 or unix:/PATH"},
    {"web: {listen_addresses: [\"256.0.0.1:80\"]}\n",
     "1: web.listen_addresses[0]: \"256.0.0.1:80\" is not an address to listen on; "
     "write "
     "it like :10177, 127.0.0.1:10177, [::1]:10177 or unix:/PATH"},
    {"web:\n  listen_addresses:\n  - :1\n  - :1\n",
     "4: web.listen_addresses[1]: \":1\" stands here twice; remove one"},
    {"web: {telemetry_path: metrics}\n",
     "1: web.telemetry_path: \"metrics\" is not a path for the metrics; write it like "
     "/metrics, with letters, digits and . _ ~ - only"},
    {"web: {telemetry_path: \"/a?b\"}\n",
     "1: web.telemetry_path: \"/a?b\" is not a path for the metrics; write it like "
     "/metrics, with letters, digits and . _ ~ - only"},
    {"web: {telemetry_path: /}\n", "1: web.telemetry_path: \"/\" is the overview; "
                                   "choose another path, like /metrics"},
    {"web: {telemetry_path: /-/metrics}\n",
     "1: web.telemetry_path: \"/-/metrics\" is kept for other pages of the exporter; "
     "choose another path, like /metrics"},
    {"web: {telemetry_path: /sd}\n",
     "1: web.telemetry_path: \"/sd\" is kept for other pages of the exporter; choose "
     "another path, like /metrics"},
};

static void
each_mistake_has_its_sentence(void **state)
{
    (void)state;
    CONFIG_EACH_IS_REFUSED(mistakes);
}

static void
addresses_are_limited(void **state)
{
    char text[512] = "web:\n  listen_addresses:\n";

    (void)state;
    for (int i = 0; i < 17; i++)
        (void)snprintf(text + strlen(text), 20, "  - :%d\n", i);
    yaml_write(text, strlen(text));
    assert_null(config_read_written());
    assert_string_equal(yaml_sentence(),
                        "19: web.listen_addresses[16]: is one too many; 16 addresses "
                        "are the most");
}

/* The first bytes of a good file, and good files with one byte changed, must at worst
 * be refused; this is for the sanitizers. */
static void
test_mutilated_files(void **state)
{
    (void)state;
    static const char good[] =
        "sources:\n- {name: \"a\", libvirt: {uri: \"qemu:///system\", lanes: 2}}\n"
        "collectors:\n  disk:\n    paths_include: '^/[a-z]+$'\n    interval: 1m\n"
        "web: {listen_addresses: [\":1\"]}\n";
    static const char bytes[] = "\0\t\n -:?,[]{}#&*!|>'\"%@`\\\xff\xc3(+";
    for (size_t length = 0; length < sizeof(good); length++) {
        yaml_write(good, length);
        config_free(config_read_written());
    }
    for (size_t at = 0; at + 1 < sizeof(good); at++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            char text[sizeof(good)];

            memcpy(text, good, sizeof(good));
            text[at] = bytes[i];
            yaml_write(text, sizeof(good) - 1);
            struct config *config = config_read_written();
            assert_true(config || yaml_sentence() != yaml_why.text);
            assert_true(config || strstr(yaml_why.text, "; "));
            config_free(config);
        }
    }
}

static struct config *
config_overridden(const char *text, const struct config_overrides *overrides)
{
    yaml_write(text, strlen(text));
    return config_load(yaml_path, overrides, &yaml_why);
}

static struct config_overrides
overrides_none(void)
{
    struct config_overrides overrides = {0};

    memset(overrides.collector_enabled, -1, sizeof(overrides.collector_enabled));
    return overrides;
}

static void
test_flags_win(void **state)
{
    (void)state;
    struct config_overrides overrides = overrides_none();
    overrides.libvirt_uri = "test:///default";
    overrides.listen_addresses[0] = "127.0.0.1:2";
    overrides.listen_addresses[1] = "[::1]:2";
    overrides.telemetry_path = "/x";
    overrides.collector_enabled[TIME] = 0;
    overrides.collector_enabled[USERS] = 1;
    overrides.log_level = "error";
    overrides.log_format = "json";
    struct config *config = config_overridden(
        "sources: [{libvirt: {uri: \"qemu:///session\", lanes: 2}}]\n"
        "collectors: {time: {enabled: true}}\n"
        "web: {listen_addresses: [\":1\"], telemetry_path: /y}\nlog: {level: debug}\n",
        &overrides);
    assert_non_null(config);
    assert_string_equal(config->sources[0].libvirt.uri, "test:///default");
    assert_int_equal(config->sources[0].libvirt.lanes, 2);
    assert_string_equal(config->web.listen_addresses[0], "127.0.0.1:2");
    assert_string_equal(config->web.listen_addresses[1], "[::1]:2");
    assert_null(config->web.listen_addresses[2]);
    assert_string_equal(config->web.telemetry_path, "/x");
    assert_false(config->collectors[TIME].enabled);
    assert_true(config->collectors[DISK].enabled);
    assert_true(config->collectors[USERS].enabled);
    assert_int_equal(config->log.level, LOG_ERROR);
    assert_int_equal(config->log.format, LOG_JSON);
    config_free(config);
}

static void
check_override(struct config_overrides overrides, const char *wanted)
{
    assert_null(config_load(NULL, &overrides, &yaml_why));
    assert_string_equal(yaml_why.text, wanted);
}

static void
test_bad_flags(void **state)
{
    (void)state;
    struct config_overrides overrides = overrides_none();
    overrides.libvirt_uri = "qemu";
    check_override(overrides, "--libvirt.uri: \"qemu\" is not a libvirt URI; write it "
                              "like \"qemu:///system\"");
    overrides = overrides_none();
    overrides.telemetry_path = "metrics";
    check_override(overrides,
                   "--web.telemetry-path: \"metrics\" is not a path for the metrics; "
                   "write it like /metrics, with letters, digits and . _ ~ - only");
    overrides = overrides_none();
    overrides.log_level = "loud";
    check_override(overrides, "--log.level: \"loud\" is not a log level; write debug, "
                              "info, warn or error");
    overrides = overrides_none();
    overrides.log_format = "xml";
    check_override(overrides,
                   "--log.format: \"xml\" is not a log format; write logfmt or json");
}

static void
test_uri_flag_needs_one_source(void **state)
{
    (void)state;
    struct config_overrides overrides = overrides_none();
    char wanted[256];

    overrides.libvirt_uri = "qemu:///system";
    assert_null(config_overridden("sources:\n- {name: a, libvirt: {uri: \"a://b\"}}\n"
                                  "- {name: b, libvirt: {uri: \"b://b\"}}\n",
                                  &overrides));
    (void)snprintf(wanted, sizeof(wanted),
                   "--libvirt.uri: %s has 2 sources, so it is not clear whose URI is "
                   "meant; set the URIs there and leave out the flag",
                   yaml_path);
    assert_string_equal(yaml_why.text, wanted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything_set),
        cmocka_unit_test(each_mistake_has_its_sentence),
        cmocka_unit_test(addresses_are_limited),
        cmocka_unit_test(test_mutilated_files),
        cmocka_unit_test(test_flags_win),
        cmocka_unit_test(test_bad_flags),
        cmocka_unit_test(test_uri_flag_needs_one_source),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
