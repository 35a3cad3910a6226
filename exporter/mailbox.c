/* Messages to the loop thread, in the order of posting. */
#include "mailbox.h"

#include "memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <uv.h>

struct mailbox {
    uv_async_t wake;
    pthread_mutex_t lock; /* guards first and last */
    struct mail *first;
    struct mail **last;
};

static void
woken(uv_async_t *wake)
{
    mailbox_drain(wake->data);
}

struct mailbox *
mailbox_new(uv_loop_t *loop)
{
    struct mailbox *mailbox = memory_new(1, sizeof *mailbox);

    mailbox->last = &mailbox->first;
    pthread_mutex_init(&mailbox->lock, NULL);
    uv_async_init(loop, &mailbox->wake, woken);
    mailbox->wake.data = mailbox;
    return mailbox;
}

void
mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
    mail->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    *mailbox->last = mail;
    mailbox->last = &mail->next;
    pthread_mutex_unlock(&mailbox->lock);
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

    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

void
mailbox_close(struct mailbox *mailbox)
{
    uv_close((uv_handle_t *)&mailbox->wake, closed);
}
