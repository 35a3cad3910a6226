/* What polling has broken in the field, and the comparison of versions. */
#include "agent/harm.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define OPENBSD_REASON                                                                 \
    "OpenBSD guests filled their process table within an hour of polling; which "      \
    "command does it is not known (rcourtman/Pulse#692)"

const struct harm_rule harm_known[] = {
    {"freebsd", "7.2", "guest-get-fsinfo",
     "agents of FreeBSD's old port leave a df zombie behind at every call "
     "(aborche/qemu-guest-agent#17, opnsense/plugins#2660)"},
    {"openbsd", NULL, "guest-get-osinfo", OPENBSD_REASON},
    {"openbsd", NULL, "guest-get-fsinfo", OPENBSD_REASON},
    {"openbsd", NULL, "guest-network-get-interfaces", OPENBSD_REASON},
    {"mswindows", NULL, "guest-get-devices",
     "agents on Windows leaked handles at every call, and no version is known to be "
     "free of it (autotest/tp-qemu#2889)"},
};
const size_t harm_known_count = sizeof(harm_known) / sizeof(harm_known[0]);

/* Compares number by number: 7.2.22 is below 10.0. */
static bool
is_below(const char *version, const char *limit)
{
    while (*version && *limit) {
        char *version_end, *limit_end;
        unsigned long a = strtoul(version, &version_end, 10);
        unsigned long b = strtoul(limit, &limit_end, 10);

        if (a != b)
            return a < b;
        if (version_end == version || limit_end == limit)
            return false; /* no number: nothing to compare */
        version = *version_end == '.' ? version_end + 1 : "";
        limit = *limit_end == '.' ? limit_end + 1 : "";
    }
    return !*version && *limit && strtoul(limit, NULL, 10) > 0;
}

static bool
fits(const struct harm_rule *rule, const char *os, const char *agent_version,
     const char *command)
{
    if (strcmp(rule->command, command) != 0)
        return false;
    if (rule->os && strcasecmp(rule->os, os) != 0)
        return false;
    return !rule->agent_before ||
           (*agent_version && is_below(agent_version, rule->agent_before));
}

const struct harm_rule *
harm_find(const struct harm_rule *rules, size_t count, const char *os,
          const char *agent_version, const char *command)
{
    for (size_t i = 0; i < count; i++) {
        if (fits(&rules[i], os, agent_version, command))
            return &rules[i];
    }
    return NULL;
}
