/* Who may come in, and how: the web configuration that is in force.  It is read again
 * when it or a file that it names changes (within WEB_ACCESS_WATCH_NS, on a thread of
 * its own), and when it is told to.  What is wrong then is logged, and what was in
 * force stays. */
#ifndef WEB_ACCESS_H
#define WEB_ACCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WEB_ACCESS_WATCH_NS (INT64_C(2) * 1000000000)

struct failure;
struct web_access;
struct web_config;
struct web_tls;

/* One state of it; counted references, any thread.  It is only read but for the rate
 * limit. */
struct web_policy {
    struct web_config *config;
    struct web_tls *tls; /* NULL: plain HTTP */
    const char *path;    /* of the file that it is from; NULL: none */
    /* Only for this module, from here on. */
    atomic_size_t references;
    atomic_int_fast64_t full_ns; /* of the rate limit: when the burst is had again */
};

/* `path` NULL: everybody, plain HTTP, and nothing is watched.  `may_be_absent`: the
 * file need not be there, and until it is, everybody may come; once it was read, it is
 * needed as any other.  `reloaded` (or NULL) is told of each reading after the first
 * one, on any thread.  NULL with one sentence. */
struct web_access *web_access_open(const char *path, bool may_be_absent,
                                   void (*reloaded)(void *context, bool successful),
                                   void *context, struct failure *why);
void web_access_close(struct web_access *access); /* NULL is fine */

/* 0, or -1 with one sentence: the old state stays.  What is read is in force, and
 * nothing else is read, until the same thread calls web_access_settle(). */
int web_access_reload(struct web_access *access, struct failure *why);
/* After a reload that was not refused here: whether all else is as well; if not, what
 * was in force before is so again. */
void web_access_settle(struct web_access *access, bool good);

struct web_policy *web_access_get(struct web_access *access);
void web_policy_unref(struct web_policy *policy); /* NULL is fine */

/* Whether the rate limit lets one more request through. */
bool web_policy_takes_request(struct web_policy *policy, int64_t now_ns);

#endif
