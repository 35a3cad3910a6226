/* The table of packages and services. */
#include "doctor/guest_os.h"

#include <stddef.h>
#include <string.h>

#define SYSTEMD_ENABLE "systemctl enable --now qemu-guest-agent"
#define SYSTEMD_START "systemctl start qemu-guest-agent"
#define SYSTEMD_RESTART "systemctl restart qemu-guest-agent"
#define OPENRC_START                                                                   \
    "rc-update add qemu-guest-agent && rc-service qemu-guest-agent start"
#define OPENRC_RESTART "rc-service qemu-guest-agent restart"
#define SETTINGS "/etc/qemu/qemu-ga.conf"

/* Since RHEL 9 there is a list of what is allowed. */
#define RHEL_LEFT_OUT " guest-get-load guest-network-get-route guest-file-open "

static const struct {
    const char *ids; /* between blanks; NAME* is all that begin with NAME */
    struct guest_os os;
} systems[] = {
    {" debian ubuntu linuxmint raspbian kali pop devuan ",
     {"Debian, Ubuntu", "apt install qemu-guest-agent && " SYSTEMD_START,
      SYSTEMD_RESTART, SETTINGS, NULL}},
    {" rhel fedora centos rocky almalinux ol amzn scientific virtuozzo ",
     {"RHEL, Fedora", "dnf install qemu-guest-agent && " SYSTEMD_ENABLE,
      SYSTEMD_RESTART, "/etc/sysconfig/qemu-ga", RHEL_LEFT_OUT}},
    {" opensuse* sles* sled* sle suse ",
     {"SUSE", "zypper install qemu-guest-agent && " SYSTEMD_START, SYSTEMD_RESTART,
      SETTINGS, NULL}},
    {" alpine ",
     {"Alpine", "apk add qemu-guest-agent && " OPENRC_START, OPENRC_RESTART,
      "/etc/conf.d/qemu-guest-agent", NULL}},
    {" arch manjaro endeavouros ",
     {"Arch", "pacman -S qemu-guest-agent && " SYSTEMD_START, SYSTEMD_RESTART, SETTINGS,
      NULL}},
    {" gentoo ",
     {"Gentoo", "emerge app-emulation/qemu-guest-agent && " OPENRC_START,
      OPENRC_RESTART, SETTINGS, NULL}},
    {" freebsd ",
     {"FreeBSD",
      "pkg install qemu-guest-agent && sysrc qemu_guest_agent_enable=YES && "
      "service qemu-guest-agent start",
      "service qemu-guest-agent restart", "qemu_guest_agent_flags in /etc/rc.conf",
      NULL}},
    {" mswindows ",
     {"Windows",
      "install the drivers and guest-agent\\qemu-ga-x86_64.msi from the virtio-win "
      "ISO, "
      "then: Start-Service QEMU-GA",
      "Restart-Service QEMU-GA", "the command line of the service QEMU-GA", NULL}},
};

static const struct guest_os any = {
    NULL, "install the package qemu-guest-agent, and start its service",
    "restart the service qemu-guest-agent", "the settings of qemu-ga", NULL};

/* Whether `id` is one of `ids`. */
static bool
is_among(const char *ids, const char *id)
{
    size_t length = strlen(id);

    for (const char *name = ids + 1; *name; name += strcspn(name, " ") + 1) {
        size_t width = strcspn(name, " ");
        bool is_prefix = name[width - 1] == '*';

        width -= is_prefix;
        if (strncmp(name, id, width) == 0 && (is_prefix || length == width))
            return true;
    }
    return false;
}

bool
guest_os_leaves_out(const struct guest_os *os, const char *command)
{
    return os->left_out && is_among(os->left_out, command);
}

const struct guest_os *
guest_os_find(const char *id)
{
    for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
        if (is_among(systems[i].ids, id))
            return &systems[i].os;
    }
    return &any;
}
