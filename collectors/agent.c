/* Collector agent: guest-info, the agent's version and which commands it has. */
#include "collector.h"
#include "kit/guest_json.h"

#include <string.h>

static const struct metric agent_info = {
    .name = "qga_agent_info",
    .help = "The guest agent's version (guest-info version, cached).",
    .type = METRIC_GAUGE,
    .labels = {"version"},
    .essential = true,
};
static const struct metric agent_command_enabled = {
    .name = "qga_agent_command_enabled",
    .help =
        "Whether the agent would run a command that can change the guest (guest-info "
        "supported_commands enabled, cached): those by which whoever has the host has "
        "the "
        "guest, too, and in the profile full all; no series for one it does not have. "
        "All but the thaw read 0 while the guest is frozen.",
    .type = METRIC_GAUGE,
    .labels = {"command"},
    .since = "1.1",
    .series = "1 per such command, 5 at most; in the profile full 17",
};
static const struct metric *const agent_metrics[] = {
    &agent_info,
    &agent_command_enabled,
    NULL,
};

/* Only these become series, so the guest cannot choose how many.  The first of them, up
 * to the gap, are those by which whoever has the host has the guest, too. */
#define TAKEOVER_COMMANDS ((size_t)5)
static const char *const changing_commands[] = {
    "guest-exec",
    "guest-file-open",
    "guest-file-write",
    "guest-set-user-password",
    "guest-ssh-add-authorized-keys",

    "guest-fsfreeze-freeze",
    "guest-fsfreeze-freeze-list",
    "guest-fsfreeze-thaw",
    "guest-fstrim",
    "guest-set-memory-blocks",
    "guest-set-time",
    "guest-set-vcpus",
    "guest-shutdown",
    "guest-ssh-remove-authorized-keys",
    "guest-suspend-disk",
    "guest-suspend-hybrid",
    "guest-suspend-ram",
};

static bool
agent_shows_command(const char *name, enum metric_profile profile)
{
    size_t count = profile == PROFILE_FULL
                       ? sizeof(changing_commands) / sizeof(*changing_commands)
                       : TAKEOVER_COMMANDS;

    for (size_t i = 0; i < count; i++)
        if (strcmp(changing_commands[i], name) == 0)
            return true;
    return false;
}

static int
agent_parse(const json_t *reply, const struct exchange *when, struct samples *out,
            struct failure *why)
{
    struct guest_json root, list, command;
    guest_json_root(&root, reply, why);
    const char *version = guest_json_string(&root, "version", GUEST_REQUIRED);
    samples_add(out, &agent_info, 1, LABELS(version));

    /* Before QEMU 1.1 there was no list. */
    guest_json_array(&root, "supported_commands", GUEST_OPTIONAL, &list);
    for (size_t i = 0; guest_json_entry(&list, i, &command); i++) {
        bool enabled;
        const char *name = guest_json_string(&command, "name", GUEST_REQUIRED);

        guest_json_bool(&command, "enabled", GUEST_REQUIRED, &enabled);
        if (guest_json_is_usable(&command) && agent_shows_command(name, when->profile))
            samples_add(out, &agent_command_enabled, enabled ? 1 : 0, LABELS(name));
    }
    return guest_json_result(&root, out);
}

static enum command_status
agent_command_status(const json_t *reply, const char *wanted)
{
    struct failure ignored;
    struct guest_json root, list, command;

    guest_json_root(&root, reply, &ignored);
    guest_json_array(&root, "supported_commands", GUEST_REQUIRED, &list);
    for (size_t i = 0; guest_json_entry(&list, i, &command); i++) {
        bool enabled;
        const char *name = guest_json_string(&command, "name", GUEST_REQUIRED);

        if (strcmp(name, wanted) != 0)
            continue;
        if (!guest_json_bool(&command, "enabled", GUEST_REQUIRED, &enabled))
            return COMMAND_UNKNOWN;
        return enabled ? COMMAND_ENABLED : COMMAND_DISABLED;
    }
    /* It may be the one that was not to be read. */
    return guest_json_is_whole(&root) ? COMMAND_MISSING : COMMAND_UNKNOWN;
}

static void
agent_software(const json_t *reply, struct guest_software *software)
{
    guest_json_copy(reply, "version", software->agent_version,
                    sizeof(software->agent_version));
}

const struct collector agent_collector = {
    .name = "agent",
    .help =
        "the agent's version, and which commands that change the guest it would run",
    .command = "guest-info",
    .since = "0.15",
    .series = "1, and 1 per command that changes the guest (5 at most; in the profile "
              "full 17)",
    .default_interval_s = 600,
    .metrics = agent_metrics,
    .parse = agent_parse,
    .command_status = agent_command_status,
    .software = agent_software,
};
