/* The name of libvirt's daemon on this host. */
#ifndef DOCTOR_DAEMON_H
#define DOCTOR_DAEMON_H

#define DOCTOR_SOCKETS "/run/libvirt"

/* For systemctl: virtqemud where the daemons are modular, else libvirtd, and both where
 * nothing tells.  `why` is libvirt's error, or empty; `sockets` the folder where the
 * daemons of this host have theirs. */
const char *doctor_daemon(const char *uri, const char *why, const char *sockets);

#endif
