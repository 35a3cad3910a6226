/* The diagnosis: one row for each guest. */
#include "doctor_parts.h"

#include "config.h"
#include "guest.h"
#include "guest_os.h"
#include "memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define COMMANDS_BYTES_MAX 512
#define CHANNEL_XML                                                                    \
    "<channel type='unix'>"                                                            \
    "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"

/* A guest being looked at, and what its findings say more than once. */
struct patient {
    const struct doctor *doctor;
    const struct source_config *source;
    const struct guest *guest;
    struct doctor_row *row;
    const struct guest_os *os;
    char *in_guest; /* "in the guest (Debian, Ubuntu): " */
    char *virsh;    /* "virsh -c URI" */
    char *name;     /* the domain, for a shell */
    char *error;    /* of the last call, escaped */
};

struct doctor *
doctor_new(const struct config *config, const char *const *domains, int64_t now_ns)
{
    struct doctor *doctor = memory_new(1, sizeof *doctor);

    doctor->config = config;
    doctor->domains = domains;
    doctor->now_ns = now_ns;
    return doctor;
}

static void
free_row(struct doctor_row *row)
{
    for (size_t i = 0; i < row->findings_count; i++) {
        free(row->findings[i].text);
        for (size_t j = 0; j < DOCTOR_REMEDIES_MAX; j++)
            free(row->findings[i].remedies[j]);
    }
    free(row->domain);
    free(row->uuid);
    free(row->agent_version);
    free(row->os);
}

void
doctor_free(struct doctor *doctor)
{
    if (!doctor)
        return;
    for (size_t i = 0; i < doctor->rows_count; i++)
        free_row(&doctor->rows[i]);
    for (size_t i = 0; i < doctor->sources_count; i++) {
        free(doctor->sources[i].why);
        free(doctor->sources[i].remedy);
    }
    free(doctor->rows);
    free(doctor->sources);
    free(doctor);
}

/* --- findings --- */

/* Takes the texts over. */
static struct doctor_finding *
find_out(struct doctor_row *row, const char *problem, bool is_fault, char *text,
         char *remedy)
{
    struct doctor_finding *finding = &row->findings[row->findings_count++];

    *finding = (struct doctor_finding){
        .problem = problem, .is_fault = is_fault, .text = text, .remedies = {remedy}};
    return finding;
}

static char *
install_remedy(const struct patient *patient)
{
    return doctor_format("%s%s", patient->in_guest, patient->os->install);
}

static char *
restart_remedy(const struct patient *patient)
{
    return doctor_format("%s%s", patient->in_guest, patient->os->restart);
}

static void
find_no_channel(const struct patient *patient)
{
    struct doctor_finding *finding = find_out(
        patient->row, "no_channel", true,
        memory_string("the domain has no channel for a guest agent"),
        doctor_format("echo \"" CHANNEL_XML "\" | %s attach-device %s /dev/stdin "
                      "--live --config",
                      patient->virsh, patient->name));

    finding->remedies[1] = install_remedy(patient);
}

static void
find_not_connected(const struct patient *patient)
{
    const struct guest *guest = patient->guest;

    if (patient->source->kind == SOURCE_SOCKET && !*patient->error) {
        find_out(patient->row, "not_connected", true,
                 doctor_format("nobody serves the socket %s", patient->name),
                 memory_string("see whether the guest's QEMU runs, and has an agent's "
                               "channel on this socket"));
        return;
    }
    find_out(patient->row, "not_connected", true,
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
find_no_answer(const struct patient *patient)
{
    const char *command = timed_out_command(patient->guest);

    if (patient->guest->last_failure.kind == FAILURE_HELD) {
        find_out(patient->row, "held", true, memory_string(patient->error),
                 doctor_format("find the other program: ss -xp | grep -F %s",
                               patient->name));
        return;
    }
    struct doctor_finding *finding =
        find_out(patient->row, "no_answer", true,
                 doctor_format("the channel is open, but %s was not answered in time: "
                               "the agent or the whole guest hangs",
                               command ? command : "a call"),
                 restart_remedy(patient));

    if (patient->source->kind == SOURCE_LIBVIRT)
        finding->remedies[1] = doctor_format("if the guest hangs: %s console %s",
                                             patient->virsh, patient->name);
}

static void
find_frozen(const struct patient *patient)
{
    find_out(
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

static char *
permission_remedy(const char *error)
{
    if (strstr(error, "read only") || strstr(error, "read-only"))
        return memory_string("connect to the daemon's read-write socket: "
                             "--libvirt.uri=" CONFIG_DEFAULT_LIBVIRT_URI);
    return memory_string("give this user the right: copy config/polkit/"
                         "50-qga-exporter.rules to /etc/polkit-1/rules.d/ (it names "
                         "the user), or: usermod -a -G libvirt USER");
}

static void
find_denied(const struct patient *patient)
{
    find_out(patient->row, "denied", true,
             doctor_format("asking is not allowed: %s", patient->error),
             patient->source->kind == SOURCE_LIBVIRT
                 ? permission_remedy(patient->error)
                 : doctor_format("let this user write to it: setfacl -m u:USER:rw %s",
                                 patient->name));
}

static void
find_unasked(const struct patient *patient)
{
    struct doctor_row *row = patient->row;

    if (!patient->guest->source_is_up)
        find_out(row, "source_away", true,
                 memory_string("the way to the guest is gone; see the source"), NULL);
    else if (patient->guest->last_failure.kind == FAILURE_BUSY)
        find_out(row, "busy", true,
                 doctor_format("another client holds the agent: %s", patient->error),
                 memory_string("run this again in a minute or two; if it lasts, look "
                               "for a backup or a tool that hangs"));
    else if (patient->guest->last_failure.kind != FAILURE_NONE)
        find_out(row, "unavailable", true,
                 doctor_format("the call did not get through: %s", patient->error),
                 memory_string("run this again; if it lasts, look into libvirt's log"));
    else
        find_out(row, "not_asked", true,
                 memory_string("the doctor gave up before it was this guest's turn"),
                 memory_string("run this again, for this domain alone"));
}

/* --- a guest that runs not, or is left alone --- */

static void
find_paused(const struct patient *patient)
{
    struct doctor_row *row = patient->row;

    if (patient->guest->domain == DOMAIN_MIGRATING)
        find_out(row, "migrating", false,
                 memory_string("the domain is on its way to another host"), NULL);
    else if (patient->guest->domain == DOMAIN_SHUTDOWN)
        find_out(row, "shutting_down", false,
                 memory_string("the domain is shutting down"), NULL);
    else
        find_out(row, "paused", false,
                 memory_string("the domain is paused (or suspended, or crashed), so "
                               "nothing in it can answer"),
                 doctor_format("%s domstate --reason %s tells why; %s resume %s",
                               patient->virsh, patient->name, patient->virsh,
                               patient->name));
}

static void
find_opted_out(const struct patient *patient)
{
    find_out(patient->row, "opted_out", false,
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
commands_that(const struct patient *patient,
              bool (*are)(const struct guest_collector *collector))
{
    struct text list = TEXT_INIT(COMMANDS_BYTES_MAX);
    size_t length;

    for (size_t i = 0; i < collectors_count; i++) {
        if (!patient->doctor->config->collectors[i].enabled ||
            !are(&patient->guest->collectors[i]))
            continue;
        text_add_format(&list, "%s%s", list.length > 0 ? ", " : "",
                        collectors[i]->command);
    }
    return list.length > 0 ? text_take(&list, &length) : NULL;
}

static void
find_missing_commands(const struct patient *patient)
{
    char *missing = commands_that(patient, is_missing);

    if (missing)
        find_out(patient->row, "command_missing", false,
                 doctor_format("this agent does not have %s", missing),
                 memory_string("a newer agent may; its other data is not touched"));
    free(missing);
}

static void
find_disabled_commands(const struct patient *patient)
{
    char *disabled = commands_that(patient, is_disabled);

    if (disabled)
        find_out(patient->row, "command_disabled", true,
                 doctor_format("the guest's administrator has disabled %s", disabled),
                 doctor_format(
                     "%sallow it in %s (block-rpcs, allow-rpcs), then: %s; or switch "
                     "its collector off",
                     patient->in_guest, patient->os->settings, patient->os->restart));
    free(disabled);
}

static void
find_failing_commands(const struct patient *patient)
{
    char *failing = commands_that(patient, is_failing);

    if (failing)
        find_out(patient->row, "command_failed", true,
                 doctor_format("the agent answers, but not to %s%s%s", failing,
                               *patient->error ? ": " : "", patient->error),
                 doctor_format("%slook into the agent's log, or update the agent; "
                               "--log.level=debug shows each answer",
                               patient->in_guest));
    free(failing);
}

static void
find_avoided_commands(const struct patient *patient)
{
    char *quarantined = commands_that(patient, is_quarantined);
    char *harmful = commands_that(patient, is_harmful);

    if (quarantined)
        find_out(
            patient->row, "command_quarantined", true,
            doctor_format("the answer to %s broke the agent's channel for everybody",
                          quarantined),
            restart_remedy(patient));
    if (harmful)
        find_out(
            patient->row, "command_avoided", false,
            doctor_format("%s is not asked: it is known to do harm in such a guest",
                          harmful),
            memory_string("see the section avoid of the configuration"));
    free(quarantined);
    free(harmful);
}

static void
find_malformed(const struct patient *patient)
{
    find_out(patient->row, "malformed", true,
             doctor_format("what the agent answers is not to be understood: %s",
                           patient->error),
             restart_remedy(patient));
    find_avoided_commands(patient);
}

/* --- the walk --- */

static void
mark_steps(const struct patient *patient, enum agent_state state)
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
examine_answers(const struct patient *patient)
{
    find_disabled_commands(patient);
    find_failing_commands(patient);
    find_missing_commands(patient);
    find_avoided_commands(patient);
}

static void
examine_starting(const struct patient *patient)
{
    find_out(patient->row, "starting", false,
             memory_string("the domain has just started; its agent may take a while"),
             memory_string("run this again in a minute or two"));
}

static void
examine(const struct patient *patient, enum agent_state state)
{
    static void (*const examinations[AGENT_STATES])(const struct patient *) = {
        [AGENT_RESPONSIVE] = examine_answers,
        [AGENT_STARTING] = examine_starting,
        [AGENT_UNRESPONSIVE] = find_no_answer,
        [AGENT_DISCONNECTED] = find_not_connected,
        [AGENT_UNCONFIGURED] = find_no_channel,
        [AGENT_FROZEN] = find_frozen,
        [AGENT_PAUSED] = find_paused,
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

/* virsh takes a UUID as well, which needs no quotes and hides no other option. */
static char *
shell_name(const struct source_config *source, const struct guest *guest)
{
    char *quoted =
        doctor_quote(source->kind == SOURCE_SOCKET ? guest->key : guest->name);
    bool is_plain =
        strcmp(quoted, source->kind == SOURCE_SOCKET ? guest->key : guest->name) == 0;

    if (is_plain || *guest->uuid == '\0') {
        char *escaped = doctor_escape(quoted);

        free(quoted);
        return escaped;
    }
    free(quoted);
    return memory_string(guest->uuid);
}

static char *
virsh_of(const struct source_config *source)
{
    if (source->kind != SOURCE_LIBVIRT)
        return memory_string("virsh");
    char *quoted = doctor_quote(source->libvirt.uri);
    char *escaped = doctor_escape(quoted);
    char *virsh = doctor_format("virsh -c %s", escaped);

    free(quoted);
    free(escaped);
    return virsh;
}

static struct doctor_row *
add_row(struct doctor *doctor, const char *domain, const char *uuid, const char *source)
{
    doctor->rows =
        memory_resize(doctor->rows, doctor->rows_count + 1, sizeof *doctor->rows);
    struct doctor_row *row = &doctor->rows[doctor->rows_count++];

    *row = (struct doctor_row){
        .domain = memory_string(domain),
        .uuid = memory_string(uuid),
        .source = source,
    };
    return row;
}

static const char *
os_of(const struct guest *guest, const char **from)
{
    if (*guest->told.os_id) {
        *from = "agent";
        return guest->told.os_id;
    }
    *from = *guest->os_hint ? "metadata" : NULL;
    return guest->os_hint;
}

void
doctor_add_guest(struct doctor *doctor, const struct source_config *source,
                 const struct guest *guest)
{
    enum agent_state state =
        guest_state(guest, doctor->now_ns, doctor->config->health.starting_ns);
    struct doctor_row *row = add_row(doctor, guest->name, guest->uuid, source->name);
    const char *os = os_of(guest, &row->os_from);
    struct patient patient = {
        .doctor = doctor,
        .source = source,
        .guest = guest,
        .row = row,
        .os = guest_os_find(os),
        .virsh = virsh_of(source),
        .name = shell_name(source, guest),
        .error = doctor_escape(
            guest->last_failure.kind != FAILURE_NONE ? guest->last_failure.text : ""),
    };

    patient.in_guest = patient.os->title
                           ? doctor_format("in the guest (%s): ", patient.os->title)
                           : memory_string("in the guest: ");
    row->state = agent_state_name(state);
    row->agent_version = memory_string(guest->told.agent_version);
    row->os = memory_string(os);
    examine(&patient, state);
    free(patient.in_guest);
    free(patient.virsh);
    free(patient.name);
    free(patient.error);
}

/* --- sources --- */

const char *
doctor_source_place(const struct source_config *source)
{
    return source->kind == SOURCE_LIBVIRT ? source->libvirt.uri : source->socket.path;
}

static bool
is_refusal(const char *why)
{
    static const char *const signs[] = {"polkit", "uthenticat", "ermission denied",
                                        "ccess denied"};

    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strstr(why, signs[i]))
            return true;
    }
    return false;
}

static char *
source_remedy(const struct source_config *source, const char *why)
{
    if (source->kind == SOURCE_SOCKET)
        return memory_string(
            "see whether the folder of sources[].socket.path is there, "
            "and may be read");
    if (is_refusal(why))
        return permission_remedy(why);
    if (!*why)
        return memory_string("the daemon hangs; guests go on without it: systemctl "
                             "restart libvirtd (or virtqemud)");
    if (strstr(why, "No such file") || strstr(why, "refused"))
        return memory_string(
            "start the daemon: systemctl start libvirtd (or virtqemud), "
            "or name another by --libvirt.uri");
    char *virsh = virsh_of(source);
    char *remedy = doctor_format("see whether the daemon answers: %s list", virsh);

    free(virsh);
    return remedy;
}

void
doctor_add_source(struct doctor *doctor, const struct source_config *source, bool is_up,
                  const char *why)
{
    doctor->sources = memory_resize(doctor->sources, doctor->sources_count + 1,
                                    sizeof *doctor->sources);
    struct doctor_source *added = &doctor->sources[doctor->sources_count++];

    *added = (struct doctor_source){.config = source, .is_up = is_up};
    if (is_up)
        return;
    added->why = doctor_escape(*why ? why : "it does not answer");
    added->remedy = source_remedy(source, why);
}

/* --- the end --- */

static bool
was_found(const struct doctor *doctor, const char *domain)
{
    for (size_t i = 0; i < doctor->rows_count; i++) {
        const struct doctor_row *row = &doctor->rows[i];

        if (strcmp(row->domain, domain) == 0 || strcmp(row->uuid, domain) == 0)
            return true;
    }
    return false;
}

static bool
all_sources_are_up(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->sources_count; i++) {
        if (!doctor->sources[i].is_up)
            return false;
    }
    return true;
}

static char *
list_remedy(const struct doctor *doctor)
{
    char *virsh = doctor->sources_count == 1 ? virsh_of(doctor->sources[0].config)
                                             : memory_string("virsh");
    char *remedy = doctor_format("see what there is: %s list --all", virsh);

    free(virsh);
    return remedy;
}

static int
compare_rows(const void *a, const void *b)
{
    const struct doctor_row *left = a, *right = b;
    int order = strcmp(left->domain, right->domain);

    return order != 0 ? order : strcmp(left->source, right->source);
}

void
doctor_conclude(struct doctor *doctor)
{
    const char *const *domain = doctor->domains;

    for (; domain && *domain; domain++) {
        if (was_found(doctor, *domain))
            continue;
        struct doctor_row *row = add_row(doctor, *domain, "", "");

        row->state = "absent";
        row->agent_version = memory_string("");
        row->os = memory_string("");
        find_out(row, "not_running", true,
                 memory_string(all_sources_are_up(doctor)
                                   ? "no running domain has this name"
                                   : "no domain of this name was seen, and a source is "
                                     "away"),
                 list_remedy(doctor));
    }
    if (doctor->rows_count > 0)
        qsort(doctor->rows, doctor->rows_count, sizeof *doctor->rows, compare_rows);
}

bool
doctor_row_is_well(const struct doctor_row *row)
{
    for (size_t i = 0; i < row->findings_count; i++) {
        if (row->findings[i].is_fault)
            return false;
    }
    return true;
}

const char *
doctor_step_name(enum doctor_step step)
{
    static const char *const names[STEPS] = {[STEP_CHANNEL] = "channel",
                                             [STEP_SERVICE] = "service",
                                             [STEP_ANSWER] = "answer"};

    return names[step];
}

const char *
doctor_row_failed_step(const struct doctor_row *row)
{
    for (int step = 0; step < STEPS; step++) {
        if (row->steps[step] == MARK_FAILED)
            return doctor_step_name((enum doctor_step)step);
    }
    return NULL;
}

bool
doctor_is_well(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->rows_count; i++) {
        if (!doctor_row_is_well(&doctor->rows[i]))
            return false;
    }
    return all_sources_are_up(doctor);
}
