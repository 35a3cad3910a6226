/* Starts, wires and stops. */
#include "agent/commands.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "config/config.h"
#include "doctor/doctor.h"
#include "doctor/report.h"
#include "guest/guest.h"
#include "options.h"
#include "poll/poller.h"
#include "source/source.h"
#include "store/store.h"
#include "store/telemetry.h"
#include "store/telemetry_text.h"
#include "web/access.h"
#include "web/web.h"

#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#define EXIT_USAGE 2
#define ARENAS_MAX 2
/* Freed memory below something that lives on stays in an arena: what one guest's lie of
 * megabytes took would be held for hours.  To look costs less than 0.1 ms. */
#define TRIM_MS 10000

/* The whole end takes at most 2 s; half of it is the web side's. */
#define FINISH_NS (INT64_C(400) * 1000 * 1000)
#define FINISH_TICK_MS 10
#define STOP_NS (INT64_C(800) * 1000 * 1000)

/* Nothing is as slow as libvirt waiting for another client of an agent: 30 s, two syncs
 * and the call.  A doctor who has learned nothing for longer gives up on the rest. */
#define PATIENCE_MS 45000
/* ... nor is any daemon that is well as slow to let somebody in, which a source finds
 * out after 15 s. */
#define CONNECT_PATIENCE_MS 20000
#define GLANCE_MS 1000

struct exporter {
    const struct options *options;
    struct config *config;
    uv_loop_t loop;
    uv_signal_t terminate, interrupt, reload, pause;
    uv_timer_t finish, trim;
    int64_t finishing_since_ns;
    struct mailbox *mailbox;
    struct store *store;
    struct telemetry *telemetry;
    struct web_access *web_access;
    struct web *web;
    struct poller *poller;
    bool ready;        /* the first pass is through */
    bool all_answered; /* --once */
    struct {
        uv_timer_t patience;
        uint64_t learned, since_ms; /* doctor: how much, and since when not more */
    } doctor;
};

static struct config *
load_config(const struct options *options, struct failure *why)
{
    struct config *config = config_load(options->config_file, &options->overrides, why);

    if (config)
        log_configure(config->log.level, config->log.format);
    return config;
}

static struct web *
start_web(struct exporter *exporter, const struct config *config, struct failure *why)
{
    const struct web_settings settings = {
        .listen_addresses = (const char *const *)config->web.listen_addresses,
        .telemetry_path = config->web.telemetry_path,
        .access = exporter->web_access,
    };

    return web_start(&settings, exporter->store, exporter->telemetry, why);
}

/* --- reload --- */

static bool
is_same_web(const struct config *a, const struct config *b)
{
    size_t i = 0;

    if (strcmp(a->web.telemetry_path, b->web.telemetry_path) != 0)
        return false;
    for (; a->web.listen_addresses[i] && b->web.listen_addresses[i]; i++) {
        if (strcmp(a->web.listen_addresses[i], b->web.listen_addresses[i]) != 0)
            return false;
    }
    return !a->web.listen_addresses[i] && !b->web.listen_addresses[i];
}

/* The old addresses are let go first, since the new ones may be among them; if the new
 * ones cannot be had, the old ones are taken again. */
static bool
move_web(struct exporter *exporter, const struct config *config, struct failure *why)
{
    struct failure lost;

    if (exporter->options->mode != OPTIONS_RUN ||
        (exporter->web && web_fits(exporter->web) &&
         is_same_web(exporter->config, config)))
        return true;
    web_stop(exporter->web);
    exporter->web = start_web(exporter, config, why);
    bool moved = exporter->web != NULL;

    if (!moved)
        exporter->web = start_web(exporter, exporter->config, &lost);
    if (exporter->web)
        web_set_ready(exporter->web, exporter->ready);
    else
        log_error("the old address is lost too; reload when it is free",
                  LOG_STR("error", lost.text));
    return moved;
}

static bool
reload_web(struct exporter *exporter, const struct config *config, struct failure *why)
{
    if (exporter->web_access && web_access_reload(exporter->web_access, why) < 0)
        return false;
    return move_web(exporter, config, why);
}

static void
reload(uv_signal_t *handle, int signal_number)
{
    struct exporter *exporter = handle->data;
    struct failure why;
    struct config *config = load_config(exporter->options, &why);

    (void)signal_number;
    if (!config || !reload_web(exporter, config, &why)) {
        log_configure(exporter->config->log.level, exporter->config->log.format);
        log_error("the new config is refused, the old one stays",
                  LOG_STR("error", why.text));
        telemetry_reload(exporter->telemetry, false, clock_realtime_ns());
        config_free(config);
        return;
    }
    poller_configure(exporter->poller, config);
    config_free(exporter->config);
    exporter->config = config;
    log_info("the config is reloaded");
    telemetry_reload(exporter->telemetry, true, clock_realtime_ns());
}

/* --- start and stop --- */

static void
toggle_pause(uv_signal_t *handle, int signal_number)
{
    struct exporter *exporter = handle->data;

    (void)signal_number;
    if (poller_toggle_pause(exporter->poller))
        log_warn("paused: no guest is asked anything until the next SIGUSR1");
    else
        log_info("no longer paused");
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
terminate(uv_signal_t *handle, int signal_number)
{
    struct exporter *exporter = handle->data;

    log_info("stopping", LOG_STR("signal", strsignal(signal_number)));
    if (exporter->finishing_since_ns == 0) /* impatience does not prolong it */
        exporter->finishing_since_ns = clock_monotonic_ns();
    uv_timer_start(&exporter->finish, stop_when_finished, 0, FINISH_TICK_MS);
}

static void
start_signal(struct exporter *exporter, uv_signal_t *handle, uv_signal_cb callback,
             int signal_number)
{
    uv_signal_init(&exporter->loop, handle);
    handle->data = exporter;
    uv_signal_start(handle, callback, signal_number);
}

static void
first_pass(void *context, bool all_answered)
{
    struct exporter *exporter = context;

    exporter->all_answered = all_answered;
    exporter->ready = true;
    if (exporter->options->mode != OPTIONS_RUN)
        uv_stop(&exporter->loop);
    else if (exporter->web)
        web_set_ready(exporter->web, true);
}

static void
start_poller(struct exporter *exporter)
{
    static const struct source_driver *const drivers[] = {
        [SOURCE_LIBVIRT] = &source_libvirt,
        [SOURCE_SOCKET] = &source_socket,
    };
    const struct poller_parts parts = {
        .loop = &exporter->loop,
        .mailbox = exporter->mailbox,
        .store = exporter->store,
        .telemetry = exporter->telemetry,
        .drivers = drivers,
        .first_pass = first_pass,
        .context = exporter,
        .at_once = exporter->options->mode != OPTIONS_RUN,
        .only = exporter->options->domains,
    };

    exporter->poller = poller_start(&parts, exporter->config);
}

/* Each socket source's guest is a file; the soft limit is 1024 for select(2)'s sake. */
static void
raise_files_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_debug("the limit of open files stays", LOG_STR("error", strerror(errno)));
    else
        log_debug("the limit of open files is raised",
                  LOG_INT("files", (int64_t)limit.rlim_cur));
}

static void
trim_memory(uv_timer_t *timer)
{
    (void)timer;
    malloc_trim(0);
}

static void
open_exporter(struct exporter *exporter)
{
    const struct metric *const *slots[POLLER_SLOTS_MAX];
    size_t slots_count = poller_slots(slots);

    uv_loop_init(&exporter->loop);
    exporter->mailbox = mailbox_new(&exporter->loop);
    exporter->telemetry = telemetry_new(commands_list(), poller_states());
    exporter->store =
        store_new(slots, slots_count, telemetry_write, exporter->telemetry);
    telemetry_reload(exporter->telemetry, true, clock_realtime_ns());
    uv_timer_init(&exporter->loop, &exporter->finish);
    exporter->finish.data = exporter;
    uv_timer_init(&exporter->loop, &exporter->trim);
    uv_timer_start(&exporter->trim, trim_memory, TRIM_MS, TRIM_MS);
    start_signal(exporter, &exporter->terminate, terminate, SIGTERM);
    start_signal(exporter, &exporter->interrupt, terminate, SIGINT);
    start_signal(exporter, &exporter->reload, reload, SIGHUP);
    start_signal(exporter, &exporter->pause, toggle_pause, SIGUSR1);
}

/* With calls that hang in libvirt, what their lanes hold is given up; the process must
 * then end without running destructors under their feet. */
static bool
close_exporter(struct exporter *exporter)
{
    bool ended = true;

    if (exporter->poller)
        ended = poller_stop(exporter->poller, clock_monotonic_ns() + STOP_NS);
    web_stop(exporter->web);
    web_access_close(exporter->web_access);
    if (!ended)
        return false;
    mailbox_drain(exporter->mailbox);
    mailbox_close(exporter->mailbox);
    uv_close((uv_handle_t *)&exporter->finish, NULL);
    uv_close((uv_handle_t *)&exporter->trim, NULL);
    uv_close((uv_handle_t *)&exporter->terminate, NULL);
    uv_close((uv_handle_t *)&exporter->interrupt, NULL);
    uv_close((uv_handle_t *)&exporter->reload, NULL);
    uv_close((uv_handle_t *)&exporter->pause, NULL);
    uv_run(&exporter->loop, UV_RUN_DEFAULT);
    uv_loop_close(&exporter->loop);
    store_free(exporter->store);
    telemetry_free(exporter->telemetry);
    return true;
}

/* By the watch over the web configuration's files, on its thread. */
static void
web_reloaded(void *telemetry, bool is_good)
{
    telemetry_web_reload(telemetry, is_good, clock_realtime_ns());
}

static int
serve(struct exporter *exporter)
{
    struct failure why;

    exporter->web_access = web_access_open(exporter->options->web_config_file,
                                           web_reloaded, exporter->telemetry, &why);
    if (!exporter->web_access) {
        fprintf(stderr, "qga-exporter: %s\n", why.text);
        return EXIT_USAGE;
    }
    exporter->web = start_web(exporter, exporter->config, &why);
    if (!exporter->web) {
        fprintf(stderr, "qga-exporter: %s\n", why.text);
        return EXIT_FAILURE;
    }
    start_poller(exporter);
    uv_run(&exporter->loop, UV_RUN_DEFAULT);
    return EXIT_SUCCESS;
}

static int
run_once(struct exporter *exporter)
{
    start_poller(exporter);
    uv_run(&exporter->loop, UV_RUN_DEFAULT);

    struct body *body = store_body(exporter->store, clock_monotonic_ns());
    bool written = fwrite(body->bytes, 1, body->length, stdout) == body->length &&
                   fflush(stdout) == 0;

    body_unref(body);
    if (!written)
        fprintf(stderr, "qga-exporter: cannot write to standard output\n");
    return written && exporter->all_answered ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- doctor --- */

static void
count_source(void *context, const struct source_config *source, bool is_up,
             const char *why)
{
    uint64_t *learned = context;

    (void)source;
    *learned += is_up || *why;
}

static void
count_guest(void *context, const struct source_config *source,
            const struct guest *guest)
{
    uint64_t *learned = context;

    (void)source;
    *learned += 1 + guest->calls_total;
}

/* A daemon that hangs would be waited for without end. */
static void
lose_patience(uv_timer_t *timer)
{
    struct exporter *exporter = timer->data;
    uint64_t learned = 0, now_ms = uv_now(&exporter->loop);
    const struct watch_visitor count = {
        .source = count_source, .guest = count_guest, .context = &learned};

    poller_visit(exporter->poller, &count);
    if (learned != exporter->doctor.learned) {
        exporter->doctor.learned = learned;
        exporter->doctor.since_ms = now_ms;
    }
    if (now_ms - exporter->doctor.since_ms >=
        (learned > 0 ? PATIENCE_MS : CONNECT_PATIENCE_MS))
        uv_stop(&exporter->loop);
}

static void
walk_the_ground(struct exporter *exporter)
{
    uv_timer_t *timer = &exporter->doctor.patience;

    uv_timer_init(&exporter->loop, timer);
    timer->data = exporter;
    start_poller(exporter);
    exporter->doctor.since_ms = uv_now(&exporter->loop);
    uv_timer_start(timer, lose_patience, GLANCE_MS, GLANCE_MS);
    uv_run(&exporter->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)timer, NULL);
}

static void
see_source(void *doctor, const struct source_config *source, bool is_up,
           const char *why)
{
    doctor_add_source(doctor, source, is_up, why);
}

static void
see_guest(void *doctor, const struct source_config *source, const struct guest *guest)
{
    doctor_add_guest(doctor, source, guest);
}

static int
run_doctor(struct exporter *exporter)
{
    if (exporter->config->paused) {
        fprintf(stderr,
                "qga-exporter: the configuration says paused: no guest is asked "
                "anything, nor by the doctor\n");
        return EXIT_FAILURE;
    }
    walk_the_ground(exporter);

    struct doctor *doctor =
        doctor_new(exporter->config, exporter->options->domains, clock_monotonic_ns());
    const struct watch_visitor visitor = {
        .source = see_source, .guest = see_guest, .context = doctor};

    poller_visit(exporter->poller, &visitor);
    doctor_conclude(doctor);
    char *report = exporter->options->json ? doctor_json(doctor) : doctor_table(doctor);
    bool is_well = doctor_is_well(doctor);
    bool written = fputs(report, stdout) >= 0 && fflush(stdout) == 0;

    free(report);
    doctor_free(doctor);
    if (!written)
        fprintf(stderr, "qga-exporter: cannot write to standard output\n");
    return written && is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
run(struct exporter *exporter)
{
    if (exporter->options->mode == OPTIONS_ONCE)
        return run_once(exporter);
    if (exporter->options->mode == OPTIONS_DOCTOR)
        return run_doctor(exporter);
    return serve(exporter);
}

static int
check_web_config(const struct options *options)
{
    struct failure why;
    struct web_access *access =
        web_access_open(options->web_config_file, NULL, NULL, &why);

    if (!access) {
        fprintf(stderr, "qga-exporter: %s\n", why.text);
        return EXIT_USAGE;
    }
    web_access_close(access);
    if (options->web_config_file)
        printf("%s: the web config is good\n", options->web_config_file);
    return EXIT_SUCCESS;
}

int
main(int argc, char *argv[])
{
    struct failure why;
    const struct options options = options_parse(argc, argv);
    struct exporter exporter = {.options = &options};
    int status;

    if (options.mode == OPTIONS_EXIT)
        return options.exit_status;
    /* Each lane would keep what it once had in an arena of its own. */
    mallopt(M_ARENA_MAX, ARENAS_MAX);
    setlocale(LC_MESSAGES, "C"); /* libvirt's texts are told apart */
    signal(SIGPIPE, SIG_IGN);
    exporter.config = load_config(&options, &why);
    if (!exporter.config) {
        fprintf(stderr, "qga-exporter: %s\n", why.text);
        return EXIT_USAGE;
    }
    if (options.mode == OPTIONS_CONFIG_CHECK) {
        status = check_web_config(&options);
        if (status == EXIT_SUCCESS)
            printf("%s: the config is good\n",
                   options.config_file ? options.config_file : "no config file");
        config_free(exporter.config);
        return status;
    }
    raise_files_limit();
    open_exporter(&exporter);
    status = run(&exporter);
    if (!close_exporter(&exporter))
        _exit(status);
    config_free(exporter.config);
    return status;
}
