/* Two lines of those who ask: for this reading, and for the next. */
#include "web/reload.h"

#include "base/text.h"
#include "kit/memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define SENTENCE_BYTES_MAX ((size_t)4 << 10)
#define STATUS_OK 200
#define STATUS_FAILED 500
#define STATUS_UNAVAILABLE 503

struct web_reload {
    void (*want)(void *context);
    void *context;
    pthread_mutex_t lock; /* guards everything below */
    struct web_reload_ask *waiting, *served;
    bool stopping;
};

/* From the notification on an ask belongs to its owner again. */
static void
tell(struct web_reload_ask *asks, unsigned int status, const struct failure *why)
{
    while (asks) {
        struct web_reload_ask *ask = asks;

        asks = ask->next;
        ask->status = status;
        if (why)
            ask->why = *why;
        ask->notify(ask->context);
    }
}

static struct web_reload_ask *
take(struct web_reload *reload, struct web_reload_ask **line)
{
    (void)pthread_mutex_lock(&reload->lock);
    struct web_reload_ask *taken = *line;
    *line = NULL;
    (void)pthread_mutex_unlock(&reload->lock);
    return taken;
}

struct web_reload *
web_reload_new(void (*want)(void *context), void *context)
{
    struct web_reload *reload = memory_new(1, sizeof(*reload));

    reload->want = want;
    reload->context = context;
    (void)pthread_mutex_init(&reload->lock, NULL);
    return reload;
}

void
web_reload_stop(struct web_reload *reload)
{
    (void)pthread_mutex_lock(&reload->lock);
    reload->stopping = true;
    (void)pthread_mutex_unlock(&reload->lock);
    tell(take(reload, &reload->served), STATUS_UNAVAILABLE, NULL);
    tell(take(reload, &reload->waiting), STATUS_UNAVAILABLE, NULL);
}

void
web_reload_free(struct web_reload *reload)
{
    if (!reload)
        return;
    web_reload_stop(reload);
    (void)pthread_mutex_destroy(&reload->lock);
    free(reload);
}

void
web_reload_ask(struct web_reload *reload, struct web_reload_ask *ask)
{
    (void)pthread_mutex_lock(&reload->lock);
    bool waits = !reload->stopping;
    ask->next = waits ? reload->waiting : NULL;
    if (waits)
        reload->waiting = ask;
    (void)pthread_mutex_unlock(&reload->lock);
    if (waits)
        reload->want(reload->context);
    else
        tell(ask, STATUS_UNAVAILABLE, NULL);
}

void
web_reload_begin(struct web_reload *reload)
{
    struct web_reload_ask *taken = take(reload, &reload->waiting);

    (void)pthread_mutex_lock(&reload->lock);
    reload->served = taken;
    (void)pthread_mutex_unlock(&reload->lock);
}

void
web_reload_end(struct web_reload *reload, const struct failure *why)
{
    tell(take(reload, &reload->served), why ? STATUS_FAILED : STATUS_OK, why);
}

struct web_page
web_reload_page(const struct web_reload_ask *ask)
{
    struct text sentence = TEXT_INIT(SENTENCE_BYTES_MAX);

    if (ask->status == STATUS_OK)
        return web_page_sentence(STATUS_OK, "The configuration is reloaded.\n");
    if (ask->status == STATUS_UNAVAILABLE)
        return web_page_sentence(
            STATUS_UNAVAILABLE,
            "Not reloaded: the exporter stops, or its addresses change: try again.\n");
    text_add_format(&sentence,
                    "The new configuration is refused, the old one stays: %s\n",
                    ask->why.text);
    return web_page_text(ask->status, &sentence);
}
