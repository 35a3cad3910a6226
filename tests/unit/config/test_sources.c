/* The section `sources`. */
#include "config/guest_name.h"
#include "kit/pattern.h"
#include "unit/config_text.h"
#include "unit/stub_registry.h"

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
    struct config *config = config_of(
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
    assert_int_equal(sources[0].socket.use, SOCKET_AUTO);
    assert_int_equal(sources[1].socket.use, SOCKET_SHARED);
    assert_int_equal(sources[2].socket.use, SOCKET_KEPT);
    config_free(config);
    config = config_of("sources: [{socket: {path: /x/1, connection: kept}}]\n");
    assert_int_equal(config->sources[0].socket.use, SOCKET_KEPT);
    config_free(config);
    config = config_of("sources: [{socket: {preset: proxmox}}]\n");
    check_socket(&config->sources[0], "socket", "/var/run/qemu-server/*.qga",
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
        struct config *config = config_of(text);
        const struct source_config *source = &config->sources[0];
        struct pattern *rule = guest_name_new(source->socket.guest_name, &yaml_why);
        assert_true(guest_name_of(rule, cases[i].path, name, sizeof(name)));
        assert_string_equal(name, cases[i].name);
        pattern_free(rule);
        config_free(config);
    }
}

static void
test_proxmox_sources(void **state)
{
    (void)state;
    struct config *config =
        config_of("sources:\n"
                  "- {name: a, proxmox: {}}\n"
                  "- {name: b, proxmox: {names: true, pid_files: /p, sockets: /s, "
                  "configurations: /c, ask_without_definition: true}}\n");
    const struct source_config *sources = config->sources;

    assert_int_equal(sources[0].kind, SOURCE_PROXMOX);
    assert_string_equal(sources[0].proxmox.sockets, "/var/run/qemu-server");
    assert_string_equal(sources[0].proxmox.pid_files, "/var/run/qemu-server");
    assert_string_equal(sources[0].proxmox.configurations, "/etc/pve/qemu-server");
    assert_false(sources[0].proxmox.names);
    assert_false(sources[0].proxmox.ask_without_definition);
    assert_string_equal(sources[1].proxmox.sockets, "/s");
    assert_string_equal(sources[1].proxmox.pid_files, "/p");
    assert_string_equal(sources[1].proxmox.configurations, "/c");
    assert_true(sources[1].proxmox.names);
    assert_true(sources[1].proxmox.ask_without_definition);
    config_free(config);
    config = config_of("sources:\n- proxmox:\n");
    assert_int_equal(config->sources[0].kind, SOURCE_PROXMOX);
    config_free(config);
}

static const struct yaml_mistake mistakes[] = {
    {"sources:\n- {name: a, proxmox: {}}\n- {name: b, proxmox: {names: true}}\n",
     "3: sources[1]: has the same folder of pid files \"/var/run/qemu-server\" as "
     "sources[0], so each guest would be asked twice; remove one of the two"},
    {"sources:\n- proxmox: {sockets: run}\n",
     "2: sources[0].proxmox.sockets: \"run\" is not the path of a folder; write it "
     "like \"/var/run/qemu-server\""},
    {"sources:\n- {proxmox: {}, socket: {path: /x}}\n",
     "2: sources[0]: is both a socket and a proxmox source; make two sources of it"},
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
    {"sources:\n- socket: {}\n", "2: sources[0].socket: has no path; write path: "
                                 "\"/run/agents/*.sock\", or preset: "
                                 "proxmox"},
    {"sources:\n- socket: {preset: vmware}\n",
     "2: sources[0].socket.preset: \"vmware\" is no preset; write proxmox or "
     "libvirt-second-channel"},
    {"sources:\n- socket: {preset: proxmox, glob: /x}\n",
     "2: sources[0].socket: unknown key \"glob\"; known are: preset, path, guest_name, "
     "connection"},
    {"sources:\n- socket: {path: /x, connection: mine}\n",
     "2: sources[0].socket.connection: \"mine\" is no way to use a "
     "socket; write auto, shared or kept"},
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
    {"sources: [{libvirt: {balloon: {interval: 20s, max_age: 10s}}}]\n",
     "1: sources[0].libvirt.balloon.max_age: 10s is shorter than the interval of 20s, "
     "so "
     "the values would come and go; write 20s or more"},
    {"sources: [{libvirt: {balloon: {interval: 0s}}}]\n",
     "1: sources[0].libvirt.balloon.interval: 0s is out of range; write a duration "
     "from "
     "1s to 1h"},
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
     "3: sources[1]: \"libvirt\" is also the name of sources[0]; give each source a "
     "unique name"},
    {"sources:\n- {name: a, libvirt: {}}\n- {name: \"\", libvirt: {}}\n",
     "3: sources[1].name: \"\" is empty; give the source a name"},
    {"sources:\n- {name: a, libvirt: {}}\n- {name: a, libvirt: {uri: \"b://c\"}}\n",
     "3: sources[1].name: \"a\" is also the name of sources[0]; give each source a "
     "unique name"},
    {"sources:\n- {name: a, libvirt: {}}\n- {name: b, libvirt: {}}\n",
     "3: sources[1]: has the same URI \"qemu:///system\" as sources[0], so each guest "
     "would be asked twice; remove one of the two"},
};

static void
each_mistake_has_its_sentence(void **state)
{
    (void)state;
    CONFIG_EACH_IS_REFUSED(mistakes);
}

static void
sources_are_limited(void **state)
{
    char text[65 * 64] = "sources:\n";

    (void)state;
    for (int i = 0; i < 65; i++)
        (void)snprintf(text + strlen(text), 60,
                       "- {name: n%d, libvirt: {uri: \"a://%d\"}}\n", i, i);
    yaml_write(text, strlen(text));
    assert_null(config_read_written());
    assert_string_equal(yaml_sentence(),
                        "66: sources[64]: is one too many; 64 sources are the most, so "
                        "start a second exporter for the rest");
}

/* What a reload asks: is it the same source? */
static void
copies_are_the_same_until_one_changes(void **state)
{
    static const char *const others[] = {
        "sources: [{name: b, libvirt: {uri: \"a://b\", lanes: 2}}]\n",
        "sources: [{name: a, libvirt: {uri: \"a://c\", lanes: 2}}]\n",
        "sources: [{name: a, libvirt: {uri: \"a://b\", lanes: 3}}]\n",
        ("sources: [{name: a, libvirt: {uri: \"a://b\", lanes: 2, "
         "ask_without_definition: true}}]\n"),
        "sources: [{name: a, socket: {path: /x}}]\n",
        "sources: [{name: a, proxmox: {}}]\n",
    };
    struct config *config =
        config_of("sources: [{name: a, libvirt: {uri: \"a://b\", lanes: 2}}]\n");
    struct source_config copy;

    (void)state;
    source_config_copy(&copy, &config->sources[0]);
    assert_true(source_config_is_same(&copy, &config->sources[0]));
    config_free(config);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        config = config_of(others[i]);
        assert_false(source_config_is_same(&copy, &config->sources[0]));
        config_free(config);
    }
    source_config_clear(&copy);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket_sources),
        cmocka_unit_test(test_names_of_presets),
        cmocka_unit_test(test_proxmox_sources),
        cmocka_unit_test(each_mistake_has_its_sentence),
        cmocka_unit_test(sources_are_limited),
        cmocka_unit_test(copies_are_the_same_until_one_changes),
    };

    return cmocka_run_group_tests_name("config sources", tests, NULL, NULL);
}
