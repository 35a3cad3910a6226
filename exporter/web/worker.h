/* One address: a socket that listens, a daemon of libmicrohttpd, and a thread of ours
 * that drives it.  So what a connection owns is touched by that thread alone, and
 * whoever takes too long is seen by the clock and not only when the library has
 * something to tell. */
#ifndef WEB_WORKER_H
#define WEB_WORKER_H

struct failure;
struct web_site;
struct web_worker;

/* Listens and serves; logs one line.  NULL with one sentence that names the address and
 * the remedy.  `site` is borrowed. */
struct web_worker *web_worker_start(const struct web_site *site, const char *address,
                                    struct failure *why);
/* The port that it is bound to. */
unsigned int web_worker_port(const struct web_worker *worker);
/* Ends open connections at once; those who wait for a log-in must have been told. */
void web_worker_stop(struct web_worker *worker);

#endif
