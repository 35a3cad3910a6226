/* The broker on a loop of its own, and the orders that it gets. */
#include "broker/ask.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "broker/broker.h"
#include "broker/broker_parts.h"
#include "broker/bytes.h"
#include "broker/orders.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <uv.h>

#define STOP_NS (INT64_C(800) * 1000 * 1000)

struct asking {
    uv_loop_t loop;
    struct mailbox *mailbox;
    struct broker *broker;
    int control;
    int64_t ways; /* that came as orders */
    uv_poll_t poll;
};

static void
be_deserted(void *context, const char *why)
{
    const struct asking *part = context;

    log_debug("nobody asks for guests any more", LOG_STR("error", why));
    (void)order_kill(part->control, part->ways);
}

static void
take_orders(uv_poll_t *poll, int status, int events)
{
    static char packet[ORDER_BYTES_MAX + 1];
    struct asking *part = poll->data;
    int fd;
    ssize_t length = order_take(part->control, packet, sizeof(packet), &fd);

    (void)status;
    (void)events;
    if (length == 0)
        uv_stop(&part->loop);
    if (length <= 0)
        return;
    struct bytes bytes = {.at = packet + 1, .end = packet + length};

    if (packet[0] == ORDER_ALLOW)
        broker_allow(part->broker, &bytes);
    if (packet[0] != ORDER_SERVE || fd < 0)
        return;
    part->ways++;
    broker_serve(part->broker, fd);
}

/* The sources are there before who asks for them. */
static void
await_sources(struct asking *part)
{
    struct pollfd ready = {.fd = part->control, .events = POLLIN};

    while (poll(&ready, 1, -1) < 0)
        continue;
    take_orders(&part->poll, 0, 0);
}

int
ask(const struct source_driver *const *drivers, int control, int to_reader)
{
    struct asking part = {.control = control};
    struct broker_parts parts = {
        .loop = &part.loop,
        .drivers = drivers,
        .deserted = be_deserted,
        .context = &part,
    };

    (void)signal(SIGTERM, SIG_IGN); /* it ends after who asks, by the control socket */
    (void)signal(SIGINT, SIG_IGN);
    (void)prctl(PR_SET_DUMPABLE, 0); /* nobody of the same user looks into it */
    (void)uv_loop_init(&part.loop);
    parts.mailbox = part.mailbox = mailbox_new(&part.loop);
    part.broker = broker_new(&parts);
    (void)uv_poll_init(&part.loop, &part.poll, control);
    part.poll.data = &part;
    (void)uv_poll_start(&part.poll, UV_READABLE, take_orders);
    await_sources(&part);
    (void)order_send(control, ORDER_BEGUN, NULL, -1);
    broker_serve(part.broker, to_reader);
    (void)uv_run(&part.loop, UV_RUN_DEFAULT);
    bool has_ended = broker_stop(part.broker, clock_monotonic_ns() + STOP_NS);

    if (!has_ended)
        _exit(EXIT_SUCCESS);
    mailbox_drain(part.mailbox);
    mailbox_close(part.mailbox);
    uv_close((uv_handle_t *)&part.poll, NULL);
    (void)uv_run(&part.loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&part.loop);
    return EXIT_SUCCESS;
}
