/* What files below /proc of a Linux guest say of things that other collectors show:
 * which filesystems are mounted read-only, and the counters of interfaces.  Read from
 * text that is the guest's, with named limits.  Pure; any thread. */
#ifndef KIT_PROC_FACTS_H
#define KIT_PROC_FACTS_H

#include <stdbool.h>
#include <stddef.h>

/* Mount points on devices, one after the other: some 400 of them. */
#define PROC_MOUNTS_BYTES 16384
/* A mount point that is longer is left out. */
#define PROC_MOUNT_POINT_BYTES 1024
/* On a container host, those of containers are among them. */
#define PROC_DEVICES_MAX 256
#define PROC_DEVICE_NAME_BYTES 16 /* IFNAMSIZ */

/* In the order of the agent's statistics. */
enum proc_counter {
    PROC_RECEIVE_BYTES,
    PROC_RECEIVE_PACKETS,
    PROC_RECEIVE_ERRS,
    PROC_RECEIVE_DROP,
    PROC_TRANSMIT_BYTES,
    PROC_TRANSMIT_PACKETS,
    PROC_TRANSMIT_ERRS,
    PROC_TRANSMIT_DROP,
    PROC_COUNTERS,
};

struct proc_device {
    char name[PROC_DEVICE_NAME_BYTES];
    double counters[PROC_COUNTERS];
};

/* Zeroed: nothing is known.  The members are kit/proc_facts.c's. */
struct proc_facts {
    char mounts[PROC_MOUNTS_BYTES]; /* 'r' or 'w', the mount point, NUL; each */
    size_t mounts_used;
    struct proc_device devices[PROC_DEVICES_MAX];
    size_t devices_count;
    size_t mounts_left_out, devices_left_out;
};

/* Of /proc/self/mountinfo, in place of what was known before; "" forgets it. */
void proc_facts_read_mounts(struct proc_facts *facts, const char *text);
/* Likewise of /proc/net/dev. */
void proc_facts_read_devices(struct proc_facts *facts, const char *text);

/* false: not known.  Of what is mounted there, the last is what is seen.  `facts` may
 * be NULL. */
bool proc_facts_is_readonly(const struct proc_facts *facts, const char *mount_point,
                            bool *readonly);
/* PROC_COUNTERS of them; NULL: not known.  `facts` may be NULL. */
const double *proc_facts_counters(const struct proc_facts *facts, const char *device);
/* What was not understood, or found no room. */
size_t proc_facts_left_out(const struct proc_facts *facts);

#endif
