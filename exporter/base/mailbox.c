/* Messages to the loop thread, in the order of posting. */
#include "base/mailbox.h"

#include "base/clock.h"
#include "kit/memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

struct mailbox {
    uv_async_t wake;
    uv_timer_t tick;
    unsigned int open_handles;
    pthread_mutex_t lock; /* guards everything below */
    struct mail *first;
    struct mail **last;
    bool coalescing; /* the tick will drain; nobody wakes the loop */
};

void
mailbox_start_timer(uv_timer_t *timer, void (*due)(uv_timer_t *timer), int64_t at_ns,
                    bool exactly)
{
    int64_t tick_ns = (at_ns + MAILBOX_TICK_NS - 1) / MAILBOX_TICK_NS * MAILBOX_TICK_NS;
    int64_t wait_ns = (exactly ? at_ns : tick_ns) - clock_monotonic_ns();

    uv_update_time(timer->loop);
    uv_timer_start(timer, due, wait_ns > 0 ? (uint64_t)(wait_ns + 999999) / 1000000 : 0,
                   0);
}

static void
woken(uv_async_t *wake)
{
    mailbox_drain(wake->data);
}

static void
ticked(uv_timer_t *tick)
{
    mailbox_coalesce_no_more(tick->data);
    mailbox_drain(tick->data);
}

struct mailbox *
mailbox_new(uv_loop_t *loop)
{
    struct mailbox *mailbox = memory_new(1, sizeof(*mailbox));

    mailbox->last = &mailbox->first;
    pthread_mutex_init(&mailbox->lock, NULL);
    uv_async_init(loop, &mailbox->wake, woken);
    uv_timer_init(loop, &mailbox->tick);
    mailbox->wake.data = mailbox->tick.data = mailbox;
    mailbox->open_handles = 2;
    return mailbox;
}

void
mailbox_coalesce(struct mailbox *mailbox)
{
    if (uv_is_active((uv_handle_t *)&mailbox->tick))
        return;
    pthread_mutex_lock(&mailbox->lock);
    mailbox->coalescing = true;
    pthread_mutex_unlock(&mailbox->lock);
    mailbox_start_timer(&mailbox->tick, ticked, clock_monotonic_ns() + 1, false);
}

void
mailbox_coalesce_no_more(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    bool waiting = mailbox->coalescing && mailbox->first;

    mailbox->coalescing = false;
    pthread_mutex_unlock(&mailbox->lock);
    uv_timer_stop(&mailbox->tick);
    if (waiting)
        uv_async_send(&mailbox->wake);
}

void
mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
    mail->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    bool wakes = !mailbox->coalescing && !mailbox->first;

    *mailbox->last = mail;
    mailbox->last = &mail->next;
    pthread_mutex_unlock(&mailbox->lock);
    if (wakes)
        uv_async_send(&mailbox->wake);
}

void
mailbox_drain(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    struct mail *mail = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);

    while (mail) {
        struct mail *next = mail->next;

        mail->deliver(mail);
        mail = next;
    }
}

static void
closed(uv_handle_t *handle)
{
    struct mailbox *mailbox = handle->data;

    if (--mailbox->open_handles > 0)
        return;
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

void
mailbox_close(struct mailbox *mailbox)
{
    uv_close((uv_handle_t *)&mailbox->wake, closed);
    uv_close((uv_handle_t *)&mailbox->tick, closed);
}
