/* The doctor: from guests as the poller knows them to rows, a table and JSON. */
#include "doctor/doctor.h"

#include "config/config.h"
#include "doctor/diagnosis.h"
#include "doctor/guest_os.h"
#include "doctor/report.h"
#include "doctor/words.h"
#include "guest/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define NOW (10000 * S)
#define UUID "8eb0f9fd-80a6-59b0-bac3-f74533a7bcc7"
#define CHANNEL                                                                        \
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>"       \
    "</channel>"

static char no_name[] = "", uri[] = "qemu:///system", path[] = "/run/*.sock";
static char second_name[] = "second";
static struct source_config libvirt_source = {
    .name = no_name, .kind = SOURCE_LIBVIRT, .libvirt = {.uri = uri}};
static struct source_config socket_source = {
    .name = second_name, .kind = SOURCE_SOCKET, .socket = {.path = path}};

/* One guest, one doctor; what is told apart is set by each test. */
struct visit {
    struct config config;
    struct guest *guest;
    struct doctor *doctor;
    const struct doctor_row *row;
};

static int
set_up(void **state)
{
    static struct visit visit;
    static const struct guest_facts facts = {
        .key = UUID, .name = "web-1", .uuid = UUID};

    visit = (struct visit){.config = {.sources_count = 1}};
    visit.config.health.starting_ns = 180 * S;
    for (size_t i = 0; i < collectors_count; i++)
        visit.config.collectors[i].enabled = true;
    visit.guest = guest_new(&facts, NULL);
    visit.guest->domain = DOMAIN_RUNNING;
    visit.guest->channel = CHANNEL_CONNECTED;
    visit.guest->source_is_up = true;
    *state = &visit;
    return 0;
}

static int
tear_down(void **state)
{
    struct visit *visit = *state;

    doctor_free(visit->doctor);
    guest_free(visit->guest);
    return 0;
}

static const struct doctor_row *
examine_in(struct visit *visit, struct source_config *source)
{
    doctor_free(visit->doctor);
    visit->doctor = doctor_new(&visit->config, NULL, NOW);
    doctor_add_source(visit->doctor, source, visit->guest->source_is_up,
                      "libvirt: gone");
    doctor_add_guest(visit->doctor, source, visit->guest);
    doctor_conclude(visit->doctor);
    assert_int_equal(visit->doctor->rows_count, 1);
    return &visit->doctor->rows[0];
}

static const struct doctor_row *
examine(struct visit *visit)
{
    return examine_in(visit, &libvirt_source);
}

static void
fail_with(struct visit *visit, enum failure_kind kind, const char *text)
{
    failure_set(&visit->guest->last_failure, kind, "%s", text);
}

static void
expect_problem(const struct doctor_row *row, const char *problem, bool is_fault,
               const char *failed_step)
{
    assert_int_equal(row->findings_count, 1);
    assert_string_equal(row->findings[0].problem, problem);
    assert_int_equal(row->findings[0].is_fault, is_fault);
    assert_int_equal(doctor_row_is_well(row), !is_fault);
    assert_string_equal(doctor_row_failed_step(row) ? doctor_row_failed_step(row)
                                                    : "none",
                        failed_step);
}

static void
expect_remedy(const struct doctor_row *row, size_t index, const char *part)
{
    const char *remedy = row->findings[0].remedies[index];

    assert_non_null(remedy);
    if (!strstr(remedy, part))
        fail_msg("\"%s\" does not say \"%s\"", remedy, part);
    assert_null(strchr(remedy, '\n'));
}

static void
test_all_well(void **state)
{
    struct visit *visit = *state;

    visit->guest->answered = true;
    snprintf(visit->guest->told.agent_version, TOLD_BYTES, "10.0.13");
    snprintf(visit->guest->told.os_id, TOLD_BYTES, "debian");
    snprintf(visit->guest->os_hint, GUEST_WORD_BYTES, "fedora");
    const struct doctor_row *row = examine(visit);

    assert_int_equal(row->findings_count, 0);
    assert_null(doctor_row_failed_step(row));
    for (int step = 0; step < STEPS; step++)
        assert_int_equal(row->steps[step], MARK_PASSED);
    assert_string_equal(row->agent_version, "10.0.13");
    assert_string_equal(row->os, "debian"); /* the agent knows better */
    assert_string_equal(row->os_from, "agent");
    assert_true(doctor_is_well(visit->doctor));
}

static void
test_no_channel(void **state)
{
    struct visit *visit = *state;

    visit->guest->channel = CHANNEL_ABSENT;
    snprintf(visit->guest->os_hint, GUEST_WORD_BYTES, "alpine");
    const struct doctor_row *row = examine(visit);

    expect_problem(row, "no_channel", true, "channel");
    assert_int_equal(row->steps[STEP_SERVICE], MARK_UNTRIED);
    expect_remedy(row, 0,
                  "echo \"" CHANNEL "\" | virsh -c qemu:///system attach-device web-1 "
                  "/dev/stdin --live --config");
    expect_remedy(row, 1, "in the guest (Alpine): apk add qemu-guest-agent");
    assert_string_equal(row->os_from, "metadata");
    assert_false(doctor_is_well(visit->doctor));
}

/* No name of a domain ends a shell's word or begins a flag. */
static void
test_names_in_commands(void **state)
{
    static const char *const names[] = {"-web", "web 1", "$(reboot)", "a'b", "a;b"};
    struct visit *visit = *state;

    visit->guest->channel = CHANNEL_ABSENT;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        free(visit->guest->name);
        visit->guest->name = strdup(names[i]);
        expect_remedy(examine(visit), 0, " attach-device " UUID " ");
    }
}

static void
test_service(void **state)
{
    struct visit *visit = *state;

    visit->guest->channel = CHANNEL_DISCONNECTED;
    snprintf(visit->guest->os_hint, GUEST_WORD_BYTES, "mswindows");
    const struct doctor_row *row = examine(visit);

    expect_problem(row, "not_connected", true, "service");
    assert_int_equal(row->steps[STEP_CHANNEL], MARK_PASSED);
    expect_remedy(row, 0, "qemu-ga-x86_64.msi");

    /* Known only by trying. */
    visit->guest->channel = CHANNEL_CONNECTED;
    fail_with(visit, FAILURE_DISCONNECTED, "libvirt: not connected");
    expect_problem(examine(visit), "not_connected", true, "service");
}

static void
test_no_answer(void **state)
{
    struct visit *visit = *state;
    int probe = collector_find(collector_probe->name);

    fail_with(visit, FAILURE_TIMEOUT, "libvirt: timed out");
    visit->guest->collectors[probe].asked = true;
    visit->guest->collectors[probe].failure = FAILURE_TIMEOUT;
    snprintf(visit->guest->told.os_id, TOLD_BYTES, "freebsd");
    const struct doctor_row *row = examine(visit);

    expect_problem(row, "no_answer", true, "answer");
    assert_int_equal(row->steps[STEP_SERVICE], MARK_PASSED);
    assert_non_null(strstr(row->findings[0].text, collector_probe->command));
    expect_remedy(row, 0, "service qemu-guest-agent restart");
    expect_remedy(row, 1, "virsh -c qemu:///system console web-1");
}

static void
test_frozen(void **state)
{
    struct visit *visit = *state;

    visit->guest->answered = visit->guest->freeze.frozen = true;
    expect_problem(examine(visit), "frozen", true, "none");
    expect_remedy(visit->doctor->rows, 0, "domfsthaw web-1");
}

static void
test_denied(void **state)
{
    struct visit *visit = *state;

    fail_with(visit, FAILURE_DENIED, "libvirt: operation forbidden: read only access");
    expect_problem(examine(visit), "denied", true, "answer");
    expect_remedy(visit->doctor->rows, 0, "--libvirt.uri=qemu:///system");

    fail_with(visit, FAILURE_DENIED, "libvirt: access denied by polkit");
    expect_problem(examine(visit), "denied", true, "answer");
    expect_remedy(visit->doctor->rows, 0, "/etc/polkit-1/rules.d/");
}

static void
test_others_in_the_way(void **state)
{
    struct visit *visit = *state;

    fail_with(visit, FAILURE_BUSY, "libvirt: held by agent=guest-fsfreeze-freeze");
    expect_problem(examine(visit), "busy", true, "answer");
    fail_with(visit, FAILURE_UNAVAILABLE, "libvirt: client socket is closed");
    expect_problem(examine(visit), "unavailable", true, "answer");
    fail_with(visit, FAILURE_MALFORMED, "the reply is not JSON");
    expect_problem(examine(visit), "malformed", true, "answer");

    free(visit->guest->key);
    visit->guest->key = strdup("/run/a b.sock");
    visit->guest->uuid[0] = '\0';
    fail_with(visit, FAILURE_HELD, "another program has the socket");
    expect_problem(examine_in(visit, &socket_source), "held", true, "answer");
    expect_remedy(visit->doctor->rows, 0, "grep -F '/run/a b.sock'");
    fail_with(visit, FAILURE_DENIED, "permission denied");
    expect_problem(examine_in(visit, &socket_source), "denied", true, "answer");
    expect_remedy(visit->doctor->rows, 0, "setfacl");
}

static void
test_not_a_fault(void **state)
{
    struct visit *visit = *state;

    visit->guest->domain = DOMAIN_PAUSED;
    expect_problem(examine(visit), "paused", false, "none");
    assert_true(doctor_is_well(visit->doctor));
    visit->guest->domain = DOMAIN_MIGRATING;
    expect_problem(examine(visit), "migrating", false, "none");
    visit->guest->domain = DOMAIN_SHUTDOWN;
    expect_problem(examine(visit), "shutting_down", false, "none");

    visit->guest->domain = DOMAIN_RUNNING;
    visit->guest->started_ns = NOW - S;
    visit->guest->channel = CHANNEL_DISCONNECTED;
    expect_problem(examine(visit), "starting", false, "none");

    visit->guest->opted_out = true;
    expect_problem(examine(visit), "opted_out", false, "none");
    assert_true(doctor_is_well(visit->doctor));
}

static void
test_a_paused_domain_may_lack_the_channel(void **state)
{
    struct visit *visit = *state;

    visit->guest->domain = DOMAIN_PAUSED;
    visit->guest->channel = CHANNEL_ABSENT;
    const struct doctor_row *row = examine(visit);

    assert_int_equal(row->findings_count, 2);
    assert_string_equal(row->findings[1].problem, "no_channel");
    assert_false(doctor_row_is_well(row));
}

static struct guest_collector *
collector_of(struct visit *visit, const char *name)
{
    return &visit->guest->collectors[collector_find(name)];
}

static void
test_commands(void **state)
{
    struct visit *visit = *state;

    visit->guest->answered = true;
    collector_of(visit, "vcpu")->status = COMMAND_MISSING;
    expect_problem(examine(visit), "command_missing", false, "none");

    collector_of(visit, "os")->status = COMMAND_DISABLED;
    collector_of(visit, "os")->asked = true; /* and refused: not told twice */
    collector_of(visit, "filesystem")->status = COMMAND_DISABLED;
    snprintf(visit->guest->told.os_id, TOLD_BYTES, "rhel");
    const struct doctor_row *row = examine(visit);

    assert_int_equal(row->findings_count, 2);
    assert_string_equal(row->findings[0].problem, "command_disabled");
    assert_non_null(
        strstr(row->findings[0].text, "guest-get-osinfo, guest-get-fsinfo"));
    expect_remedy(row, 0, "/etc/sysconfig/qemu-ga");
    assert_false(doctor_row_is_well(row));

    /* What is switched off is not missed. */
    visit->config.collectors[collector_find("os")].enabled = false;
    visit->config.collectors[collector_find("filesystem")].enabled = false;
    expect_problem(examine(visit), "command_missing", false, "none");
}

static void
test_commands_that_fail(void **state)
{
    struct visit *visit = *state;
    struct guest_collector *filesystem = collector_of(visit, "filesystem");

    visit->guest->answered = filesystem->asked = true;
    filesystem->failure = FAILURE_AGENT_ERROR;
    fail_with(visit, FAILURE_AGENT_ERROR, "failed to open \033[2J/sys\n");
    const struct doctor_row *row = examine(visit);

    expect_problem(row, "command_failed", true, "none");
    assert_non_null(strstr(row->findings[0].text,
                           "guest-get-fsinfo: failed to open \\x1b[2J/sys\\x0a"));

    filesystem->quarantined = true;
    expect_problem(examine(visit), "command_quarantined", true, "none");
    filesystem->quarantined = false;
    filesystem->asked = false;
    filesystem->harmful = true;
    expect_problem(examine(visit), "command_avoided", false, "none");
}

static void
test_away(void **state)
{
    struct visit *visit = *state;

    visit->guest->source_is_up = false;
    expect_problem(examine(visit), "source_away", true, "none");
    assert_string_equal(visit->doctor->sources[0].why, "libvirt: gone");
    visit->guest->source_is_up = true;
    expect_problem(examine(visit), "not_asked", true, "none");
}

static void
expect_source_remedy(struct source_config *source, const char *why, const char *part)
{
    struct config config = {.sources_count = 1};
    struct doctor *doctor = doctor_new(&config, NULL, NOW);

    doctor_add_source(doctor, source, false, why);
    if (!strstr(doctor->sources[0].remedy, part))
        fail_msg("\"%s\" does not say \"%s\"", doctor->sources[0].remedy, part);
    assert_false(doctor_is_well(doctor));
    doctor_free(doctor);
}

static void
test_sources(void **state)
{
    (void)state;
    expect_source_remedy(&libvirt_source,
                         "libvirt: authentication unavailable: no polkit agent",
                         "50-qga-exporter.rules");
    expect_source_remedy(&libvirt_source, "libvirt: Permission denied", "usermod");
    expect_source_remedy(&libvirt_source, "libvirt: No such file or directory",
                         "systemctl start libvirtd");
    expect_source_remedy(&libvirt_source, "libvirt: what else",
                         "virsh -c qemu:///system");
    expect_source_remedy(&libvirt_source, "", "systemctl restart libvirtd");
    expect_source_remedy(&socket_source, "no folder", "sources[].socket.path");
}

static void
test_domains_asked_for(void **state)
{
    static const char *const domains[] = {"zebra", UUID, "aardvark", NULL};
    struct visit *visit = *state;

    visit->guest->answered = true;
    visit->doctor = doctor_new(&visit->config, domains, NOW);
    doctor_add_source(visit->doctor, &libvirt_source, true, "");
    doctor_add_guest(visit->doctor, &libvirt_source, visit->guest);
    doctor_conclude(visit->doctor);
    assert_int_equal(visit->doctor->rows_count, 3);
    assert_string_equal(visit->doctor->rows[0].domain, "aardvark");
    assert_string_equal(visit->doctor->rows[0].state, "absent");
    assert_string_equal(visit->doctor->rows[0].findings[0].problem, "not_running");
    assert_string_equal(visit->doctor->rows[1].domain, "web-1");
    assert_true(doctor_row_is_well(&visit->doctor->rows[1]));
    assert_false(doctor_is_well(visit->doctor));
}

static void
test_table(void **state)
{
    struct visit *visit = *state;

    visit->guest->answered = true;
    snprintf(visit->guest->told.agent_version, TOLD_BYTES, "9\033[31m");
    examine(visit);
    char *table = doctor_table(visit->doctor);

    assert_string_equal(table,
                        "DOMAIN  STATE       AGENT      CHANNEL  SERVICE  ANSWER\n"
                        "web-1   responsive  9\\x1b[31m  ok       ok       ok\n"
                        "1 of 1 domain is well\n");
    free(table);

    visit->config.sources_count = 2;
    visit->guest->domain = DOMAIN_PAUSED;
    examine_in(visit, &socket_source);
    table = doctor_table(visit->doctor);
    assert_non_null(strstr(table, "DOMAIN  SOURCE  STATE   AGENT      CHANNEL"));
    assert_non_null(strstr(table, "web-1   second  paused  9"));
    assert_non_null(strstr(table, "\n    note: the domain is paused"));
    free(table);
}

static void
test_table_without_rows(void **state)
{
    struct config config = {.sources_count = 1};
    struct doctor *doctor = doctor_new(&config, NULL, NOW);

    (void)state;
    doctor_add_source(doctor, &libvirt_source, true, "");
    doctor_conclude(doctor);
    char *table = doctor_table(doctor);

    assert_string_equal(table, "no running domain was found\n");
    assert_true(doctor_is_well(doctor));
    free(table);
    doctor_free(doctor);
}

static void
test_json(void **state)
{
    struct visit *visit = *state;

    visit->guest->channel = CHANNEL_DISCONNECTED;
    free(visit->guest->name);
    visit->guest->name = strdup("caf\xc3\xa9 \xff\n");
    examine(visit);
    char *text = doctor_json(visit->doctor);
    json_auto_t *report = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *row = json_array_get(json_object_get(report, "domains"), 0);
    const json_t *finding = json_array_get(json_object_get(row, "findings"), 0);

    free(text);
    assert_true(json_is_false(json_object_get(report, "well")));
    assert_string_equal(json_string_value(json_object_get(row, "domain")),
                        "caf\xc3\xa9 \\xff\\x0a");
    assert_string_equal(json_string_value(json_object_get(row, "uuid")), UUID);
    assert_string_equal(json_string_value(json_object_get(row, "state")),
                        "disconnected");
    assert_true(json_is_false(json_object_get(row, "well")));
    assert_true(json_is_null(json_object_get(row, "agent_version")));
    assert_string_equal(json_string_value(json_object_get(row, "failed_step")),
                        "service");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(row, "steps"), "channel")),
        "ok");
    assert_string_equal(json_string_value(json_object_get(finding, "problem")),
                        "not_connected");
    assert_true(json_is_true(json_object_get(finding, "fault")));
    assert_int_equal(json_array_size(json_object_get(finding, "remedies")), 1);
    assert_string_equal(
        json_string_value(json_object_get(
            json_array_get(json_object_get(report, "sources"), 0), "place")),
        uri);
}

static void
expect_escaped(const char *text, const char *escaped)
{
    char *got = doctor_escape(text);

    assert_string_equal(got, escaped);
    free(got);
}

static void
test_escape(void **state)
{
    char longest[4096];

    (void)state;
    expect_escaped("", "");
    expect_escaped("web-1 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7",
                   "web-1 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7");
    expect_escaped("a\033]0;x\007b\r\n\t\x7f", "a\\x1b]0;x\\x07b\\x0d\\x0a\\x09\\x7f");
    expect_escaped("\xc2\x9b", "\\xc2\\x9b"); /* CSI in one character */
    expect_escaped("\xe2\x80\xae"
                   "abc",
                   "\\xe2\\x80\\xae"
                   "abc");                             /* turns the text */
    expect_escaped("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* a line separator */
    /* Not UTF-8: cut short, overlong, a surrogate, too large. */
    expect_escaped("\xe2\x82", "\\xe2\\x82");
    expect_escaped("\xc0\x8a", "\\xc0\\x8a");
    expect_escaped("\xe0\x80\x8a", "\\xe0\\x80\\x8a");
    expect_escaped("\xe0\x81\x81", "\\xe0\\x81\\x81"); /* an A in three bytes */
    expect_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");
    expect_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");

    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    char *cut = doctor_escape(longest);

    assert_true(strlen(cut) <= 512);
    free(cut);
}

static void
test_quote(void **state)
{
    static const char *const words[][2] = {
        {"web-1", "web-1"},
        {"", "''"},
        {"-r", "'-r'"},
        {"a b", "'a b'"},
        {"a'b", "'a'\\''b'"},
        {"$(x)", "'$(x)'"},
        {"qemu+unix:///system?socket=/x", "'qemu+unix:///system?socket=/x'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char *quoted = doctor_quote(words[i][0]);

        assert_string_equal(quoted, words[i][1]);
        free(quoted);
    }
}

static void
test_operating_systems(void **state)
{
    static const char *const packages[][2] = {
        {"debian", "apt install"},
        {"ubuntu", "apt install"},
        {"rhel", "dnf install"},
        {"fedora", "dnf install"},
        {"rocky", "dnf install"},
        {"opensuse-leap", "zypper install"},
        {"sles", "zypper install"},
        {"alpine", "apk add"},
        {"arch", "pacman -S"},
        {"freebsd", "sysrc qemu_guest_agent_enable"},
        {"mswindows", "virtio-win ISO"},
        {"", "install the package"},
        {"plan9", "install the package"},
        {"deb", "install the package"},
        {"debian2", "install the package"},
        {" ", "install the package"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++) {
        if (!strstr(guest_os_find(packages[i][0])->install, packages[i][1]))
            fail_msg("%s: %s", packages[i][0], guest_os_find(packages[i][0])->install);
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_well),
        TEST(test_no_channel),
        TEST(test_names_in_commands),
        TEST(test_service),
        TEST(test_no_answer),
        TEST(test_frozen),
        TEST(test_denied),
        TEST(test_others_in_the_way),
        TEST(test_not_a_fault),
        TEST(test_a_paused_domain_may_lack_the_channel),
        TEST(test_commands),
        TEST(test_commands_that_fail),
        TEST(test_away),
        TEST(test_domains_asked_for),
        TEST(test_table),
        TEST(test_json),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_table_without_rows),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_operating_systems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
