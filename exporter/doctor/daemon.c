#include "doctor/daemon.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOCAL "qemu:///"

/* In the order in which libvirt looks for them. */
static const struct {
    const char *name, *socket;
} daemons[] = {{"libvirtd", "libvirt-sock"}, {"virtqemud", "virtqemud-sock"}};

static bool
is_here(const char *sockets, const char *socket)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", sockets, socket);
    return access(path, F_OK) == 0;
}

const char *
doctor_daemon(const char *uri, const char *why, const char *sockets)
{
    for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
        if (strstr(uri, daemons[i].socket) || strstr(why, daemons[i].socket))
            return daemons[i].name;
    }
    for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
        if (strncmp(uri, LOCAL, strlen(LOCAL)) == 0 &&
            is_here(sockets, daemons[i].socket))
            return daemons[i].name;
    }
    return "libvirtd (or virtqemud)";
}
