/* One address: a socket that listens, a daemon of libmicrohttpd, and a thread of ours
 * that drives it.  So what a connection owns is touched by that thread alone, and
 * whoever takes too long is seen by the clock and not only when the library has
 * something to tell. */
#ifndef WEB_WORKER_H
#define WEB_WORKER_H

struct failure;
struct web_listener;
struct web_site;
struct web_worker;

/* Serves those who come; logs one line.  The listener is taken.  NULL with one sentence
 * that names the address and the remedy.  `site` is borrowed. */
struct web_worker *web_worker_start(const struct web_site *site,
                                    const struct web_listener *listener,
                                    struct failure *why);
/* The files that web_listen() and web_worker_start() open for one, at most. */
#define WEB_WORKER_FILES 5
/* The port that it is bound to; 0: of a UNIX socket. */
unsigned int web_worker_port(const struct web_worker *worker);
/* Closes the socket that listens, and removes its file; who is connected is served on.
 */
void web_worker_leave(struct web_worker *worker);
/* Ends open connections at once, but for those who are owed the outcome of a reload;
 * those who wait must have been told. */
void web_worker_stop(struct web_worker *worker);

#endif
