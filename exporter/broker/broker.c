/* Sources, for another process. */
#include "broker/broker.h"

#include "agent/commands.h"
#include "base/clock.h"
#include "base/log.h"
#include "broker/inside.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define REVIEW_MS 1000

/* --- guests --- */

static bool
take_end_visit(const struct broker *broker, struct bytes *message)
{
    const struct served *served = served_of(broker, bytes_number(message));
    const char *key = bytes_string(message);

    if (served && served->driver->end_visit && served_find(served, key))
        served->driver->end_visit(served->source, key);
    return !message->is_bad;
}

/* --- sources --- */

static bool
is_allowed(const struct broker *broker, const struct source_config *config)
{
    for (size_t i = 0; i < broker->allowed_count; i++)
        if (source_config_is_same(&broker->allowed[i], config))
            return true;
    return false;
}

static struct served *
find_same(const struct broker *broker, const struct source_config *config)
{
    struct served *served = broker->served;

    while (served && !source_config_is_same(&served->config, config))
        served = served->next;
    return served;
}

/* It runs on for who asks for the same next, with all that is known of its guests. */
static void
be_orphan(struct served *served)
{
    struct carried *carried;

    served->number = 0;
    DL_FOREACH (served->broker->carried, carried) {
        carried->is_deserted |= carried->served == served;
    }
}

static void
start_source(struct broker *broker, const struct source_config *config, int64_t number)
{
    struct served *served = memory_new(1, sizeof(*served));

    served->broker = broker;
    served->number = number;
    source_config_copy(&served->config, config);
    served->config.libvirt.leaves_xml = true;
    served->driver = broker->parts.drivers[config->kind];
    served->listener = served_listener;
    served->listener.context = served;
    LL_APPEND(broker->served, served);
    served->source = served->driver->start(&served->config, broker->parts.loop,
                                           broker->parts.mailbox, &served->listener);
    served->capacity = served->driver->capacity(served->source);
    served->figures = served->driver->figures(served->source);
    served_tell_status(served);
}

static void
refuse_source(struct broker *broker, int64_t number)
{
    struct text message = TEXT_INIT(TELL_BYTES_MAX);

    bytes_put_number(&message, number);
    bytes_put_string(&message,
                     "the configuration has changed since it was read; reload it");
    log_warn("a source is asked for that is not in the configuration");
    channel_tell(broker->channel, TELL_DOWN, &message, CHANNEL_NOW);
}

static bool
take_start(struct broker *broker, struct bytes *message)
{
    int64_t number = bytes_number(message);
    struct source_config config;

    message_source(message, &config);
    struct served *orphan = message->is_bad ? NULL : find_same(broker, &config);
    bool runs = orphan && number > 0 && orphan->number == number;
    /* Each is started once, or its guests would be asked as often as it is started. */
    bool is_good =
        runs || (!message->is_bad && number > 0 && !served_of(broker, number) &&
                 (!orphan || orphan->number == 0));

    if (runs) {
        /* it was asked for in case that it had been refused */
    } else if (is_good && !is_allowed(broker, &config)) {
        refuse_source(broker, number);
    } else if (orphan) {
        orphan->number = number;
        served_tell_all(orphan);
    } else if (is_good) {
        start_source(broker, &config, number);
    }
    source_config_clear(&config);
    return is_good;
}

/* Whether its calls came back. */
static bool
stop_source(struct served *served, int64_t deadline_ns)
{
    struct broker *broker = served->broker;
    bool all_back = served->driver->stop(served->source, deadline_ns);
    struct carried *carried, *next_carried;

    DL_FOREACH_SAFE(broker->carried, carried, next_carried)
    {
        if (carried->served == served)
            carried_free(carried);
    }
    served_forget_all(served);
    LL_DELETE(broker->served, served);
    source_config_clear(&served->config);
    free(served->why);
    free(served);
    return all_back;
}

/* Without waiting. */
static void
leave_source(struct served *served)
{
    struct broker *broker = served->broker;

    broker->left_calls |= !stop_source(served, clock_monotonic_ns());
}

/* One that may be started again is not stopped: who starts and stops it without end
 * would have threads and accounts of guests begin anew each time. */
static bool
take_stop(struct broker *broker, struct bytes *message)
{
    struct served *served = served_of(broker, bytes_number(message));

    if (served && is_allowed(broker, &served->config))
        be_orphan(served);
    else if (served)
        leave_source(served);
    return !message->is_bad;
}

static bool
take_log(struct bytes *message)
{
    unsigned int level = bytes_choice(message, LOG_ERROR + 1);
    unsigned int format = bytes_choice(message, LOG_JSON + 1);

    if (!message->is_bad)
        log_configure(level, format);
    return !message->is_bad;
}

/* --- who asks --- */

static bool
take(void *context, unsigned int kind, struct bytes *message)
{
    struct broker *broker = context;

    switch (kind) {
    case ASK_START:
        return take_start(broker, message);
    case ASK_STOP:
        return take_stop(broker, message);
    case ASK_CALL:
        return carried_take(broker, message);
    case ASK_END_VISIT:
        return take_end_visit(broker, message);
    case ASK_LOG:
        return take_log(message);
    default:
        return false;
    }
}

/* Sources run on, for who comes next. */
static void
be_deserted(struct broker *broker)
{
    struct carried *carried;
    struct served *served;

    if (broker->channel)
        channel_close(broker->channel);
    broker->channel = NULL;
    DL_FOREACH (broker->carried, carried) {
        carried->is_deserted = true;
    }
    LL_FOREACH (broker->served, served) {
        served->number = 0;
    }
}

static void
broke(void *context, const char *why)
{
    struct broker *broker = context;

    be_deserted(broker);
    broker->parts.deserted(broker->parts.context, why);
}

void
broker_serve(struct broker *broker, int fd)
{
    const struct channel_listener channel_listener = {
        .told = take, .broke = broke, .context = broker};

    be_deserted(broker);
    broker->channel =
        channel_open(broker->parts.loop, fd, ASK_BYTES_MAX, &channel_listener);
}

/* --- the broker --- */

static bool
is_news(const struct served *served, const struct source_capacity *capacity,
        const struct source_figures *figures)
{
    return capacity->lanes != served->capacity.lanes ||
           capacity->calls != served->capacity.calls ||
           figures->has_lanes != served->figures.has_lanes ||
           figures->lanes != served->figures.lanes ||
           figures->lanes_in_use != served->figures.lanes_in_use ||
           figures->lanes_abandoned != served->figures.lanes_abandoned ||
           figures->has_sockets != served->figures.has_sockets ||
           figures->sockets_beyond != served->figures.sockets_beyond;
}

static void
review_stage(struct broker *broker, struct carried *carried)
{
    const struct served *served = carried->served;
    enum call_stage stage = served->driver->stage(served->source, &carried->call);
    struct text message = TEXT_INIT(TELL_BYTES_MAX);

    if (stage == carried->stage)
        return;
    carried->stage = stage;
    bytes_put_number(&message, carried->number);
    bytes_put_number(&message, stage);
    channel_tell(broker->channel, TELL_STAGE, &message, CHANNEL_NOW);
}

static void
review(uv_timer_t *timer)
{
    struct broker *broker = timer->data;
    struct served *served;
    struct carried *carried;
    struct text nothing = TEXT_INIT(0);

    LL_FOREACH (broker->served, served) {
        struct source_capacity capacity = served->driver->capacity(served->source);
        struct source_figures figures = served->driver->figures(served->source);

        if (!is_news(served, &capacity, &figures))
            continue;
        served->capacity = capacity;
        served->figures = figures;
        served_tell_status(served);
    }
    DL_FOREACH (broker->carried, carried) {
        if (!carried->is_early && !carried->is_deserted)
            review_stage(broker, carried);
    }
    channel_tell(broker->channel, TELL_ALIVE, &nothing, CHANNEL_NOW);
}

static void
init_timer(struct broker *broker, uv_timer_t *timer)
{
    (void)uv_timer_init(broker->parts.loop, timer);
    timer->data = broker;
    broker->timers++;
}

struct broker *
broker_new(const struct broker_parts *parts)
{
    struct broker *broker = memory_new(1, sizeof(*broker));

    broker->parts = *parts;
    (void)commands_list(); /* before there are other threads */
    init_timer(broker, &broker->gap);
    init_timer(broker, &broker->review);
    (void)uv_timer_start(&broker->review, review, REVIEW_MS, REVIEW_MS);
    return broker;
}

static void
forbid_all(struct broker *broker)
{
    for (size_t i = 0; i < broker->allowed_count; i++)
        source_config_clear(&broker->allowed[i]);
    free(broker->allowed);
    broker->allowed = NULL;
    broker->allowed_count = 0;
}

/* Of which nobody will want to know any more. */
static void
leave_orphans(struct broker *broker)
{
    struct served *served, *next;

    LL_FOREACH_SAFE(broker->served, served, next)
    {
        if (served->number == 0 && !is_allowed(broker, &served->config))
            leave_source(served);
    }
}

void
broker_allow(struct broker *broker, struct bytes *sources)
{
    size_t count = bytes_choice(sources, CONFIG_SOURCES_MAX + 1);

    forbid_all(broker);
    broker->allowed = memory_new(count + 1, sizeof(*broker->allowed));
    while (broker->allowed_count < count)
        message_source(sources, &broker->allowed[broker->allowed_count++]);
    leave_orphans(broker);
}

static void
timer_closed(uv_handle_t *handle)
{
    struct broker *broker = handle->data;

    if (--broker->timers == 0)
        free(broker);
}

static void
close_timer(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, timer_closed);
}

bool
broker_stop(struct broker *broker, int64_t deadline_ns)
{
    bool all_back = !broker->left_calls;

    be_deserted(broker);
    while (broker->served)
        /* NOLINTNEXTLINE(clang-analyzer-*): it loses count of the list */
        all_back = stop_source(broker->served, deadline_ns) && all_back;
    forbid_all(broker);
    close_timer(&broker->gap);
    close_timer(&broker->review);
    return all_back;
}
