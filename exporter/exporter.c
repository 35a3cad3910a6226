/* Opens, wires and closes the parts. */
#include "exporter.h"

#include "agent/commands.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "config/config.h"
#include "guest/state.h"
#include "options.h"
#include "poll/poller.h"
#include "poll/publish.h"
#include "source/source.h"
#include "store/store.h"
#include "store/telemetry.h"
#include "store/telemetry_text.h"

#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* glibc returns freed memory at the top of an arena only: what one oversized reply took
 * would be held for hours.  A trim takes less than 0.1 ms. */
#define TRIM_MS 10000

/* Stopping takes 2 s at most; half of it is the web side's. */
#define FINISH_NS (INT64_C(400) * 1000 * 1000)
#define FINISH_TICK_MS 10
#define STOP_NS (INT64_C(800) * 1000 * 1000)

struct config *
exporter_load_config(const struct options *options, struct failure *why)
{
    const char *path =
        options_file(options->config_file, options->config_file_is_named);
    struct config *config = config_load(path, &options->overrides, why);

    if (config)
        log_configure(config->log.level, config->log.format);
    return config;
}

static void
trim_memory(uv_timer_t *timer)
{
    (void)timer;
    (void)malloc_trim(0);
}

/* A file that a collector has open in a guest is closed before the end, if that is
 * soon. */
static void
stop_when_finished(uv_timer_t *timer)
{
    struct exporter *exporter = timer->data;

    if (poller_finish(exporter->poller) ||
        clock_monotonic_ns() - exporter->finishing_since_ns > FINISH_NS)
        uv_stop(timer->loop);
}

static void
terminate(uv_signal_t *handle, int number)
{
    struct exporter *exporter = handle->data;

    log_info("stopping", LOG_STR("signal", strsignal(number)));
    if (exporter->finishing_since_ns == 0) /* a second signal does not prolong it */
        exporter->finishing_since_ns = clock_monotonic_ns();
    (void)uv_timer_start(&exporter->finish, stop_when_finished, 0, FINISH_TICK_MS);
}

void
exporter_handle_signal(struct exporter *exporter, uv_signal_t *handle, int number,
                       uv_signal_cb callback, void *context)
{
    (void)uv_signal_init(&exporter->loop, handle);
    handle->data = context;
    (void)uv_signal_start(handle, callback, number);
}

void
exporter_open(struct exporter *exporter)
{
    struct store_part parts[PUBLISH_SLOTS_MAX + TELEMETRY_PARTS];
    size_t parts_count = publish_slots(parts);

    size_t own_count = exporter->options->disable_exporter_metrics
                           ? TELEMETRY_PARTS_OF_HOST
                           : TELEMETRY_PARTS;

    for (size_t i = 0; i < own_count; i++)
        parts[parts_count++] = telemetry_parts[i];

    (void)uv_loop_init(&exporter->loop);
    exporter->mailbox = mailbox_new(&exporter->loop);
    exporter->telemetry = telemetry_new(commands_list(), agent_state_names);
    exporter->store = store_new(parts, parts_count, exporter->telemetry);
    telemetry_reload(exporter->telemetry, true, clock_realtime_ns());
    (void)uv_timer_init(&exporter->loop, &exporter->finish);
    exporter->finish.data = exporter;
    (void)uv_timer_init(&exporter->loop, &exporter->trim);
    (void)uv_timer_start(&exporter->trim, trim_memory, TRIM_MS, TRIM_MS);
    exporter_handle_signal(exporter, &exporter->terminate, SIGTERM, terminate,
                           exporter);
    exporter_handle_signal(exporter, &exporter->interrupt, SIGINT, terminate, exporter);
}

void
exporter_start(struct exporter *exporter,
               void (*first_pass)(void *context, bool all_answered), void *context)
{
    const struct poller_parts parts = {
        .watch = {.loop = &exporter->loop,
                  .mailbox = exporter->mailbox,
                  .store = exporter->store,
                  .telemetry = exporter->telemetry,
                  .drivers = exporter->drivers,
                  .at_once = exporter->options->mode != OPTIONS_RUN,
                  .only = exporter->options->domains},
        .first_pass = first_pass,
        .context = context,
    };

    exporter->poller = poller_start(&parts, exporter->config);
}

void
exporter_stop(struct exporter *exporter)
{
    if (exporter->poller)
        exporter->has_hanging_calls =
            !poller_stop(exporter->poller, clock_monotonic_ns() + STOP_NS);
    exporter->poller = NULL;
}

int
exporter_close(struct exporter *exporter, int status)
{
    exporter_stop(exporter);
    if (exporter->has_hanging_calls)
        _exit(status);
    mailbox_drain(exporter->mailbox);
    mailbox_close(exporter->mailbox);
    uv_close((uv_handle_t *)&exporter->finish, NULL);
    uv_close((uv_handle_t *)&exporter->trim, NULL);
    uv_close((uv_handle_t *)&exporter->terminate, NULL);
    uv_close((uv_handle_t *)&exporter->interrupt, NULL);
    (void)uv_run(&exporter->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&exporter->loop);
    store_free(exporter->store);
    telemetry_free(exporter->telemetry);
    config_free(exporter->config);
    return status;
}
