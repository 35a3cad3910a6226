/* What is wrong with one guest, and what to do about it: the three steps of the
 * diagnosis. */
#include "doctor/examine.h"

#include "base/text.h"
#include "config/config.h"
#include "doctor/guest_os.h"
#include "doctor/words.h"
#include "guest/guest.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>

#define COMMANDS_BYTES_MAX 512
#define CHANNEL_XML                                                                    \
    "<channel type='unix'>"                                                            \
    "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"

char *
doctor_permission_remedy(const char *error)
{
    if (strstr(error, "read only") || strstr(error, "read-only"))
        return memory_string("connect to the daemon's read-write socket: "
                             "--libvirt.uri=" CONFIG_DEFAULT_LIBVIRT_URI);
    /* access_drivers: the group libvirt, which opens the door, is no help inside. */
    if (strstr(error, "denied access"))
        return memory_string(
            "give this user domain.write and the other rights of config/polkit/"
            "50-qga-exporter.rules: copy it to /etc/polkit-1/rules.d/ (it names the "
            "user)");
    return memory_string("give this user the right: copy config/polkit/"
                         "50-qga-exporter.rules to /etc/polkit-1/rules.d/ (it names "
                         "the user), or: usermod -a -G libvirt USER");
}

/* --- findings --- */

static char *
install_remedy(const struct doctor_patient *patient)
{
    return doctor_format("%s%s", patient->in_guest, patient->os->install);
}

static char *
restart_remedy(const struct doctor_patient *patient)
{
    return doctor_format("%s%s", patient->in_guest, patient->os->restart);
}

static void
find_no_channel(const struct doctor_patient *patient)
{
    struct doctor_finding *finding = doctor_find(
        patient->row, "no_channel", true,
        memory_string("the domain has no channel for a guest agent"),
        doctor_format("echo \"" CHANNEL_XML "\" | %s attach-device %s /dev/stdin "
                      "--live --config",
                      patient->virsh, patient->name));

    finding->remedies[1] = install_remedy(patient);
}

static void
find_not_connected(const struct doctor_patient *patient)
{
    const struct guest *guest = patient->guest;

    if (patient->source->kind == SOURCE_SOCKET && !*patient->error) {
        doctor_find(
            patient->row, "not_connected", true,
            doctor_format("nobody serves the socket %s", patient->name),
            memory_string("see whether the guest's QEMU runs, and has an agent's "
                          "channel on this socket"));
        return;
    }
    doctor_find(
        patient->row, "not_connected", true,
        memory_string(guest->answered
                          ? "the agent has gone: nobody in the guest has the "
                            "channel open"
                          : "nobody in the guest has the channel open: the agent "
                            "is not installed or not started, or the guest boots"),
        install_remedy(patient));
}

static const char *
timed_out_command(const struct guest *guest)
{
    for (size_t i = 0; i < collectors_count; i++) {
        if (guest->collectors[i].asked &&
            guest->collectors[i].failure == FAILURE_TIMEOUT)
            return collectors[i]->command;
    }
    return NULL;
}

static void
find_no_answer(const struct doctor_patient *patient)
{
    const char *command = timed_out_command(patient->guest);

    if (patient->guest->last_failure.kind == FAILURE_HELD) {
        doctor_find(patient->row, "held", true, memory_string(patient->error),
                    doctor_format("find the other program: ss -xp | grep -F %s",
                                  patient->name));
        return;
    }
    struct doctor_finding *finding = doctor_find(
        patient->row, "no_answer", true,
        doctor_format("the channel is open, but %s was not answered in time: "
                      "the agent or the whole guest hangs",
                      command ? command : "a call"),
        restart_remedy(patient));

    if (patient->source->kind == SOURCE_LIBVIRT)
        finding->remedies[1] = doctor_format("if the guest hangs: %s console %s",
                                             patient->virsh, patient->name);
}

static void
find_frozen(const struct doctor_patient *patient)
{
    doctor_find(
        patient->row, "frozen", true,
        memory_string("the guest's filesystems are frozen, by a backup mostly, and "
                      "until they are thawed only that can be asked"),
        patient->source->kind == SOURCE_LIBVIRT
            ? doctor_format("run this again once the backup is through; if it "
                            "lasts: %s domfsthaw %s",
                            patient->virsh, patient->name)
            : memory_string("run this again once the backup is through; if it "
                            "lasts: thaw them by who froze them"));
}

static void
find_denied(const struct doctor_patient *patient)
{
    doctor_find(
        patient->row, "denied", true,
        doctor_format("asking is not allowed: %s", patient->error),
        patient->source->kind == SOURCE_LIBVIRT
            ? doctor_permission_remedy(patient->error)
            : doctor_format("let this user write to it: setfacl -m u:USER:rw %s",
                            patient->name));
}

static void
find_busy(const struct doctor_patient *patient)
{
    doctor_find(patient->row, "busy", true,
                doctor_format("another client holds the agent%s%s",
                              *patient->error ? ": " : "", patient->error),
                memory_string("run this again in a minute or two; if it lasts, look "
                              "for a backup or a tool that hangs"));
}

static void
find_unasked(const struct doctor_patient *patient)
{
    struct doctor_row *row = patient->row;

    if (!patient->guest->source_is_up)
        doctor_find(row, "source_away", true,
                    memory_string("the way to the guest is gone; see the source"),
                    NULL);
    else if (patient->guest->last_failure.kind == FAILURE_BUSY)
        doctor_find(
            row, "busy", true,
            doctor_format("another client holds the agent: %s", patient->error),
            memory_string("run this again in a minute or two; if it lasts, look "
                          "for a backup or a tool that hangs"));
    else if (patient->guest->last_failure.kind != FAILURE_NONE)
        doctor_find(
            row, "unavailable", true,
            doctor_format("the call did not get through: %s", patient->error),
            memory_string("run this again; if it lasts, look into libvirt's log"));
    else
        doctor_find(row, "not_asked", true,
                    memory_string("the doctor gave up before it was this guest's turn"),
                    memory_string("run this again, for this domain alone"));
}

/* --- a guest that runs not, or is left alone --- */

static void
find_paused(const struct doctor_patient *patient)
{
    struct doctor_row *row = patient->row;

    if (patient->guest->domain == DOMAIN_MIGRATING)
        doctor_find(row, "migrating", false,
                    memory_string("the domain is on its way to another host"), NULL);
    else if (patient->guest->domain == DOMAIN_SHUTDOWN)
        doctor_find(row, "shutting_down", false,
                    memory_string("the domain is shutting down"), NULL);
    else
        doctor_find(row, "paused", false,
                    memory_string("the domain is paused (or suspended, or crashed), so "
                                  "nothing in it can answer"),
                    doctor_format("%s domstate --reason %s tells why; %s resume %s",
                                  patient->virsh, patient->name, patient->virsh,
                                  patient->name));
}

static void
find_opted_out(const struct doctor_patient *patient)
{
    doctor_find(patient->row, "opted_out", false,
                memory_string("the domain's metadata say not to ask (poll=\"no\")"),
                doctor_format("to have it asked: take the element exporter out of "
                              "<metadata> with %s edit %s",
                              patient->virsh, patient->name));
}

/* --- commands of a guest that answers --- */

static bool
is_missing(const struct guest_collector *collector)
{
    return collector->status == COMMAND_MISSING;
}

static bool
is_disabled(const struct guest_collector *collector)
{
    return collector->status == COMMAND_DISABLED;
}

static bool
is_quarantined(const struct guest_collector *collector)
{
    return collector->quarantined;
}

static bool
is_harmful(const struct guest_collector *collector)
{
    return collector->harmful;
}

static bool
is_failing(const struct guest_collector *collector)
{
    return collector->asked && !collector->success && !is_missing(collector) &&
           !is_disabled(collector) && !collector->quarantined;
}

/* "guest-a, guest-b"; NULL: none.  Of collectors that are switched on. */
static char *
commands_that(const struct doctor_patient *patient,
              bool (*are)(const struct guest_collector *collector))
{
    struct text list = TEXT_INIT(COMMANDS_BYTES_MAX);
    size_t length;

    for (size_t i = 0; i < collectors_count; i++) {
        if (!patient->config->collectors[i].enabled ||
            !are(&patient->guest->collectors[i]))
            continue;
        text_add_format(&list, "%s%s", list.length > 0 ? ", " : "",
                        collectors[i]->command);
    }
    return list.length > 0 ? text_take(&list, &length) : NULL;
}

static void
find_missing_commands(const struct doctor_patient *patient)
{
    char *missing = commands_that(patient, is_missing);

    if (missing)
        doctor_find(patient->row, "command_missing", false,
                    doctor_format("this agent does not have %s", missing),
                    memory_string("a newer agent may; its other data is not touched"));
    free(missing);
}

static void
find_disabled_commands(const struct doctor_patient *patient)
{
    char *disabled = commands_that(patient, is_disabled);

    if (disabled)
        doctor_find(
            patient->row, "command_disabled", true,
            doctor_format("the guest's administrator has disabled %s", disabled),
            doctor_format(
                "%sallow it in %s (block-rpcs, allow-rpcs), then: %s; or switch "
                "its collector off",
                patient->in_guest, patient->os->settings, patient->os->restart));
    free(disabled);
}

static void
find_failing_commands(const struct doctor_patient *patient)
{
    char *failing = commands_that(patient, is_failing);

    if (failing)
        doctor_find(patient->row, "command_failed", true,
                    doctor_format("the agent answers, but not to %s%s%s", failing,
                                  *patient->error ? ": " : "", patient->error),
                    doctor_format("%slook into the agent's log, or update the agent; "
                                  "--log.level=debug shows each answer",
                                  patient->in_guest));
    free(failing);
}

static void
find_avoided_commands(const struct doctor_patient *patient)
{
    char *quarantined = commands_that(patient, is_quarantined);
    char *harmful = commands_that(patient, is_harmful);

    if (quarantined)
        doctor_find(
            patient->row, "command_quarantined", true,
            doctor_format("the answer to %s broke the agent's channel for everybody",
                          quarantined),
            restart_remedy(patient));
    if (harmful)
        doctor_find(
            patient->row, "command_avoided", false,
            doctor_format("%s is not asked: it is known to do harm in such a guest",
                          harmful),
            memory_string("see the section avoid of the configuration"));
    free(quarantined);
    free(harmful);
}

static void
find_malformed(const struct doctor_patient *patient)
{
    doctor_find(patient->row, "malformed", true,
                doctor_format("what the agent answers is not to be understood: %s",
                              patient->error),
                restart_remedy(patient));
    find_avoided_commands(patient);
}

/* --- the walk --- */

static void
mark_steps(const struct doctor_patient *patient, enum agent_state state)
{
    const struct guest *guest = patient->guest;
    enum doctor_mark *steps = patient->row->steps;

    if (!guest->source_is_up)
        return;
    if (guest->channel == CHANNEL_ABSENT || state == AGENT_UNCONFIGURED) {
        steps[STEP_CHANNEL] = MARK_FAILED;
        return;
    }
    steps[STEP_CHANNEL] = MARK_PASSED;
    if (guest->domain != DOMAIN_RUNNING || state == AGENT_STARTING)
        return;
    if (guest->channel == CHANNEL_DISCONNECTED || state == AGENT_DISCONNECTED) {
        steps[STEP_SERVICE] = guest->opted_out ? MARK_UNTRIED : MARK_FAILED;
        return;
    }
    steps[STEP_SERVICE] = MARK_PASSED;
    if (state == AGENT_RESPONSIVE || state == AGENT_FROZEN)
        steps[STEP_ANSWER] = MARK_PASSED;
    else if (guest->last_failure.kind != FAILURE_NONE)
        steps[STEP_ANSWER] = MARK_FAILED;
}

static void
examine_answers(const struct doctor_patient *patient)
{
    find_disabled_commands(patient);
    find_failing_commands(patient);
    find_missing_commands(patient);
    find_avoided_commands(patient);
}

static void
examine_starting(const struct doctor_patient *patient)
{
    doctor_find(
        patient->row, "starting", false,
        memory_string("the domain has just started; its agent may take a while"),
        memory_string("run this again in a minute or two"));
}

void
doctor_examine(const struct doctor_patient *patient, enum agent_state state)
{
    static void (*const examinations[AGENT_STATES])(const struct doctor_patient *) = {
        [AGENT_RESPONSIVE] = examine_answers,
        [AGENT_STARTING] = examine_starting,
        [AGENT_UNRESPONSIVE] = find_no_answer,
        [AGENT_DISCONNECTED] = find_not_connected,
        [AGENT_UNCONFIGURED] = find_no_channel,
        [AGENT_FROZEN] = find_frozen,
        [AGENT_BUSY] = find_busy,
        [AGENT_PAUSED] = find_paused,
        [AGENT_MIGRATING] = find_paused,
        [AGENT_DENIED] = find_denied,
        [AGENT_MALFORMED] = find_malformed,
        [AGENT_UNKNOWN] = find_unasked,
    };

    mark_steps(patient, state);
    if (patient->guest->source_is_up && patient->guest->opted_out) {
        find_opted_out(patient);
        return;
    }
    examinations[state](patient);
    if (state == AGENT_PAUSED && patient->guest->channel == CHANNEL_ABSENT)
        find_no_channel(patient);
}
