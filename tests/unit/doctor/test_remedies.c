/* What is said of each trouble. */
#include "doctor/remedies.h"

#include "doctor/guest_os.h"
#include "unit/doctor/visit.h"

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
    expect_source_remedy(&libvirt_source, "libvirt-sock: No such file or directory",
                         "systemctl start libvirtd,");
    expect_source_remedy(&libvirt_source, "virtqemud-sock: Connection refused",
                         "systemctl start virtqemud,");
    expect_source_remedy(&libvirt_source, "libvirt: what else",
                         "virsh -c qemu:///system");
    expect_source_remedy(&libvirt_source, "", "systemctl restart ");
    expect_source_remedy(&socket_source, "no folder", "sources[].socket.path");
    expect_source_remedy(&proxmox_source, "no folder", "sources[].proxmox.pid_files");
}

static const struct doctor_finding *
find(struct doctor_row *row, enum doctor_trouble trouble,
     const struct source_config *source, const char *error)
{
    const struct doctor_case about = {.source = source,
                                      .os = guest_os_find("debian"),
                                      .name = "web-1",
                                      .error = error,
                                      .commands = "guest-x"};

    doctor_row_clear(row);
    *row = (struct doctor_row){.findings_count = 0};
    doctor_find(row, trouble, &about);
    assert_int_equal(row->findings_count, 1);
    return &row->findings[0];
}

/* Each has a name, a sentence of one line, and nothing is left to be filled in. */
static void
expect_sentence(const char *text)
{
    assert_non_null(text);
    assert_true(*text != '\0');
    assert_null(strpbrk(text, "{}\n"));
}

static void
test_every_trouble(void **state)
{
    struct source_config *const sources[] = {&libvirt_source, &socket_source,
                                             &proxmox_source, NULL};
    struct doctor_row row = {.findings_count = 0};

    (void)state;
    for (int trouble = 0; trouble < 4 * TROUBLES; trouble++) {
        const struct doctor_finding *finding =
            find(&row, (enum doctor_trouble)(trouble % TROUBLES),
                 sources[trouble / TROUBLES], "an error");

        expect_sentence(finding->problem);
        expect_sentence(finding->text);
        for (size_t i = 0; i < DOCTOR_REMEDIES_MAX && finding->remedies[i]; i++)
            expect_sentence(finding->remedies[i]);
    }
    doctor_row_clear(&row);
}

static void
test_by_socket(void **state)
{
    struct doctor_row row = {.findings_count = 0};

    (void)state;
    assert_string_equal(find(&row, TROUBLE_NO_ANSWER, &libvirt_source, "")->remedies[1],
                        "if the guest hangs: virsh -c qemu:///system console web-1");
    assert_string_equal(
        find(&row, TROUBLE_NO_ANSWER, &socket_source, "")->remedies[0],
        "in the guest (Debian, Ubuntu): systemctl restart qemu-guest-agent");
    assert_null(row.findings[0].remedies[1]);
    assert_string_equal(find(&row, TROUBLE_DENIED, &socket_source, "no")->remedies[0],
                        "let this user write to it: setfacl -m u:USER:rw web-1");
    assert_string_equal(find(&row, TROUBLE_BUSY, &socket_source, "")->text,
                        "another client holds the agent");
    assert_string_equal(find(&row, TROUBLE_BUSY, &socket_source, "a job")->text,
                        "another client holds the agent: a job");
    doctor_row_clear(&row);
}

static void
test_on_proxmox(void **state)
{
    struct doctor_row row = {.findings_count = 0};
    const struct doctor_finding *finding;

    (void)state;
    finding = find(&row, TROUBLE_NO_CHANNEL, &proxmox_source, "");
    assert_string_equal(finding->text, "the guest has no socket for a guest agent");
    assert_memory_equal(finding->remedies[0],
                        "qm set web-1 --agent 1 && qm reboot web-1 ", 42);
    assert_non_null(strstr(finding->remedies[1], "apt install qemu-guest-agent"));
    assert_non_null(strstr(find(&row, TROUBLE_FROZEN, &proxmox_source, "")->remedies[0],
                           "qm guest cmd web-1 fsfreeze-thaw"));
    assert_non_null(
        strstr(find(&row, TROUBLE_NO_ANSWER, &proxmox_source, "")->remedies[1],
               "qmpstatus paused: qm resume web-1"));
    assert_string_equal(
        find(&row, TROUBLE_NOT_RUNNING, &proxmox_source, "")->remedies[0],
        "see what there is: qm list");
    for (int trouble = 0; trouble < TROUBLES; trouble++) {
        finding = find(&row, (enum doctor_trouble)trouble, &proxmox_source, "no");
        if (trouble == TROUBLE_UNUSABLE_CHANNEL || trouble == TROUBLE_NO_BALLOON ||
            trouble == TROUBLE_BALLOON_SILENT || trouble == TROUBLE_IO_ERROR ||
            trouble == TROUBLE_WATCHDOG || trouble == TROUBLE_PANICKED ||
            trouble == TROUBLE_QEMU_HANGS)
            continue; /* only libvirt tells */
        assert_null(strstr(finding->text, "libvirt"));
        for (size_t i = 0; i < DOCTOR_REMEDIES_MAX && finding->remedies[i]; i++) {
            assert_null(strstr(finding->remedies[i], "virsh"));
            assert_null(strstr(finding->remedies[i], "libvirt"));
        }
    }
    doctor_row_clear(&row);
}

/* What an agent says is not read as a text of ours. */
static void
test_hostile_words(void **state)
{
    struct doctor_row row = {.findings_count = 0};

    (void)state;
    assert_string_equal(
        find(&row, TROUBLE_MALFORMED, &libvirt_source, "{install} %s {")->text,
        "what the agent answers is not to be understood: {install} %s {");
    doctor_row_clear(&row);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),       cmocka_unit_test(test_every_trouble),
        cmocka_unit_test(test_by_socket),     cmocka_unit_test(test_on_proxmox),
        cmocka_unit_test(test_hostile_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
