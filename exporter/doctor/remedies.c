/* The table of troubles.  What stands in braces is filled in, see doctor_fill(). */
#include "doctor/remedies.h"

#include "config/config.h"
#include "doctor/daemon.h"
#include "doctor/guest_os.h"
#include "doctor/words.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>

#ifndef QGA_DOCDIR
#error "the Makefile defines QGA_DOCDIR"
#endif

#define POLKIT_RULE QGA_DOCDIR "/config/polkit/50-qga-exporter.rules"
#define CHANNEL_XML                                                                    \
    "<channel type='unix'>"                                                            \
    "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
#define IN_GUEST "in the guest{ (system)}: "
#define INSTALL IN_GUEST "{install}"
#define RESTART IN_GUEST "{restart}"
#define ALLOW                                                                          \
    IN_GUEST "allow it in {settings} (block-rpcs, allow-rpcs), then: {restart}; or "   \
             "switch its collector off"
#define AGAIN "run this again"
#define SOON AGAIN " in a minute or two"
#define THAW AGAIN " once the backup is through; if it lasts: "
/* A shell takes the hint along. */
#define FOR_GOOD "--live --config # without --config if it is transient"
#define LOOK_AT_QEMU                                                                   \
    "{virsh} domcontrol {name} tells for how long; what its QEMU does (T: it is "      \
    "stopped, D: it waits for its storage): ps -o pid,stat,wchan:32 -p $(pgrep -d, "   \
    "-f {name})"
#define LIST "see what there is: {virsh} list --all"

enum { NOTE, FAULT };

static const struct {
    const char *problem;
    bool is_fault;
    const char *text, *remedy, *then;
} troubles[TROUBLES] = {
    [TROUBLE_NO_CHANNEL] = {"no_channel", FAULT,
                            "the domain has no channel for a guest agent",
                            "echo \"" CHANNEL_XML "\" | {virsh} attach-device {name} "
                            "/dev/stdin " FOR_GOOD,
                            INSTALL},
    [TROUBLE_UNUSABLE_CHANNEL] =
        {"no_channel", FAULT,
         "the domain's channel for a guest agent is not of type unix, and libvirt uses "
         "no other",
         "{virsh} edit {name}: make the agent's channel <channel type='unix'>, without "
         "a "
         "<source>; then shut the domain down and start it",
         INSTALL},
    [TROUBLE_NO_SOCKET] = {"not_connected", FAULT, "nobody serves the socket {name}",
                           "see whether the guest's QEMU runs, and has an agent's "
                           "channel on this socket",
                           NULL},
    [TROUBLE_NOT_CONNECTED] = {"not_connected", FAULT,
                               "nobody in the guest has the channel open: the agent is "
                               "not installed or not started, or the guest boots",
                               INSTALL, NULL},
    [TROUBLE_LEFT] = {"not_connected", FAULT,
                      "the agent has gone: nobody in the guest has the channel open",
                      INSTALL, NULL},
    [TROUBLE_NO_ANSWER] = {"no_answer", FAULT,
                           "the channel is open, but {commands} was not answered in "
                           "time: the agent or the whole guest hangs",
                           RESTART, "if the guest hangs: {virsh} console {name}"},
    [TROUBLE_QEMU_HANGS] = {"no_answer", FAULT,
                            "its QEMU does not answer libvirt, so that nothing in the "
                            "guest answers either: {commands} was not answered in time",
                            LOOK_AT_QEMU, NULL},
    [TROUBLE_HELD] = {"held", FAULT, "{error}",
                      "find the other program: ss -xp | grep -F {name}", NULL},
    [TROUBLE_BUSY] = {"busy", FAULT, "another client holds the agent{: error}",
                      SOON "; if it lasts, look for a backup or a tool that hangs",
                      NULL},
    [TROUBLE_DENIED] = {"denied", FAULT, "asking is not allowed: {error}",
                        "{permission}", NULL},
    [TROUBLE_FROZEN] = {"frozen", FAULT,
                        "the guest's filesystems are frozen, by a backup mostly, and "
                        "until they are thawed only that can be asked",
                        THAW "{virsh} domfsthaw {name}", NULL},
    [TROUBLE_MALFORMED] = {"malformed", FAULT,
                           "what the agent answers is not to be understood: {error}",
                           RESTART, NULL},
    [TROUBLE_STARTING] = {"starting", NOTE,
                          "the domain has just started; its agent may take a while",
                          SOON, NULL},
    [TROUBLE_PAUSED] = {"paused", NOTE,
                        "the domain is paused (or suspended, or crashed), so nothing "
                        "in it can answer",
                        "{virsh} domstate --reason {name} tells why; {virsh} resume "
                        "{name}",
                        NULL},
    [TROUBLE_IO_ERROR] = {"io_error", FAULT,
                          "the domain stands still because its host could not read or "
                          "write one of its disks",
                          "{virsh} domblkerror {name} tells which disk; mostly its "
                          "storage is full (df -h)",
                          "when that is mended: {virsh} resume {name}"},
    [TROUBLE_WATCHDOG] = {"watchdog", FAULT,
                          "the domain stands still because its watchdog has expired: "
                          "it hung",
                          "look at its console, then {virsh} resume {name}, or {virsh} "
                          "reset {name} and resume it",
                          NULL},
    [TROUBLE_PANICKED] = {"panicked", FAULT,
                          "the guest's kernel has panicked, and the domain is kept to "
                          "be looked at",
                          "take its memory, if somebody reads such: {virsh} dump "
                          "{name} FILE --memory-only",
                          "then {virsh} destroy {name}, and start it anew"},
    [TROUBLE_SHUTTING_DOWN] = {"shutting_down", NOTE, "the domain is shutting down",
                               NULL, NULL},
    [TROUBLE_MIGRATING] = {"migrating", NOTE,
                           "the domain is on its way to another host", NULL, NULL},
    [TROUBLE_OPTED_OUT] = {"opted_out", NOTE,
                           "the domain's metadata say not to ask (poll=\"no\")",
                           "to have it asked: take the element exporter out of "
                           "<metadata> with {virsh} edit {name}",
                           NULL},
    [TROUBLE_NO_DEFINITION] =
        {"no_definition", FAULT,
         "its QEMU does not answer libvirt, which therefore does not tell the domain's "
         "definition; it is not asked before that, because the definition may say to "
         "leave it alone",
         LOOK_AT_QEMU, NULL},
    [TROUBLE_UNREADABLE] = {"unreadable", FAULT,
                            "its definition may not be read, and might say not to ask "
                            "it: {error}",
                            "{permission}",
                            "or have such guests asked: ask_without_definition in "
                            "the configuration"},
    [TROUBLE_SOURCE_AWAY] = {"source_away", FAULT,
                             "the way to the guest is gone; see the source", NULL,
                             NULL},
    [TROUBLE_UNAVAILABLE] = {"unavailable", FAULT,
                             "the call did not get through: {error}",
                             AGAIN "; if it lasts, look into libvirt's log", NULL},
    [TROUBLE_NOT_ASKED] = {"not_asked", FAULT,
                           "the doctor gave up before it was this guest's turn",
                           AGAIN ", for this domain alone", NULL},
    [TROUBLE_NOT_RUNNING] = {"not_running", FAULT, "no running domain has this name",
                             LIST, NULL},
    [TROUBLE_NOT_SEEN] = {"not_running", FAULT,
                          "no domain of this name was seen, and a source is away", LIST,
                          NULL},
    [TROUBLE_NO_FILESYSTEM] =
        {"no_filesystem", NOTE,
         "the agent lists no filesystem that is shown: on Linux it knows only those on "
         "a "
         "block device, and not ZFS, NFS or tmpfs",
         "if there are others, see collectors.filesystem.mount_points_exclude and "
         "fs_types_exclude",
         NULL},
    [TROUBLE_NO_BALLOON] =
        {"no_balloon", NOTE,
         "libvirt cannot tell the guest's memory: its definition "
         "has no balloon",
         "{virsh} edit {name}, put <memballoon model='virtio'>"
         "<stats period='10'/></memballoon> in place of the one that "
         "is there, and start the domain anew",
         NULL},
    [TROUBLE_BALLOON_SILENT] = {"no_memory", NOTE,
                                "libvirt does not have the guest's memory: it has no "
                                "period in which it asks for it, or the guest has no "
                                "driver for its balloon",
                                "{virsh} dommemstat {name} --period 10 " FOR_GOOD,
                                "if nothing comes, " IN_GUEST "load virtio_balloon; in "
                                "Windows start the service BalloonService of "
                                "virtio-win"},
    [TROUBLE_COMMAND_DISABLED] = {"command_disabled", FAULT,
                                  "the guest's administrator has disabled {commands}",
                                  ALLOW, NULL},
    [TROUBLE_COMMAND_FAILED] = {"command_failed", FAULT,
                                "the agent answers, but not to {commands}{: error}",
                                NULL, NULL}, /* by what it says: see refusals[] */
    [TROUBLE_COMMAND_ODD] = {"command_odd", NOTE,
                             "parts of the answer to {commands} are not as documented, "
                             "and were left out{: error}",
                             "another version of the agent may do better; its other "
                             "data is not touched",
                             NULL},
    [TROUBLE_COMMAND_MISSING] = {"command_missing", NOTE,
                                 "this agent does not have {commands}",
                                 "a newer agent may; its other data is not touched",
                                 NULL},
    [TROUBLE_COMMAND_LEFT_OUT] = {"command_left_out", NOTE,
                                  "the settings that the guest's distribution ships do "
                                  "not allow {commands}",
                                  ALLOW, NULL},
    [TROUBLE_COMMAND_QUARANTINED] = {"command_quarantined", FAULT,
                                     "the answer to {commands} broke the agent's "
                                     "channel for everybody",
                                     RESTART, NULL},
    [TROUBLE_COMMAND_AVOIDED] = {"command_avoided", NOTE,
                                 "{commands} is not asked: it is known to do harm in "
                                 "such a guest",
                                 "see the section avoid of the configuration", NULL},
};

/* Instead; without a remedy it is the same. */
struct other_words {
    const char *text, *remedy, *then; /* without a text that is the same */
};

static const struct other_words socket_words[TROUBLES] = {
    [TROUBLE_NO_ANSWER] = {NULL, RESTART, NULL},
    [TROUBLE_DENIED] = {NULL, "let this user write to it: setfacl -m u:USER:rw {name}",
                        NULL},
    [TROUBLE_FROZEN] = {NULL, THAW "thaw them by who froze them", NULL},
};

/* The name is the guest's number here. */
static const struct other_words proxmox_words[TROUBLES] = {
    [TROUBLE_NO_CHANNEL] = {"the guest has no socket for a guest agent",
                            "qm set {name} --agent 1 && qm reboot {name} (only a start "
                            "by Proxmox VE makes the socket)",
                            INSTALL},
    [TROUBLE_NO_SOCKET] = {"nobody serves the socket of the guest's agent",
                           "see whether the guest runs: qm status {name}", NULL},
    [TROUBLE_NO_ANSWER] = {NULL, RESTART,
                           "if the guest hangs: qm status {name} --verbose tells "
                           "whether it is suspended (qmpstatus paused: qm resume "
                           "{name}); else look at its console in the web interface; "
                           "qm reset {name}"},
    [TROUBLE_BUSY] = {NULL,
                      SOON "; if it lasts, look for a task that hangs: pvenode task "
                           "list --vmid {name} --source active",
                      NULL},
    [TROUBLE_DENIED] = {NULL,
                        "run the exporter as root: Proxmox VE makes the socket for "
                        "root alone, and anew at each start of the guest",
                        NULL},
    [TROUBLE_FROZEN] = {NULL, THAW "qm guest cmd {name} fsfreeze-thaw", NULL},
    [TROUBLE_PAUSED] = {"the guest is suspended, or was only started for a backup, so "
                        "nothing in it can answer",
                        "qm status {name} --verbose; qm config {name} shows a lock",
                        NULL},
    [TROUBLE_MIGRATING] = {NULL,
                           "if it does not: qm config {name} shows the lock, which a "
                           "migration that has failed may leave behind: qm unlock "
                           "{name}",
                           NULL},
    [TROUBLE_OPTED_OUT] = {"the guest has the tag qga-exporter-off",
                           "to have it asked: take that tag away in the web interface, "
                           "or with qm set {name} --tags",
                           NULL},
    [TROUBLE_NO_DEFINITION] = {"its configuration is not known yet", AGAIN, NULL},
    [TROUBLE_UNREADABLE] =
        {"its configuration cannot be read, and might say not to ask "
         "it: {error}",
         "run the exporter as root, or in the group www-data; see "
         "whether the cluster's file system is there: pvecm status",
         "or have such guests asked: ask_without_definition in "
         "the configuration"},
    [TROUBLE_UNAVAILABLE] = {NULL, AGAIN, NULL},
    [TROUBLE_NOT_RUNNING] = {"no running guest has this name",
                             "see what there is: qm "
                             "list",
                             NULL},
    [TROUBLE_NOT_SEEN] = {"no guest of this name was seen, and a source is away",
                          "see what there is: qm list", NULL},
};

static const struct other_words *const other_words[] = {
    [SOURCE_LIBVIRT] = NULL,
    [SOURCE_SOCKET] = socket_words,
    [SOURCE_PROXMOX] = proxmox_words,
};

/* What helps where the sign is part of the error; the last of a list fits any. */
struct cure {
    const char *sign, *remedy;
};

/* Where the host denies access. */
static const struct cure permissions[] = {
    {"read only", "connect to the daemon's read-write socket: "
                  "--libvirt.uri=" CONFIG_DEFAULT_LIBVIRT_URI},
    {"read-only", "connect to the daemon's read-write socket: "
                  "--libvirt.uri=" CONFIG_DEFAULT_LIBVIRT_URI},
    /* By libvirtd.conf's access_drivers: being in the group libvirt does not help. */
    {"denied access",
     "give this user domain.read, domain.write and the other rights of " POLKIT_RULE
     ": copy it to /etc/polkit-1/rules.d/ (it names the user)"},
    {"", "give this user the right: copy " POLKIT_RULE " to "
         "/etc/polkit-1/rules.d/ (it names the user), or: usermod -a -G libvirt USER"},
};

/* Where the agent does not do what it is asked to. */
static const struct cure refusals[] = {
    {"ermission denied", IN_GUEST
     "SELinux or AppArmor may keep it from the agent, and the audit log tells: "
     "ausearch -m avc -c qemu-ga, or journalctl -k -g apparmor"},
    {"", IN_GUEST "look into the agent's log, or update the agent; --log.level=debug "
                  "shows each answer"},
};

#define PERMISSION "{permission}"
#define DAEMON_HANGS                                                                   \
    "the daemon hangs; guests go on without it: systemctl restart {daemon}"
#define DAEMON_MISSING                                                                 \
    "start the daemon: systemctl start {daemon}, or name another by --libvirt.uri"

/* Where the daemon cannot be reached. */
static const struct cure daemons[] = {
    {"polkit", PERMISSION},
    {"uthenticat", PERMISSION},
    {"ermission denied", PERMISSION},
    {"ccess denied", PERMISSION},
    {"has not answered", DAEMON_HANGS},
    {"No such file", DAEMON_MISSING},
    {"refused", DAEMON_MISSING},
    {"", "see whether the daemon answers: {virsh} list"},
};

static const char *
remedy_of(const struct cure *cures, const char *error)
{
    while (!strstr(error, cures->sign))
        cures++;
    return cures->remedy;
}

static char *
virsh_of(const struct source_config *source)
{
    if (!source || source->kind != SOURCE_LIBVIRT)
        return memory_string("virsh");
    char *quoted = doctor_quote(source->libvirt.uri);
    char *uri = doctor_escape(quoted);
    char *virsh = doctor_fill("virsh -c {uri}",
                              (const struct doctor_word[]){{"uri", uri}, {NULL, NULL}});

    free(quoted);
    free(uri);
    return virsh;
}

/* NULL stays NULL. */
static char *
fill_in(const char *text, const struct doctor_case *about, const char *daemon)
{
    if (!text)
        return NULL;
    char *virsh = virsh_of(about->source);
    const struct doctor_word words[] = {
        {"virsh", virsh},
        {"name", about->name},
        {"error", about->error},
        {"daemon", daemon},
        {"permission", remedy_of(permissions, about->error)},
        {"commands", about->commands ? about->commands : "a call"},
        {"system", about->os->title},
        {"install", about->os->install},
        {"restart", about->os->restart},
        {"settings", about->os->settings},
        {NULL, NULL},
    };
    char *filled = doctor_fill(text, words);

    free(virsh);
    return filled;
}

void
doctor_find(struct doctor_row *row, enum doctor_trouble trouble,
            const struct doctor_case *about)
{
    struct doctor_finding *finding = &row->findings[row->findings_count++];
    const struct other_words *others =
        about->source ? other_words[about->source->kind] : NULL;
    const char *text = troubles[trouble].text, *remedy = troubles[trouble].remedy,
               *then = troubles[trouble].then;

    if (others && others[trouble].remedy) {
        text = others[trouble].text ? others[trouble].text : text;
        remedy = others[trouble].remedy;
        then = others[trouble].then;
    }
    if (trouble == TROUBLE_COMMAND_FAILED)
        remedy = remedy_of(refusals, about->error);
    *finding = (struct doctor_finding){
        .problem = troubles[trouble].problem,
        .is_fault = troubles[trouble].is_fault,
        .text = fill_in(text, about, ""),
        .remedies = {fill_in(remedy, about, ""), fill_in(then, about, "")},
    };
}

char *
doctor_source_remedy(const struct source_config *source, const char *why)
{
    const struct doctor_case about = {
        .source = source, .os = guest_os_find(""), .name = "", .error = why};

    if (source->kind == SOURCE_PROXMOX)
        return memory_string("see whether this is a host of Proxmox VE, and the folder "
                             "of sources[].proxmox.pid_files may be read");
    if (source->kind == SOURCE_SOCKET)
        return memory_string("see whether the folder of sources[].socket.path is "
                             "there, and may be read");
    return fill_in(*why ? remedy_of(daemons, why) : DAEMON_HANGS, &about,
                   doctor_daemon(source->libvirt.uri, why, DOCTOR_SOCKETS));
}
