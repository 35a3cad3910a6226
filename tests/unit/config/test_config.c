/* The config file: what each key does, and the exact sentence for each mistake. */
#include "config/config.h"
#include "config/guest_name.h"
#include "kit/filter.h"
#include "unit/stub_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NS_PER_S INT64_C(1000000000)
#define FILE_NAME "qga-exporter.yml"

enum { TIME, DISK, USERS }; /* the stub registry */

static char directory[] = "/tmp/test_config.XXXXXX";
static char error[CONFIG_ERROR_BYTES];

static int
directory_setup(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL || chdir(directory) != 0;
}

static int
directory_teardown(void **state)
{
    (void)state;
    unlink(FILE_NAME);
    return chdir("/") != 0 || rmdir(directory) != 0;
}

static void
file_write(const char *bytes, size_t length)
{
    FILE *file = fopen(FILE_NAME, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static struct config *
load_overridden(const char *text, const struct config_overrides *overrides)
{
    file_write(text, strlen(text));
    memset(error, 'x', sizeof(error));
    return config_load(FILE_NAME, overrides, error, sizeof(error));
}

static struct config *
load(const char *text)
{
    struct config *config = load_overridden(text, NULL);
    if (config == NULL)
        print_error("refused: %s\n", error);
    assert_non_null(config);
    assert_string_equal(error, "");
    return config;
}

static void
check_defaults(const struct config *config)
{
    assert_int_equal(config->sources_count, 1);
    assert_string_equal(config->sources[0].name, "");
    assert_int_equal(config->sources[0].kind, SOURCE_LIBVIRT);
    assert_string_equal(config->sources[0].libvirt.uri, "qemu:///system");
    assert_int_equal(config->sources[0].libvirt.lanes, 4);
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
        struct config *config = load(files[i]);
        check_defaults(config);
        config_free(config);
    }
    struct config *config = config_load(NULL, NULL, error, sizeof(error));
    assert_non_null(config);
    check_defaults(config);
    config_free(config);
    config_free(NULL);
}

static void
test_everything_set(void **state)
{
    (void)state;
    struct config *config = load(
        "sources:\n"
        "  - name: local\n"
        "    libvirt: {uri: \"qemu:///system\", lanes: 16}\n"
        "  - name: far-1\n"
        "    libvirt:\n"
        "      uri: qemu+ssh://root@far.example/system\n"
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

static void
check_socket(const struct source_config *source, const char *name, const char *path,
             const char *guest_name)
{
    assert_int_equal(source->kind, SOURCE_SOCKET);
    assert_string_equal(source->name, name);
    assert_string_equal(source->socket.path, path);
    assert_string_equal(source->socket.guest_name, guest_name);
}

static void
test_socket_sources(void **state)
{
    (void)state;
    struct config *config = load(
        "sources:\n"
        "- {name: a, socket: {path: \"/run/agents/*.sock\"}}\n"
        "- {name: b, socket: {preset: proxmox}}\n"
        "- {name: c, socket: {preset: libvirt-second-channel}}\n"
        "- {name: d, socket: {path: \"/vms/*/qga\", guest_name: \"/([^/]+)/qga$\"}}\n"
        "- {name: e, socket: {guest_name: \"(1)\", preset: proxmox, path: /x/1}}\n"
        "- {name: f, libvirt: {}}\n");
    const struct source_config *sources = config->sources;
    assert_int_equal(config->sources_count, 6);
    check_socket(&sources[0], "a", "/run/agents/*.sock", "([^/]+?)(?:[.][A-Za-z]+)?$");
    check_socket(&sources[1], "b", "/var/run/qemu-server/*.qga", "([0-9]+)[.]qga$");
    check_socket(
        &sources[2], "c",
        "{/run,/var/lib}/libvirt/qemu/channel/{.,target}/*/org.qemu.guest_agent.1",
        "/(?:domain-)?[0-9]+-([^/]+)/[^/]+$");
    check_socket(&sources[3], "d", "/vms/*/qga", "/([^/]+)/qga$");
    check_socket(&sources[4], "e", "/x/1", "(1)"); /* what is written wins */
    assert_int_equal(sources[5].kind, SOURCE_LIBVIRT);
    config_free(config);
    config = load("sources: [{socket: {preset: proxmox}}]\n");
    check_socket(&config->sources[0], "", "/var/run/qemu-server/*.qga",
                 "([0-9]+)[.]qga$");
    config_free(config);
}

/* The folder's name in old and new libvirt. */
static void
test_names_of_presets(void **state)
{
    (void)state;
    static const struct {
        const char *preset, *path, *name;
    } cases[] = {
        {"proxmox", "/var/run/qemu-server/100.qga", "100"},
        {"libvirt-second-channel",
         "/var/lib/libvirt/qemu/channel/target/domain-7-web-1/org.qemu.guest_agent.1",
         "web-1"},
        {"libvirt-second-channel",
         "/run/libvirt/qemu/channel/./48-raid5-test-Fedora-Se/org.qemu.guest_agent.1",
         "raid5-test-Fedora-Se"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128], name[64];
        snprintf(text, sizeof(text), "sources: [{socket: {preset: %s}}]\n",
                 cases[i].preset);
        struct config *config = load(text);
        const struct source_config *source = &config->sources[0];
        struct guest_name *rule =
            guest_name_new(source->socket.guest_name, error, sizeof(error));
        assert_true(guest_name_of(rule, cases[i].path, name, sizeof(name)));
        assert_string_equal(name, cases[i].name);
        guest_name_free(rule);
        config_free(config);
    }
}

static void
test_max_age_follows_the_interval(void **state)
{
    (void)state;
    struct config *config = load("collectors: {time: {interval: 24h}}\n");
    assert_int_equal(config->collectors[TIME].max_age_ns, 72 * 3600 * NS_PER_S);
    config_free(config);
}

static void
test_an_emptied_default_lets_all_pass(void **state)
{
    (void)state;
    struct config *config = load("collectors: {disk: {paths_exclude: \"\"}}\n");
    assert_true(filter_passes(config->collectors[DISK].filters[0], "/proc/x"));
    config_free(config);
}

static const struct {
    const char *text;
    const char *sentence; /* behind "qga-exporter.yml:" */
} bad[] = {
    {"nonsense\n", "1: is not a map of keys; write it like sources: ..."},
    {"- a\n", "1: is not a map of keys; write it like sources: ..."},
    {"colectors: {}\n", "1: unknown key \"colectors\"; did you mean \"collectors\"?"},
    {"log: {}\n\nfoo: 1\n", "3: unknown key \"foo\"; known are: sources, collectors, "
                            "health, limits, avoid, metadata_labels, paused, web, log"},
    {"log: {}\nlog: {}\n",
     "2: \"log\" stands here a second time (first in line 1); remove one of them"},
    {"log: 5\n", "1: log: is not a map of keys; write it like level: ..."},
    {"log:\n\tlevel: info\n", "2: a tab stands in the indentation; indent with spaces"},
    {"log: {level: info\n",
     "1: not valid YAML (did not find expected ',' or '}'); check the indentation, "
     "quotes and brackets here and in the line above"},
    {"log: &a {}\n", "1: anchors (&) and aliases (*) are not allowed; write the value "
                     "out, or put it in quotes"},
    {"log: *a\n", "1: anchors (&) and aliases (*) are not allowed; write the value "
                  "out, or put it in quotes"},
    {"log: !!map {}\n",
     "1: tags (!) are not allowed; write the value alone, or put it in quotes"},
    {"{[a]: b}\n", "1: a key is not plain text; write it like interval: 15s"},
    {"*a : b\n", "1: a key is not plain text; write it like interval: 15s"},
    {"&a log: {}\n", "1: a key has an anchor or a tag; write the key alone"},
    {"log: {}\n---\nweb: {}\n",
     "2: a second document begins here; keep everything in one and remove the ---"},
    {"log:\n  level: \"a\\0b\"\n", "2: a value holds a NUL character; remove the \\0"},
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
    {"sources: {}\n",
     "1: sources: is not a list; write it like - libvirt: {uri: \"qemu:///system\"}"},
    {"sources: []\n",
     "1: sources: is empty; list a source, or remove the key for qemu:///system"},
    {"sources: [qemu]\n",
     "1: sources[0]: is not a map of keys; write it like name: ..."},
    {"sources:\n- name: x\n",
     "2: sources[0]: says no kind of source; write libvirt: {uri: \"qemu:///system\"}"},
    {"sources:\n-\n",
     "2: sources[0]: says no kind of source; write libvirt: {uri: \"qemu:///system\"}"},
    {"sources:\n- libvrit: {}\n",
     "2: sources[0]: unknown key \"libvrit\"; did you mean \"libvirt\"?"},
    {"avoid: {rules: [{os: freebsd}]}\n",
     "1: avoid.rules[0]: names no command; write command: guest-get-fsinfo"},
    {"avoid: {rules: [{command: guest-exec}]}\n",
     "1: avoid.rules[0].command: \"guest-exec\" is no command that a collector sends; "
     "see "
     "--list-collectors"},
    {"avoid: {known_harm: no}\n", "1: avoid.known_harm: \"no\" is not true or false; "
                                  "write one of these two, small and without quotes"},
    {"paused: 1\n", "1: paused: \"1\" is not true or false; write one of these two, "
                    "small and without quotes"},
    {"limits: {calls_per_minute: -1}\n",
     "1: limits.calls_per_minute: \"-1\" is not a whole number; write one from 0 to "
     "6000, without quotes"},
    {"sources:\n- socket: {}\n", "2: sources[0].socket: has no path; write path: "
                                 "\"/run/agents/*.sock\", or preset: "
                                 "proxmox"},
    {"sources:\n- socket: {preset: vmware}\n",
     "2: sources[0].socket.preset: \"vmware\" is no preset; write proxmox or "
     "libvirt-second-channel"},
    {"sources:\n- socket: {preset: proxmox, glob: /x}\n",
     "2: sources[0].socket: unknown key \"glob\"; known are: preset, path, guest_name"},
    {"sources:\n- socket: /run/x.sock\n",
     "2: sources[0].socket: is not a map of keys; write it like preset: ..."},
    {"sources:\n- socket: {path: [/x]}\n",
     "2: sources[0].socket.path: is a list, not a single value; write it like "
     "\"text\""},
    {"sources:\n- socket: {path: /run/agents/}\n",
     "2: sources[0].socket.path: \"/run/agents/\" is not the path of sockets; write it "
     "like \"/run/agents/*.sock\""},
    {"sources:\n- socket:\n    path: "
     "/var/lib/libvirt/qemu/channel/target/*/org.qemu.guest_agent.0\n",
     "3: sources[0].socket.path: "
     "\"/var/lib/libvirt/qemu/channel/target/*/org.qemu.guest_agent.0\" is libvirt's "
     "own channel, and connecting to it takes the agent from libvirt; write libvirt: "
     "{uri: \"qemu:///system\"} instead, or use a second channel (preset: "
     "libvirt-second-channel)"},
    {"sources:\n- socket: {path: /x, guest_name: web}\n",
     "2: sources[0].socket.guest_name: the pattern \"web\" has 0 groups; write the "
     "part "
     "of the path that is the guest's name in one pair of parentheses"},
    {"sources:\n- {name: a, socket: {preset: proxmox}}\n- {name: b, socket: {preset: "
     "proxmox}}\n",
     "3: sources[1]: has the same path \"/var/run/qemu-server/*.qga\" as sources[0], "
     "and an agent serves one client; remove one of the two"},
    {"sources:\n- {name: a, socket: {path: /x}}\n- {name: a, libvirt: {}}\n",
     "3: sources[1].name: \"a\" is also the name of sources[0]; give each source a "
     "unique name"},
    {"sources:\n- socket: {path: /x}\n- libvirt: {}\n",
     "2: sources[0]: has no name; with more than one source give each a unique name"},
    {"sources:\n- socket: {path: agents}\n",
     "2: sources[0].socket.path: \"agents\" is not the path of sockets; write it like "
     "\"/run/agents/*.sock\""},
    {"sources:\n- socket: {path: /x, guest_name: a(b)(c)}\n",
     "2: sources[0].socket.guest_name: the pattern \"a(b)(c)\" has 2 groups; write the "
     "part of the path that is the guest's name in one pair of parentheses"},
    {"sources:\n- socket: {path: /x, guest_name: \"(\"}\n",
     "2: sources[0].socket.guest_name: the pattern \"(\" is wrong at character 2: "
     "missing "
     "closing parenthesis"},
    {"sources:\n- {name: a, socket: {path: /x}}\n- {name: b, socket: {path: /x}}\n",
     "3: sources[1]: has the same path \"/x\" as sources[0], and an agent serves one "
     "client; remove one of the two"},
    {"sources:\n- socket: {path: /x}\n  libvirt: {}\n",
     "2: sources[0]: is both a libvirt and a socket source; make two sources of it"},
    {"sources: [{libvirt: {url: x}}]\n",
     "1: sources[0].libvirt: unknown key \"url\"; did you mean \"uri\"?"},
    {"sources: [{libvirt: {uri: system}}]\n",
     "1: sources[0].libvirt.uri: \"system\" is not a libvirt URI; write it like "
     "\"qemu:///system\""},
    {"sources: [{libvirt: {lanes: 0}}]\n",
     "1: sources[0].libvirt.lanes: 0 is out of range; write a number from 1 to 16"},
    {"sources: [{libvirt: {lanes: 17}}]\n",
     "1: sources[0].libvirt.lanes: 17 is out of range; write a number from 1 to 16"},
    {"sources: [{libvirt: {lanes: -1}}]\n",
     "1: sources[0].libvirt.lanes: \"-1\" is not a whole number; write one from 1 to "
     "16, without quotes"},
    {"sources: [{libvirt: {lanes: \"4\"}}]\n",
     "1: sources[0].libvirt.lanes: \"4\" is not a whole number; write one from 1 to "
     "16, without quotes"},
    {"sources: [{libvirt: {lanes: 010}}]\n",
     "1: sources[0].libvirt.lanes: \"010\" is not a whole number; write one from 1 to "
     "16, without quotes"},
    {"sources: [{libvirt: {lanes: 99999999999999999999}}]\n",
     "1: sources[0].libvirt.lanes: \"99999999999999999999\" is not a whole number; "
     "write one from 1 to 16, without quotes"},
    {"sources: [{name: \"a b\", libvirt: {}}]\n",
     "1: sources[0].name: \"a b\" is not a name for a source; write at most 64 "
     "letters, digits, dots, dashes or underscores"},
    {"sources:\n- libvirt: {}\n- libvirt: {}\n",
     "2: sources[0]: has no name; with more than one source give each a unique name"},
    {"sources:\n- {name: a, libvirt: {}}\n- {name: \"\", libvirt: {}}\n",
     "3: sources[1].name: \"\" is empty; give the source a name"},
    {"sources:\n- {name: a, libvirt: {}}\n- {name: a, libvirt: {uri: \"b://c\"}}\n",
     "3: sources[1].name: \"a\" is also the name of sources[0]; give each source a "
     "unique name"},
    {"sources:\n- {name: a, libvirt: {}}\n- {name: b, libvirt: {}}\n",
     "3: sources[1]: has the same URI \"qemu:///system\" as sources[0], so each guest "
     "would be asked twice; remove one of the two"},
    {"collectors: [time]\n",
     "1: collectors: is not a map of keys; write it like time: ..."},
    {"collectors:\n  tmie: {}\n",
     "2: collectors: unknown key \"tmie\"; did you mean \"time\"?"},
    {"collectors:\n  filesystem: {}\n",
     "2: collectors: unknown key \"filesystem\"; known are: time, disk, users"},
    {"collectors:\n  time: true\n",
     "2: collectors.time: is not a map of keys; write it like enabled: ..."},
    {"collectors:\n  time: {paths_include: x}\n",
     "2: collectors.time: unknown key \"paths_include\"; known are: enabled, interval, "
     "timeout, max_age"},
    {"collectors:\n  disk: {path_include: x}\n",
     "2: collectors.disk: unknown key \"path_include\"; did you mean "
     "\"paths_include\"?"},
    {"collectors:\n  time: {enabled: yes}\n",
     "2: collectors.time.enabled: \"yes\" is not true or false; write one of these "
     "two, small and without quotes"},
    {"collectors:\n  time: {enabled: True}\n",
     "2: collectors.time.enabled: \"True\" is not true or false; write one of these "
     "two, small and without quotes"},
    {"collectors:\n  time: {enabled: \"true\"}\n",
     "2: collectors.time.enabled: \"true\" is not true or false; write one of these "
     "two, small and without quotes"},
    {"collectors:\n  time:\n    interval: 5x\n",
     "3: collectors.time.interval: \"5x\" is not a duration; write it like 15s, 1m30s "
     "or 2h"},
    {"collectors:\n  time:\n    interval: 60\n",
     "3: collectors.time.interval: \"60\" is not a duration; write it like 15s, 1m30s "
     "or 2h"},
    {"collectors:\n  time:\n    interval: 1s1m\n",
     "3: collectors.time.interval: \"1s1m\" is not a duration; write it like 15s, "
     "1m30s or 2h"},
    {"collectors:\n  time:\n    interval: 1.5m\n",
     "3: collectors.time.interval: \"1.5m\" is not a duration; write it like 15s, "
     "1m30s or 2h"},
    {"collectors:\n  time:\n    interval: 999999999999h\n",
     "3: collectors.time.interval: \"999999999999h\" is not a duration; write it like "
     "15s, 1m30s or 2h"},
    {"collectors:\n  time:\n    interval: 500ms\n",
     "3: collectors.time.interval: 500ms is out of range; write a duration from 1s to "
     "24h"},
    {"collectors:\n  time:\n    interval: 25h\n",
     "3: collectors.time.interval: 25h is out of range; write a duration from 1s to "
     "24h"},
    {"collectors:\n  time:\n    interval:\n    timeout: 3s\n",
     "3: collectors.time.interval: has no value; write it like 15s, 1m30s or 2h, or "
     "remove the key"},
    {"collectors:\n  time: {timeout: 5s}\n",
     "2: collectors.time.timeout: 5s is out of range; write a duration from 1s to 4s"},
    {"collectors:\n  time: {timeout: 1s500ms}\n",
     "2: collectors.time.timeout: 1s500ms is not a whole number of seconds, in which "
     "libvirt counts; write 1s, 2s, 3s or 4s"},
    {"collectors:\n  time: {max_age: 10s}\n",
     "2: collectors.time.max_age: 10s is shorter than the interval of 15s, so the "
     "values would come and go; write 15s or more"},
    {"collectors:\n  disk:\n    interval: 1m\n    paths_include: \"a(\"\n",
     "4: collectors.disk.paths_include: bad pattern \"a(\": missing closing "
     "parenthesis at character 2; correct it (the syntax is that of PCRE2)"},
    {"collectors:\n  disk: {types_exclude: 'a['}\n",
     "2: collectors.disk.types_exclude: bad pattern \"a[\": missing terminating ] for "
     "character class at character 2; correct it (the syntax is that of PCRE2)"},
    {"collectors:\n  disk: {types_exclude: [a]}\n",
     "2: collectors.disk.types_exclude: is a list, not a single value; write it like "
     "\"text\""},
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
     "like :10177, 127.0.0.1:10177 or [::1]:10177"},
    {"web: {listen_addresses: [\":65536\"]}\n",
     "1: web.listen_addresses[0]: \":65536\" is not an address to listen on; write it "
     "like :10177, 127.0.0.1:10177 or [::1]:10177"},
    {"web: {listen_addresses: [\"::1:80\"]}\n",
     "1: web.listen_addresses[0]: \"::1:80\" is not an address to listen on; write it "
     "like :10177, 127.0.0.1:10177 or [::1]:10177"},
    {"web: {listen_addresses: [\"256.0.0.1:80\"]}\n",
     "1: web.listen_addresses[0]: \"256.0.0.1:80\" is not an address to listen on; "
     "write "
     "it like :10177, 127.0.0.1:10177 or [::1]:10177"},
    {"web:\n  listen_addresses:\n  - :1\n  - :1\n",
     "4: web.listen_addresses[1]: \":1\" stands here twice; remove one"},
    {"web: {telemetry_path: metrics}\n",
     "1: web.telemetry_path: \"metrics\" is not a path for the metrics; write it like "
     "/metrics, with letters, digits and . _ ~ - only"},
    {"web: {telemetry_path: \"/a?b\"}\n",
     "1: web.telemetry_path: \"/a?b\" is not a path for the metrics; write it like "
     "/metrics, with letters, digits and . _ ~ - only"},
    {"web: {telemetry_path: /}\n", "1: web.telemetry_path: \"/\" is the landing page; "
                                   "choose another path, like /metrics"},
    {"web: {telemetry_path: /-/metrics}\n",
     "1: web.telemetry_path: \"/-/metrics\" is kept for other pages of the exporter; "
     "choose another path, like /metrics"},
    {"web: {telemetry_path: /sd}\n",
     "1: web.telemetry_path: \"/sd\" is kept for other pages of the exporter; choose "
     "another path, like /metrics"},
};

static void
test_bad_files(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct config *config = load_overridden(bad[i].text, NULL);
        const char *sentence = config != NULL ? "(accepted)" : error;
        if (strncmp(sentence, FILE_NAME ":", strlen(FILE_NAME) + 1) == 0)
            sentence += strlen(FILE_NAME) + 1;
        if (strcmp(sentence, bad[i].sentence) != 0) {
            print_error("file:   %s\nwanted: %s\ngot:    %s\n\n", bad[i].text,
                        bad[i].sentence, sentence);
            wrong++;
        }
        config_free(config);
    }
    assert_int_equal(wrong, 0);
}

static void
check_path(const char *path, const char *wanted)
{
    assert_null(config_load(path, NULL, error, sizeof(error)));
    assert_string_equal(error, wanted);
}

static const struct {
    const char *text, *part;
} bad_labels[] = {
    {"metadata_labels: [a]\n", "1: metadata_labels: is not a map; write it like"},
    {"metadata_labels: {1a: \"{n}a\"}\n",
     "1: metadata_labels.1a: \"1a\" is not the name of a label; write"},
    {"metadata_labels: {__a: \"{n}a\"}\n", "is not the name of a label"},
    {"metadata_labels: {a-b: \"{n}a\"}\n", "is not the name of a label"},
    {"metadata_labels: {source: \"{n}a\"}\n",
     "1: metadata_labels.source: is a label that is there anyway; choose another name"},
    {"metadata_labels: {uuid: \"{n}a\"}\n", "is a label that is there anyway"},
    {"metadata_labels: {a: \"{n}a\", a: \"{n}b\"}\n", "1: "},
    {"metadata_labels: {a: \"n/a\"}\n", "1: metadata_labels.a: \"n/a\" is not a place "
                                        "in a domain's metadata; write it like"},
    {"metadata_labels: {a: \"{}a\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a/\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a//b\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a[1]\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a@b@c\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a@b/c\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}@b\"}\n", "is not a place"},
    {"metadata_labels: {a: 1}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a\", b: \"{n}a\", c: \"{n}a\", d: \"{n}a\", e: "
     "\"{n}a\", "
     "f: \"{n}a\", g: \"{n}a\"}\n",
     "1: metadata_labels.g: is one too many; 6 labels are the most"},
};

static void
test_metadata_labels(void **state)
{
    (void)state;
    struct config *config =
        load("metadata_labels:\n"
             "  customer: \"{https://example.com/billing/1}account\"\n"
             "  tier: \"{urn:x}a/b-c.d/e@f\"\n");
    assert_int_equal(config->metadata.count, 2);
    assert_string_equal(config->metadata.labels[0].name, "customer");
    assert_string_equal(config->metadata.labels[0].namespace,
                        "https://example.com/billing/1");
    assert_string_equal(config->metadata.labels[0].path, "account");
    assert_string_equal(config->metadata.labels[1].namespace, "urn:x");
    assert_string_equal(config->metadata.labels[1].path, "a/b-c.d/e@f");
    config_free(config);
    for (size_t i = 0; i < sizeof(bad_labels) / sizeof(bad_labels[0]); i++) {
        assert_null(load_overridden(bad_labels[i].text, NULL));
        if (!strstr(error, bad_labels[i].part))
            fail_msg("%s: %s", bad_labels[i].text, error);
    }
}

static void
test_bad_paths(void **state)
{
    (void)state;
    check_path("none.yml", "none.yml: cannot be opened (No such file or directory); "
                           "check the path given with --config.file");
    check_path(".", ".: is a directory; give the YAML file itself with --config.file");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    check_path("fifo", "fifo: is not a regular file; give the YAML file itself with "
                       "--config.file");
    unlink("fifo");
    check_path("/dev/zero", "/dev/zero: is larger than 1024 KiB; a config needs far "
                            "less, so check the path");
    if (geteuid() == 0)
        return;
    config_free(load("")); /* root may read everything, so only others get here */
    chmod(FILE_NAME, 0);
    check_path(FILE_NAME, FILE_NAME ": cannot be opened (Permission denied); let the "
                                    "exporter's user read it");
    chmod(FILE_NAME, 0600);
}

static void
test_huge_file(void **state)
{
    (void)state;
    file_write("", 0);
    assert_int_equal(truncate(FILE_NAME, 100 << 20), 0);
    check_path(FILE_NAME,
               FILE_NAME ": is larger than 1024 KiB; a config needs far less, "
                         "so check the path");
    unlink(FILE_NAME);
}

/* `count` times `part` behind `head`. */
static void
check_repeated(const char *head, const char *part, size_t count, const char *wanted)
{
    size_t head_length = strlen(head), part_length = strlen(part);
    char *text = malloc(head_length + count * part_length + 1);
    assert_non_null(text);
    memcpy(text, head, head_length + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + head_length + i * part_length, part, part_length + 1);
    file_write(text, strlen(text));
    free(text);
    check_path(FILE_NAME, wanted);
}

static void
test_bombs(void **state)
{
    (void)state;
    check_repeated("", "[", 1000000,
                   FILE_NAME
                   ":1: nested more than 8 levels deep; check the brackets and "
                   "the indentation");
    check_repeated("", "{a: ", 200000,
                   FILE_NAME
                   ":1: nested more than 8 levels deep; check the brackets and "
                   "the indentation");
    check_repeated("- - - ", "- ", 100000,
                   FILE_NAME
                   ":1: nested more than 8 levels deep; check the brackets and "
                   "the indentation");
    check_repeated("sources:\n", "- 1\n", 200000,
                   FILE_NAME ":20000: more than 20000 values; a config needs far less, "
                             "so check the path");
    check_repeated("log: {level: ", "xxxxxxxx", 1000,
                   FILE_NAME ":1: a value is longer than 4096 bytes; shorten it");
    check_repeated("web: {listen_addresses: [", "\":1\",", 17,
                   FILE_NAME ":1: not valid YAML (did not find expected node content); "
                             "check the indentation, quotes and brackets here and in "
                             "the line above");
}

static void
test_too_many(void **state)
{
    (void)state;
    char text[65 * 64] = "sources:\n";
    for (int i = 0; i < 65; i++)
        snprintf(text + strlen(text), 60, "- {name: n%d, libvirt: {uri: \"a://%d\"}}\n",
                 i, i);
    assert_null(load_overridden(text, NULL));
    assert_string_equal(
        error,
        FILE_NAME ":66: sources[64]: is one too many; 64 sources are the most, so "
                  "start a second exporter for the rest");
    snprintf(text, sizeof(text), "web:\n  listen_addresses:\n");
    for (int i = 0; i < 17; i++)
        snprintf(text + strlen(text), 20, "  - :%d\n", i);
    assert_null(load_overridden(text, NULL));
    assert_string_equal(error, FILE_NAME ":19: web.listen_addresses[16]: is one too "
                                         "many; 16 addresses are the most");
}

static void
test_nul_and_utf8(void **state)
{
    (void)state;
    file_write("log:\n  level: \"a\0b\"\n", 19);
    check_path(FILE_NAME,
               FILE_NAME ":2: a control character stands here; save the file "
                         "as UTF-8 text");
    file_write("log:\n\n  level: \xff\n", 17);
    check_path(FILE_NAME,
               FILE_NAME ":3: this is not valid UTF-8; save the file as UTF-8 text");
    file_write("\xff\xfel\0o\0g\0", 8);
    check_path(FILE_NAME,
               FILE_NAME ":1: this is not valid UTF-8; save the file as UTF-8 text");
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
        file_write(good, length);
        config_free(config_load(FILE_NAME, NULL, error, sizeof(error)));
    }
    for (size_t at = 0; at + 1 < sizeof(good); at++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            char text[sizeof(good)];
            memcpy(text, good, sizeof(good));
            text[at] = bytes[i];
            file_write(text, sizeof(good) - 1);
            struct config *config = config_load(FILE_NAME, NULL, error, sizeof(error));
            assert_true(config != NULL || strncmp(error, FILE_NAME ":", 17) == 0);
            assert_true(config != NULL || strstr(error, "; ") != NULL);
            config_free(config);
        }
    }
}

static void
test_small_buffer(void **state)
{
    (void)state;
    char small[24];
    file_write("nonsense: 1\n", 12);
    assert_null(config_load(FILE_NAME, NULL, small, sizeof(small)));
    assert_string_equal(small, FILE_NAME ":1: unk");
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
    struct config *config = load_overridden(
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
    assert_null(config_load(NULL, &overrides, error, sizeof(error)));
    assert_string_equal(error, wanted);
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
    overrides.listen_addresses[0] = "local host:1";
    check_override(overrides,
                   "--web.listen-address: \"local host:1\" is not an address to listen "
                   "on; write it like :10177, 127.0.0.1:10177 or [::1]:10177");
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
    overrides.libvirt_uri = "qemu:///system";
    assert_null(load_overridden("sources:\n- {name: a, libvirt: {uri: \"a://b\"}}\n"
                                "- {name: b, libvirt: {uri: \"b://b\"}}\n",
                                &overrides));
    assert_string_equal(error, "--libvirt.uri: " FILE_NAME
                               " has 2 sources, so it is not clear whose URI is meant; "
                               "set the URIs there and leave out the flag");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything_set),
        cmocka_unit_test(test_socket_sources),
        cmocka_unit_test(test_names_of_presets),
        cmocka_unit_test(test_max_age_follows_the_interval),
        cmocka_unit_test(test_an_emptied_default_lets_all_pass),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_metadata_labels),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_huge_file),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_nul_and_utf8),
        cmocka_unit_test(test_mutilated_files),
        cmocka_unit_test(test_small_buffer),
        cmocka_unit_test(test_flags_win),
        cmocka_unit_test(test_bad_flags),
        cmocka_unit_test(test_uri_flag_needs_one_source),
    };
    return cmocka_run_group_tests_name("config", tests, directory_setup,
                                       directory_teardown);
}
