/* Those who ask by HTTP that the configuration is read again, and wait for what comes
 * of it.  Who asks while it is being read waits for the next time: it may have been
 * changed since. */
#ifndef WEB_RELOAD_H
#define WEB_RELOAD_H

#include "kit/failure.h"
#include "web/pages.h"

struct web_reload;

/* One who asks; the caller's, and must stay until it was notified. */
struct web_reload_ask {
    void (*notify)(void *context); /* on the thread that has read it */
    void *context;
    /* Only for this module, from here on. */
    struct web_reload_ask *next;
    unsigned int status;
    struct failure why;
};

/* `want` is called when somebody asks, on any thread: then web_reload_begin() and
 * web_reload_end() are to be. */
struct web_reload *web_reload_new(void (*want)(void *context), void *context);
/* Those who wait, and who will ask, are notified at once. */
void web_reload_stop(struct web_reload *reload);
void web_reload_free(struct web_reload *reload); /* NULL is fine; stops as well */

/* Only when the caller is ready to be notified; that may come before this returns. */
void web_reload_ask(struct web_reload *reload, struct web_reload_ask *ask);
/* The page, once `notify` was called. */
struct web_page web_reload_page(const struct web_reload_ask *ask);

/* Around the reading: it is for those who ask before it begins.  `why`: it was refused;
 * NULL: it is in force. */
void web_reload_begin(struct web_reload *reload);
void web_reload_end(struct web_reload *reload, const struct failure *why);

#endif
