/* `make bench-render`: what a scrape costs that finds everything changed, and one that
 * finds nothing changed, in each form, with GUESTS (1000) guests of 138 series, beside
 * a plain copy of the same bytes; and what slow readers hold.  CPU time of one core,
 * without HTTP. */
#include "base/clock.h"
#include "bench/synthetic.h"
#include "kit/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 21
#define MIB (1024.0 * 1024.0)

#define SAMPLES_PER_S_MIN 10e6
#define GZIP_NS_PER_BYTE_MAX 2.5 /* 25 ms for 10 MB */
#define GZIP_KEPT_NS_MAX 1e6
#define RESIDENT_MIB_MAX 80
#define SLOW_READERS 64
#define HELD_BODIES_MAX 2.2  /* two, what is needed to make one, and holes */
#define UPDATE_RATIO_MAX 1.3 /* caches are as large as they are */

static bool all_reached = true;

static void
row(const char *what, double value, const char *unit, double limit, bool reached)
{
    printf("%-44s %12.2f %-12s %10.2f  %s\n", what, value, unit, limit,
           reached ? "yes" : "NO");
    all_reached &= reached;
}

static double
resident_mib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (!file || fscanf(file, "%*s %ld", &pages) != 1)
        abort();
    (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / MIB;
}

static int
compare(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return (one > other) - (one < other);
}

/* The median of some rounds; `change` makes all that is kept worthless before each. */
static double
median_ns(struct store *store, struct body_form form, bool change, size_t *length)
{
    int64_t took_ns[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        if (change)
            store_guest_remove(store, store_guest_add(store, "domain=\"zz\""));
        int64_t start_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
        struct body *body = store_body(store, form, clock_monotonic_ns());

        took_ns[i] = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
        *length = body->length;
        body_unref(body);
    }
    qsort(took_ns, ROUNDS, sizeof(took_ns[0]), compare);
    return (double)took_ns[ROUNDS / 2];
}

static double
copy_ns(struct store *store, struct body_form form)
{
    int64_t took_ns[ROUNDS];
    struct body *body = store_body(store, form, clock_monotonic_ns());

    for (int i = 0; i < ROUNDS; i++) {
        int64_t start_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
        char *copy = memory_resize(NULL, body->length, 1);

        memcpy(copy, body->bytes, body->length);
        took_ns[i] = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns +
                     (copy[body->length - 1] == 0);
        free(copy);
    }
    body_unref(body);
    qsort(took_ns, ROUNDS, sizeof(took_ns[0]), compare);
    return (double)took_ns[ROUNDS / 2];
}

static void
measure(struct store *store, enum exposition_format format, size_t series)
{
    const char *name = format == EXPOSITION_TEXT ? "text 0.0.4" : "OpenMetrics";
    struct body_form plain = {format, BODY_PLAIN}, gzip = {format, BODY_GZIP};
    size_t length, gzip_length;
    double first_ns = median_ns(store, plain, true, &length);
    double kept_ns = median_ns(store, plain, false, &length);
    double both_ns = median_ns(store, gzip, true, &gzip_length);
    double gzip_kept_ns = median_ns(store, gzip, false, &gzip_length);
    double rate = (double)series / (first_ns / 1e9);

    printf("\n%s: %.2f MB, gzip %.2f MB; a plain copy takes %.2f ms\n", name,
           (double)length / 1e6, (double)gzip_length / 1e6,
           copy_ns(store, plain) / 1e6);
    row("first", rate / 1e6, "M samples/s", SAMPLES_PER_S_MIN / 1e6,
        rate >= SAMPLES_PER_S_MIN);
    row("kept", kept_ns / 1e6, "ms", GZIP_KEPT_NS_MAX / 1e6,
        kept_ns <= GZIP_KEPT_NS_MAX);
    double gzip_ns = both_ns - first_ns;

    row("gzip, per 10 MB", gzip_ns / (double)length * 10, "ms",
        GZIP_NS_PER_BYTE_MAX * 10, gzip_ns <= GZIP_NS_PER_BYTE_MAX * (double)length);
    row("gzip, kept", gzip_kept_ns / 1e6, "ms", GZIP_KEPT_NS_MAX / 1e6,
        gzip_kept_ns <= GZIP_KEPT_NS_MAX);
}

/* Readers who never come to an end, each after a change; as the web side does, they let
 * go of what is not wanted any more. */
static void
measure_slow_readers(struct store *store)
{
    const struct body_form form = {EXPOSITION_TEXT, BODY_PLAIN};
    struct body *held[SLOW_READERS] = {NULL};

    (void)malloc_trim(0); /* as the daemon does every 10 s */
    double idle_mib = resident_mib(), peak_mib = idle_mib, body_mib = 0;

    for (size_t i = 0; i < SLOW_READERS; i++) {
        store_guest_remove(store, store_guest_add(store, "domain=\"zz\""));
        held[i] = store_body(store, form, clock_monotonic_ns());
        body_mib = (double)held[i]->length / MIB;
        peak_mib = resident_mib() > peak_mib ? resident_mib() : peak_mib;
        for (size_t j = 0; j < i; j++) {
            if (!held[j] || !shelf_is_unwanted(&held[j]->place))
                continue;
            body_unref(held[j]);
            held[j] = NULL;
        }
    }
    for (size_t i = 0; i < SLOW_READERS; i++)
        body_unref(held[i]);
    row("64 slow readers, in bodies above idle", (peak_mib - idle_mib) / body_mib,
        "bodies", HELD_BODIES_MAX, peak_mib - idle_mib <= HELD_BODIES_MAX * body_mib);
}

/* Whether others are there makes no difference to the one that says something new. */
static double
update_ns(size_t guests)
{
    struct synthetic synthetic = synthetic_new(guests);
    int64_t took_ns[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        int64_t start_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);

        synthetic_put(&synthetic, synthetic.first, FIRST_IDENTITY, i);
        took_ns[i] = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
    }
    synthetic_free(&synthetic);
    qsort(took_ns, ROUNDS, sizeof(took_ns[0]), compare);
    return (double)took_ns[ROUNDS / 2];
}

static void
measure_updates(size_t guests)
{
    double few_ns = update_ns(10), many_ns = update_ns(guests);

    printf("\none guest's update: %.1f us beside 10, %.1f us beside %zu\n",
           few_ns / 1e3, many_ns / 1e3, guests);
    row("one guest's update, beside all and beside 10", many_ns / few_ns, "times",
        UPDATE_RATIO_MAX, many_ns <= UPDATE_RATIO_MAX * few_ns);
}

int
main(void)
{
    size_t guests = synthetic_guests(), length;
    struct synthetic synthetic = synthetic_new(guests);
    struct store *store = synthetic.store;

    printf("%zu guests of %d series; %.1f MiB resident before the first scrape\n",
           guests, SERIES_PER_GUEST, resident_mib());
    printf("%-44s %12s %-12s %10s\n", "", "measured", "", "limit");
    measure(store, EXPOSITION_TEXT, guests * SERIES_PER_GUEST);
    measure(store, EXPOSITION_OPENMETRICS, guests * SERIES_PER_GUEST);
    for (int i = 0; i < EXPOSITION_FORMATS * BODY_CODINGS; i++)
        (void)median_ns(store,
                        (struct body_form){(enum exposition_format)(i / BODY_CODINGS),
                                           (enum body_coding)(i % BODY_CODINGS)},
                        false, &length);
    puts("");
    row("resident, all four forms kept", resident_mib(), "MiB", RESIDENT_MIB_MAX,
        resident_mib() <= RESIDENT_MIB_MAX);
    measure_slow_readers(store);
    measure_updates(guests);
    synthetic_free(&synthetic);
    return all_reached ? EXIT_SUCCESS : EXIT_FAILURE;
}
