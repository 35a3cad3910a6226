/* What a service manager is told, and what it wants to hear: the protocol of
 * sd_notify(3), which systemd promises to keep.  It is one datagram; libsystemd would
 * bring itself and four other libraries into the process that may ask every guest. */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTIFY_READY "READY=1"
#define NOTIFY_STOPPING "STOPPING=1"
#define NOTIFY_ALIVE "WATCHDOG=1"

/* From now on `send` says it: for a process that may not. */
void notify_by(bool (*send)(void *context, const char *state), void *context);
/* Sends `state`, which is lines as above.  False if nobody wants to hear it, or cannot
 * take it now; the caller goes on all the same. */
bool notify_send(const char *state);
/* For another process, which may have been taken over: that it is ready, reloads or is
 * alive, and nothing else.  A manager would also believe which process is the main one,
 * whose exit ends the service. */
bool notify_pass_on(const char *state, size_t length);
/* Until NOTIFY_READY is sent again; `now_ns` is the monotonic clock's. */
bool notify_send_reloading(int64_t now_ns);
/* A decimal number of at most `max` that the service manager has put into a variable;
 * 0: there is none. */
uint64_t notify_read_number(const char *variable, uint64_t max);
/* Nanoseconds within which NOTIFY_ALIVE is wanted, again and again; 0 if it is not. */
int64_t notify_watchdog_ns(void);

#endif
