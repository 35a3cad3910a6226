/* The poller alone, until its first pass is through. */
#include "once.h"

#include "base/clock.h"
#include "config/config.h"
#include "doctor/doctor.h"
#include "doctor/json.h"
#include "doctor/table.h"
#include "doctor/words.h"
#include "exporter.h"
#include "guest/guest.h"
#include "options.h"
#include "poll/poller.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The slowest answer is that of libvirt while another client uses the agent: it waits
 * 30 s, syncs twice and makes the call.  If nothing new was learned for longer, the
 * doctor reports what it has. */
#define PATIENCE_MS 45000
/* Likewise if no source has connected; a source tells after 15 s that it cannot. */
#define CONNECT_PATIENCE_MS 20000
#define LOOK_MS 1000

struct walk {
    struct exporter *exporter;
    bool all_answered;
    uv_timer_t patience;        /* the doctor's */
    uint64_t learned, since_ms; /* a count of facts, and when it last grew */
};

static void
first_pass(void *context, bool all_answered)
{
    struct walk *walk = context;

    walk->all_answered = all_answered;
    uv_stop(&walk->exporter->loop);
}

static bool
print(const char *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0)
        return true;
    (void)fprintf(stderr, "qga-exporter: cannot write to standard output\n");
    return false;
}

/* --- the end of --once --- */

struct tally {
    size_t sources, away, guests, silent;
    const struct source_config *first_away;
    const char *why;
};

static void
tally_source(void *context, const struct source_config *source, bool is_up,
             const char *why)
{
    struct tally *tally = context;

    tally->sources++;
    if (is_up)
        return;
    if (tally->away++ == 0) {
        tally->first_away = source;
        tally->why = why;
    }
}

static void
tally_guest(void *context, const struct source_config *source,
            const struct guest *guest)
{
    struct tally *tally = context;

    (void)source;
    tally->guests++;
    tally->silent += !guest->opted_out && guest->last_state != AGENT_RESPONSIVE;
}

static void
print_trouble(const struct tally *tally)
{
    if (tally->away > 0) {
        char *place = doctor_escape(source_config_place(tally->first_away));
        char *why = doctor_escape(*tally->why ? tally->why : "it does not answer");

        (void)fprintf(stderr, "qga-exporter: %zu of %zu sources %s away (%s: %s); ",
                      tally->away, tally->sources, tally->away == 1 ? "is" : "are",
                      place, why);
        free(place);
        free(why);
    } else {
        (void)fprintf(stderr, "qga-exporter: ");
    }
    (void)fprintf(stderr,
                  "%zu of %zu guests answered; qga-exporter doctor says what to do\n",
                  tally->guests - tally->silent, tally->guests);
}

int
once_print_metrics(struct exporter *exporter)
{
    struct walk walk = {.exporter = exporter};
    struct tally tally = {0};
    const struct watch_visitor visitor = {
        .source = tally_source, .guest = tally_guest, .context = &tally};

    exporter_open(exporter);
    exporter_start(exporter, first_pass, &walk);
    (void)uv_run(&exporter->loop, UV_RUN_DEFAULT);
    poller_visit(exporter->poller, &visitor);
    if (!walk.all_answered)
        print_trouble(&tally);
    if (tally.away == tally.sources) /* there is nothing to show */
        return exporter_close(exporter, EXIT_FAILURE);

    struct body *body =
        store_body(exporter->store, (struct body_form){EXPOSITION_TEXT, BODY_PLAIN},
                   clock_monotonic_ns());
    bool is_written = print(body->bytes, body->length);

    body_unref(body);
    return exporter_close(exporter, is_written && walk.all_answered ? EXIT_SUCCESS
                                                                    : EXIT_FAILURE);
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

/* Else a hanging daemon would be waited for without end. */
static void
lose_patience(uv_timer_t *timer)
{
    struct walk *walk = timer->data;
    uint64_t learned = 0, now_ms = uv_now(timer->loop);
    const struct watch_visitor count = {
        .source = count_source, .guest = count_guest, .context = &learned};

    poller_visit(walk->exporter->poller, &count);
    if (learned != walk->learned) {
        walk->learned = learned;
        walk->since_ms = now_ms;
    }
    if (now_ms - walk->since_ms >= (learned > 0 ? PATIENCE_MS : CONNECT_PATIENCE_MS))
        uv_stop(timer->loop);
}

static void
walk_patiently(struct walk *walk)
{
    struct exporter *exporter = walk->exporter;

    (void)uv_timer_init(&exporter->loop, &walk->patience);
    walk->patience.data = walk;
    exporter_start(exporter, first_pass, walk);
    walk->since_ms = uv_now(&exporter->loop);
    (void)uv_timer_start(&walk->patience, lose_patience, LOOK_MS, LOOK_MS);
    (void)uv_run(&exporter->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&walk->patience, NULL);
}

/* Whether all are well, and the report was written. */
static bool
report(const struct exporter *exporter)
{
    struct doctor *doctor =
        doctor_new(exporter->config, exporter->options->domains, clock_monotonic_ns());
    const struct watch_visitor visitor = {
        .source = doctor_add_source, .guest = doctor_add_guest, .context = doctor};

    poller_visit(exporter->poller, &visitor);
    doctor_conclude(doctor);
    char *text = exporter->options->json ? doctor_json(doctor) : doctor_table(doctor);
    bool is_well = doctor_is_well(doctor);
    bool is_written = print(text, strlen(text));

    free(text);
    doctor_free(doctor);
    return is_written && is_well;
}

int
once_run_doctor(struct exporter *exporter)
{
    struct walk walk = {.exporter = exporter};

    exporter_open(exporter);
    if (exporter->config->paused) {
        (void)fprintf(stderr,
                      "qga-exporter: the configuration says paused: no guest is asked "
                      "anything, nor by the doctor\n");
        return exporter_close(exporter, EXIT_FAILURE);
    }
    walk_patiently(&walk);
    return exporter_close(exporter, report(exporter) ? EXIT_SUCCESS : EXIT_FAILURE);
}
