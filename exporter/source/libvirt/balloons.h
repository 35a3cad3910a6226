/* The memory of all domains, asked for again and again, on lanes of its own.  Loop
 * thread. */
#ifndef SOURCE_LIBVIRT_BALLOONS_H
#define SOURCE_LIBVIRT_BALLOONS_H

#include <stdbool.h>
#include <stdint.h>

struct balloon_config;
struct balloons;
struct libvirt_link;
struct mailbox;
struct source;
struct source_listener;

/* NULL if it is not wanted, with which all of these do nothing.  What is borrowed here
 * outlives it, but for the config. */
struct balloons *balloons_new(const struct balloon_config *config,
                              struct libvirt_link *link, struct source *source,
                              const struct source_listener *listener,
                              struct mailbox *mailbox);

/* The guests are announced: it is asked for at once.  now_ns: CLOCK_MONOTONIC. */
void balloons_come_up(struct balloons *balloons, unsigned int connection,
                      int64_t now_ns);
/* While they are, often. */
void balloons_review(struct balloons *balloons, unsigned int connection,
                     int64_t now_ns);

/* How many of its lanes were given up, ever. */
uint64_t balloons_abandoned(const struct balloons *balloons);

/* As of lanes (base/lanes.h); after the second it is gone. */
bool balloons_wind_down(struct balloons *balloons, int64_t deadline_ns);
bool balloons_stop(struct balloons *balloons, int64_t deadline_ns);

#endif
