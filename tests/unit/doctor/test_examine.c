/* From what is known of a guest to what is wrong with it. */
#include "doctor/examine.h"

#include "unit/doctor/visit.h"

#define CHANNEL                                                                        \
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>"       \
    "</channel>"

static void
test_all_well(void **state)
{
    struct visit *visit = *state;

    visit->guest->answered = true;
    snprintf(visit->guest->software.agent_version, GUEST_SOFTWARE_BYTES, "10.0.13");
    snprintf(visit->guest->software.os_id, GUEST_SOFTWARE_BYTES, "debian");
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
                  "/dev/stdin --live --config # without --config if it is transient");
    expect_remedy(row, 1, "in the guest (Alpine): apk add qemu-guest-agent");
    assert_string_equal(row->os_from, "metadata");
    assert_false(doctor_is_well(visit->doctor));
}

static void
test_a_channel_that_libvirt_does_not_use(void **state)
{
    struct visit *visit = *state;

    visit->guest->channel = CHANNEL_UNUSABLE;
    const struct doctor_row *row = examine(visit);

    expect_problem(row, "no_channel", true, "channel");
    assert_string_equal(row->state, "unconfigured");
    assert_non_null(strstr(row->findings[0].text, "not of type unix"));
    expect_remedy(row, 0, "virsh -c qemu:///system edit web-1");
    expect_remedy(row, 0, "<channel type='unix'>");
    visit->guest->domain = DOMAIN_PAUSED;
    row = examine(visit);
    assert_int_equal(row->findings_count, 2);
    assert_non_null(strstr(row->findings[1].text, "not of type unix"));
}

/* No name of a domain ends a shell's word or begins a flag. */
static void
test_names_in_commands(void **state)
{
    static const char *const names[] = {"-web", "web 1", "$(reboot)", "a'b", "a;b"};
    struct visit *visit = *state;

    visit->guest->channel = CHANNEL_ABSENT;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
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

    visit->guest->answered = true; /* it was there, and is not any more */
    expect_problem(examine(visit), "not_connected", true, "service");
    assert_non_null(strstr(visit->doctor->rows[0].findings[0].text, "has gone"));
    visit->guest->answered = false;
    expect_problem(examine_in(visit, &socket_source), "not_connected", true, "service");
    expect_remedy(visit->doctor->rows, 0, "whether the guest's QEMU runs");

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
    snprintf(visit->guest->software.os_id, GUEST_SOFTWARE_BYTES, "freebsd");
    const struct doctor_row *row = examine(visit);

    expect_problem(row, "no_answer", true, "answer");
    assert_int_equal(row->steps[STEP_SERVICE], MARK_PASSED);
    assert_non_null(strstr(row->findings[0].text, collector_probe->command));
    expect_remedy(row, 0, "service qemu-guest-agent restart");
    expect_remedy(row, 1, "virsh -c qemu:///system console web-1");
}

static void
test_a_qemu_that_hangs(void **state)
{
    struct visit *visit = *state;

    fail_with(visit, FAILURE_TIMEOUT, "libvirt: timed out");
    visit->guest->qemu_hangs = true;
    const struct doctor_row *row = examine(visit);

    expect_problem(row, "no_answer", true, "answer");
    assert_non_null(strstr(row->findings[0].text, "its QEMU does not answer libvirt"));
    expect_remedy(row, 0, "virsh -c qemu:///system domcontrol web-1");
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

/* Nothing is known of its channel, so no step is marked. */
static void
test_no_definition(void **state)
{
    struct visit *visit = *state;

    visit->guest->channel = CHANNEL_UNKNOWN;
    expect_problem(examine(visit), "no_definition", true, "none");
    assert_non_null(strstr(visit->doctor->rows[0].findings[0].text,
                           "its QEMU does not answer libvirt"));
    assert_int_equal(visit->doctor->rows[0].steps[STEP_CHANNEL], MARK_UNTRIED);
    assert_string_equal(visit->doctor->rows[0].state, "unknown");
    expect_remedy(visit->doctor->rows, 0, "virsh -c qemu:///system domcontrol web-1");
    expect_remedy(visit->doctor->rows, 0, "pgrep -d, -f web-1");

    snprintf(visit->guest->definition_error, FAILURE_TEXT_BYTES,
             "libvirt: access denied: 'domain' denied access");
    expect_problem(examine(visit), "unreadable", true, "none");
    assert_non_null(
        strstr(visit->doctor->rows[0].findings[0].text, "'domain' denied access"));
    expect_remedy(visit->doctor->rows, 0, "domain.read");
    expect_remedy(visit->doctor->rows, 0, "config/polkit/50-qga-exporter.rules");
    expect_remedy(visit->doctor->rows, 1, "ask_without_definition");
}

static void
test_not_a_fault(void **state)
{
    struct visit *visit = *state;

    visit->guest->domain = DOMAIN_PAUSED;
    expect_problem(examine(visit), "paused", false, "none");
    assert_true(doctor_is_well(visit->doctor));
    visit->guest->pause = PAUSE_USER;
    expect_problem(examine(visit), "paused", false, "none");
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

/* What nobody wanted is a fault. */
static void
test_domains_that_stand_still(void **state)
{
    static const struct {
        enum pause_reason pause;
        const char *problem, *remedy;
    } cases[] = {
        {PAUSE_IO_ERROR, "io_error", "virsh -c qemu:///system domblkerror web-1"},
        {PAUSE_WATCHDOG, "watchdog", "virsh -c qemu:///system reset web-1"},
        {PAUSE_PANICKED, "panicked", "virsh -c qemu:///system dump web-1 FILE"},
    };
    struct visit *visit = *state;

    visit->guest->domain = DOMAIN_PAUSED;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        visit->guest->pause = cases[i].pause;
        const struct doctor_row *row = examine(visit);

        expect_problem(row, cases[i].problem, true, "none");
        expect_remedy(row, 0, cases[i].remedy);
        assert_false(doctor_is_well(visit->doctor));
    }
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
    snprintf(visit->guest->software.os_id, GUEST_SOFTWARE_BYTES, "rhel");
    collector_of(visit, "load")->status = COMMAND_DISABLED;
    const struct doctor_row *row = examine(visit);

    assert_int_equal(row->findings_count, 3);
    assert_string_equal(row->findings[0].problem, "command_disabled");
    assert_null(strstr(row->findings[0].text, "guest-get-load"));
    /* That is as the distribution has it, and nobody's doing. */
    assert_string_equal(row->findings[2].problem, "command_left_out");
    assert_non_null(strstr(row->findings[2].text, "guest-get-load"));
    assert_false(row->findings[2].is_fault);
    assert_non_null(
        strstr(row->findings[0].text, "guest-get-osinfo, guest-get-fsinfo"));
    expect_remedy(row, 0, "/etc/sysconfig/qemu-ga");
    assert_false(doctor_row_is_well(row));

    /* What is switched off is not missed. */
    visit->config.collectors[collector_find("os")].enabled = false;
    visit->config.collectors[collector_find("filesystem")].enabled = false;
    visit->config.collectors[collector_find("load")].enabled = false;
    expect_problem(examine(visit), "command_missing", false, "none");
}

static void
test_no_filesystem(void **state)
{
    struct visit *visit = *state;
    struct guest_collector *filesystem = collector_of(visit, "filesystem");

    visit->guest->answered = true;
    filesystem->asked = filesystem->success = true;
    expect_problem(examine(visit), "no_filesystem", false, "none");
    assert_non_null(strstr(visit->doctor->rows[0].findings[0].text, "ZFS"));
    filesystem->series = 2;
    assert_int_equal(examine(visit)->findings_count, 0);
    filesystem->series = 0;
    visit->config.collectors[collector_find("filesystem")].enabled = false;
    assert_int_equal(examine(visit)->findings_count, 0);
}

static void
fails(struct visit *visit, const char *name, const char *words)
{
    struct guest_collector *collector = collector_of(visit, name);

    collector->asked = true;
    collector->success = false;
    collector->failure = FAILURE_AGENT_ERROR;
    guest_note_words(collector, words);
}

static void
expect_finding(const struct doctor_row *row, size_t index, const char *problem,
               const char *text, const char *remedy)
{
    const struct doctor_finding *finding = &row->findings[index];

    assert_true(index < row->findings_count);
    assert_string_equal(finding->problem, problem);
    if (!strstr(finding->text, text) || !strstr(finding->remedies[0], remedy))
        fail_msg("\"%s\", \"%s\"", finding->text, finding->remedies[0]);
}

/* Each with its own words, whatever was said since. */
static void
test_commands_that_fail_with_different_words(void **state)
{
    struct visit *visit = *state;

    visit->guest->answered = true;
    fails(visit, "hostname", "GenericError: boom");
    fails(visit, "filesystem", "failed to stat /mnt: Permission denied");
    fails(visit, "vcpu", "GenericError: boom");
    fail_with(visit, FAILURE_AGENT_ERROR, "the last of all");
    collector_of(visit, "os")->asked = collector_of(visit, "os")->success = true;
    guest_note_words(collector_of(visit, "os"), "name: a string expected");
    const struct doctor_row *row = examine(visit);

    assert_int_equal(row->findings_count, 3);
    expect_finding(row, 0, "command_failed",
                   "guest-get-vcpus, guest-get-host-name: GenericError: boom",
                   "look into the agent's log");
    expect_finding(row, 1, "command_failed",
                   "guest-get-fsinfo: failed to stat /mnt: Permission denied",
                   "ausearch -m avc -c qemu-ga");
    expect_finding(row, 2, "command_odd",
                   "guest-get-osinfo are not as documented, and were left out: name: a "
                   "string expected",
                   "another version");
    assert_false(row->findings[2].is_fault);
}

/* There is room for one of each. */
static void
test_all_commands_fail(void **state)
{
    struct visit *visit = *state;
    char words[32];

    visit->guest->answered = true;
    for (size_t i = 0; i < collectors_count; i++) {
        (void)snprintf(words, sizeof(words), "no %zu", i);
        fails(visit, collectors[i]->name, words);
    }
    assert_int_equal(examine(visit)->findings_count, collectors_count);
}

static void
test_commands_that_fail(void **state)
{
    struct visit *visit = *state;
    struct guest_collector *filesystem = collector_of(visit, "filesystem");

    fail_with(visit, FAILURE_MALFORMED, "the reply is not JSON");
    filesystem->quarantined = true;
    assert_int_equal(examine(visit)->findings_count, 2);
    assert_string_equal(visit->doctor->rows[0].findings[1].problem,
                        "command_quarantined");
    filesystem->quarantined = false;

    visit->guest->answered = true;
    fail_with(visit, FAILURE_NONE, "");
    fails(visit, "filesystem", "failed to open \033[2J/sys\n");
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

/* What libvirt has told of its memory, or that it was not asked, or in vain. */
static void
test_memory(void **state)
{
    struct visit *visit = *state;
    struct guest *guest = visit->guest;
    const int64_t now_ns = 1700000000 * (INT64_C(1000) * 1000 * 1000);

    guest->answered = true;
    assert_int_equal(examine(visit)->findings_count, 0); /* not asked */
    guest->balloon.read_ns = now_ns;
    expect_problem(examine(visit), "no_memory", false, "none");
    expect_remedy(
        visit->doctor->rows, 0,
        "virsh -c qemu:///system dommemstat web-1 --period 10 --live --config");
    assert_true(doctor_is_well(visit->doctor));

    guest->domain = DOMAIN_PAUSED;
    expect_problem(examine(visit), "paused", false, "none");
    assert_int_equal(visit->doctor->rows[0].findings_count, 1);
    guest->domain = DOMAIN_RUNNING;

    guest->definition = domain_facts_new();
    guest->definition->lacks_balloon = true;
    expect_problem(examine(visit), "no_balloon", false, "none");
    expect_remedy(visit->doctor->rows, 0, "virsh -c qemu:///system edit web-1");

    guest->balloon.has[BALLOON_TOTAL] = true;
    guest->balloon.updated_ns = now_ns;
    assert_int_equal(examine(visit)->findings_count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_well),
        TEST(test_no_channel),
        TEST(test_a_channel_that_libvirt_does_not_use),
        TEST(test_no_definition),
        TEST(test_names_in_commands),
        TEST(test_service),
        TEST(test_no_answer),
        TEST(test_a_qemu_that_hangs),
        TEST(test_frozen),
        TEST(test_denied),
        TEST(test_others_in_the_way),
        TEST(test_not_a_fault),
        TEST(test_domains_that_stand_still),
        TEST(test_a_paused_domain_may_lack_the_channel),
        TEST(test_memory),
        TEST(test_commands),
        TEST(test_no_filesystem),
        TEST(test_commands_that_fail),
        TEST(test_commands_that_fail_with_different_words),
        TEST(test_all_commands_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
