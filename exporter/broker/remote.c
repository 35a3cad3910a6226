/* Sources, by what the broker tells of them. */
#include "broker/remote.h"

#include "agent/commands.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "broker/channel.h"
#include "broker/definitions.h"
#include "broker/messages.h"
#include "config/sources.h"
#include "kit/memory.h"
#include "source/answer.h"
#include "source/balloon.h"
#include "source/domain_facts.h"
#include "source/guest_event.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <uv.h>

/* Until the broker says more: the sockets' first ones. */
#define SOCKETS_AT_FIRST 64
#define IS_AWAY "the process that asks guests has ended; it is started anew"

struct source {
    int64_t number;
    struct source_config config;
    const struct source_listener *listener;
    struct mailbox *mailbox;
    struct source_capacity capacity;
    struct source_figures figures;
    struct definition *definitions;
    UT_hash_handle hh;
};

/* One that the broker has not answered. */
struct asking {
    struct mail mail; /* first; of one that nobody carries */
    int64_t number;
    struct source *source;
    struct call *call; /* NULL: nobody waits for it */
    enum call_stage stage;
    bool is_mailed;
    UT_hash_handle hh;
};

/* The process has one broker. */
static struct {
    struct channel *channel; /* NULL: it is away */
    struct source *sources;
    struct asking *askings;
    bool was_heard; /* since that was asked last */
    int64_t sources_started, calls_asked;
    enum log_level log_level;
    enum log_format log_format;
} remote;

static void
tell(enum ask kind, struct text *message)
{
    channel_tell(remote.channel, kind, message, CHANNEL_NOW);
}

/* --- sources --- */

static void
ask_start(const struct source *source)
{
    struct text message = TEXT_INIT(ASK_BYTES_MAX);

    bytes_put_number(&message, source->number);
    message_put_source(&message, &source->config);
    tell(ASK_START, &message);
}

static struct source *
remote_start(const struct source_config *config, uv_loop_t *loop,
             struct mailbox *mailbox, const struct source_listener *listener)
{
    struct source *source = memory_new(1, sizeof(*source));

    (void)loop;
    source->number = ++remote.sources_started;
    source_config_copy(&source->config, config);
    source->listener = listener;
    source->mailbox = mailbox;
    source->capacity.lanes = source->capacity.calls =
        config->kind == SOURCE_LIBVIRT ? config->libvirt.lanes : SOCKETS_AT_FIRST;
    /* NOLINTNEXTLINE(clang-analyzer-*): it cannot follow uthash's table */
    HASH_ADD(hh, remote.sources, number, sizeof(source->number), source);
    ask_start(source);
    return source;
}

static struct source_capacity
remote_capacity(const struct source *source)
{
    return source->capacity;
}

static struct source_figures
remote_figures(const struct source *source)
{
    return source->figures;
}

static void
forget_asking(struct asking *asking)
{
    HASH_DEL(remote.askings, asking);
    if (asking->is_mailed) { /* it is freed when it comes */
        asking->call = NULL;
        asking->source = NULL;
        return;
    }
    free(asking);
}

static bool
remote_stop(struct source *source, int64_t deadline_ns)
{
    struct text message = TEXT_INIT(ASK_BYTES_MAX);
    struct asking *asking, *next;

    (void)deadline_ns; /* calls in flight are the broker's */
    bytes_put_number(&message, source->number);
    tell(ASK_STOP, &message);
    HASH_ITER (hh, remote.askings, asking, next) {
        if (asking->source == source)
            forget_asking(asking);
    }
    definitions_forget_all(&source->definitions);
    HASH_DEL(remote.sources, source);
    source_config_clear(&source->config);
    free(source);
    return true;
}

/* --- calls --- */

static void
end_call(struct asking *asking, const struct answer *answer)
{
    struct call *call = asking->call;

    forget_asking(asking);
    call->answer = *answer;
    call->carrier = NULL;
    call->done(call);
}

static void
fail_call(struct asking *asking)
{
    const struct answer answer = answer_unsent(FAILURE_UNAVAILABLE, IS_AWAY);

    end_call(asking, &answer);
}

static void
deliver_failure(struct mail *mail)
{
    struct asking *asking = (struct asking *)mail;

    asking->is_mailed = false;
    if (asking->call)
        fail_call(asking);
    else
        free(asking);
}

static void
remote_call(struct source *source, struct call *call)
{
    struct asking *asking = memory_new(1, sizeof(*asking));
    const struct asked_call asked = {
        .source = source->number,
        .number = ++remote.calls_asked,
        .query = commands_number(&call->request),
        .timeout_ns = call->timeout_ns,
        .reply_bytes_max = call->reply_bytes_max,
    };
    struct text message = TEXT_INIT(ASK_BYTES_MAX);

    asking->number = asked.number;
    asking->source = source;
    asking->call = call;
    call->carrier = asking;
    HASH_ADD(hh, remote.askings, number, sizeof(asking->number), asking);
    if (!remote.channel) {
        asking->mail.deliver = deliver_failure;
        asking->is_mailed = true;
        mailbox_post(source->mailbox, &asking->mail);
        return;
    }
    bytes_put_string(&message, call->guest_key);
    bytes_put_block(&message, &asked, sizeof(asked));
    tell(ASK_CALL, &message);
}

static void
remote_end_visit(struct source *source, const char *guest_key)
{
    struct text message = TEXT_INIT(ASK_BYTES_MAX);

    bytes_put_number(&message, source->number);
    bytes_put_string(&message, guest_key);
    tell(ASK_END_VISIT, &message);
}

static enum call_stage
remote_stage(const struct source *source, const struct call *call)
{
    (void)source;
    return ((const struct asking *)call->carrier)->stage;
}

/* --- what the broker tells --- */

static struct asking *
read_asking(struct bytes *message)
{
    int64_t number = bytes_number(message);
    struct asking *asking;

    HASH_FIND(hh, remote.askings, &number, sizeof(number), asking);
    return asking;
}

static void
take_answer(struct bytes *message)
{
    struct asking *asking = read_asking(message);
    struct answer answer;

    message_answer(message, &answer);
    if (asking && !message->is_bad)
        end_call(asking, &answer);
    else
        free(answer.reply);
}

static void
take_stage(struct bytes *message)
{
    struct asking *asking = read_asking(message);
    enum call_stage stage = bytes_choice(message, CALL_GIVEN_UP + 1);

    if (asking)
        asking->stage = stage;
}

/* As the source itself would have it. */
static void
take_definition(struct source *source, struct guest_facts *facts)
{
    if (!facts->definition_xml)
        return;
    const struct domain_xml *xml =
        definitions_read(&source->definitions, facts->key, facts->definition_xml);

    if (xml) {
        facts->channel = xml->channel;
        facts->opted_out = xml->opted_out;
        facts->os_hint = xml->os;
        facts->definition = domain_facts_ref(xml->facts);
    } else if (source->config.libvirt.ask_without_definition) {
        facts->channel = CHANNEL_CONNECTED;
    } else {
        facts->definition_error = "libvirt's XML of the domain is not to be understood";
    }
}

static void
take_seen(struct source *source, struct bytes *message)
{
    struct guest_facts facts;

    message_facts(message, &facts);
    if (!message->is_bad) {
        take_definition(source, &facts);
        source->listener->guest_seen(source->listener->context, source, &facts);
    }
    domain_facts_unref(facts.definition);
}

static void
take_gone(struct source *source, struct bytes *message)
{
    const char *key = bytes_string(message);

    if (message->is_bad)
        return;
    definitions_forget(&source->definitions, key);
    source->listener->guest_gone(source->listener->context, source, key);
}

static void
take_event(struct source *source, struct bytes *message)
{
    const char *key = bytes_string(message);
    struct guest_event event;

    bytes_copy(message, &event, sizeof(event));
    if (!message->is_bad)
        source->listener->guest_event(source->listener->context, source, key, &event);
}

static void
take_balloon(struct source *source, struct bytes *message)
{
    const char *key = bytes_string(message);
    struct balloon balloon;

    bytes_copy(message, &balloon, sizeof(balloon));
    if (!message->is_bad)
        source->listener->balloon_told(source->listener->context, source, key,
                                       &balloon);
}

static void
take_down(struct source *source, struct bytes *message)
{
    const char *why = bytes_string_or_null(message);

    if (!message->is_bad)
        source->listener->source_down(source->listener->context, source, why);
}

/* What of a source that was stopped was still on its way is for nobody. */
static bool
take_of_source(unsigned int kind, struct bytes *message)
{
    int64_t number = bytes_number(message);
    struct source *source;

    HASH_FIND(hh, remote.sources, &number, sizeof(number), source);
    if (!source)
        return !message->is_bad;
    const struct source_listener *listener = source->listener;

    switch (kind) {
    case TELL_SEEN:
        take_seen(source, message);
        break;
    case TELL_GONE:
        take_gone(source, message);
        break;
    case TELL_UP:
        listener->source_up(listener->context, source);
        break;
    case TELL_DOWN:
        take_down(source, message);
        break;
    case TELL_EVENT:
        take_event(source, message);
        break;
    case TELL_BALLOON:
        take_balloon(source, message);
        break;
    case TELL_BALLOONS:
        listener->balloons_told(listener->context, source);
        break;
    case TELL_STATUS:
        bytes_copy(message, &source->capacity, sizeof(source->capacity));
        bytes_copy(message, &source->figures, sizeof(source->figures));
        break;
    default:
        return false;
    }
    return !message->is_bad;
}

static bool
take(void *context, unsigned int kind, struct bytes *message)
{
    (void)context;
    remote.was_heard = true;
    if (kind == TELL_ALIVE)
        return true;
    if (kind == TELL_ANSWER)
        take_answer(message);
    else if (kind == TELL_STAGE)
        take_stage(message);
    else
        return take_of_source(kind, message);
    return !message->is_bad;
}

/* --- the way to it --- */

static void
lose_broker(void)
{
    struct asking *asking, *next_asking;
    struct source *source, *next;

    channel_close(remote.channel);
    remote.channel = NULL;
    HASH_ITER (hh, remote.sources, source, next)
        source->listener->source_down(source->listener->context, source, IS_AWAY);
    HASH_ITER (hh, remote.askings, asking, next_asking) {
        if (!asking->is_mailed)
            fail_call(asking);
    }
}

static void
broke(void *context, const char *why)
{
    (void)context;
    log_error("the process that asks guests has ended", LOG_STR("error", why));
    lose_broker();
}

static void
ask_log(void)
{
    struct text message = TEXT_INIT(ASK_BYTES_MAX);

    bytes_put_number(&message, remote.log_level);
    bytes_put_number(&message, remote.log_format);
    tell(ASK_LOG, &message);
}

void
remote_log(enum log_level level, enum log_format format)
{
    remote.log_level = level;
    remote.log_format = format;
    ask_log();
}

void
remote_ask_again(void)
{
    const struct source *source;

    for (source = remote.sources; source; source = source->hh.next)
        ask_start(source);
}

void
remote_connect(uv_loop_t *loop, int fd)
{
    const struct channel_listener listener = {.told = take, .broke = broke};

    if (remote.channel)
        lose_broker();
    remote.channel = channel_open(loop, fd, TELL_BYTES_MAX, &listener);
    ask_log();
    remote_ask_again();
}

bool
remote_was_heard(void)
{
    bool was_heard = remote.was_heard || !remote.channel;

    remote.was_heard = false;
    return was_heard;
}

void
remote_disconnect(void)
{
    if (remote.channel)
        channel_close(remote.channel);
    remote.channel = NULL;
}

static const struct source_driver remote_libvirt = {
    .start = remote_start,
    .capacity = remote_capacity,
    .figures = remote_figures,
    .call = remote_call,
    .stage = remote_stage,
    .stop = remote_stop,
    .tells_events = true,
};

static const struct source_driver remote_sockets = {
    .start = remote_start,
    .capacity = remote_capacity,
    .figures = remote_figures,
    .call = remote_call,
    .end_visit = remote_end_visit,
    .stage = remote_stage,
    .stop = remote_stop,
};

const struct source_driver *const remote_drivers[] = {
    [SOURCE_LIBVIRT] = &remote_libvirt,
    [SOURCE_SOCKET] = &remote_sockets,
    [SOURCE_PROXMOX] = &remote_sockets,
};
