/* What the exporter is measured against: nothing but virDomainQemuAgentCommand in a
 * loop.
 *
 *   bare_loop [-k] [-v] [-g GAP_MS] [-p PACE_MS] [-l LANES] [-n PASSES] URI
 *
 * Each lane is a thread with a connection of its own.  A pass asks all running domains
 * the commands of the five card collectors; replies are freed unread.  Lanes share the
 * calls out among themselves by a counter, so none is idle while another has work left;
 * a domain is asked one thing at a time, and a lane looks each domain up once.  The
 * first pass includes connecting and looking up; PASSES more follow, whose CPU time is
 * taken.
 *
 *   -k  with libvirt's event thread and keep-alive, as a daemon needs them
 *   -v  a lane takes a domain and all its commands at once, instead of a call at a time
 *   -g  leave a domain alone for GAP_MS between two calls, as the exporter does; a lane
 *       asks the first domain that may be asked
 *   -p  spread the calls (with -v the domains) evenly over PACE_MS in every pass
 *
 * Prints one JSON object; exit 1 if a call failed. */
#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define DOMAINS_MAX 4096
#define LANES_MAX 64
#define PASSES_MAX 10000
#define COMMANDS (sizeof(commands) / sizeof(*commands))
/* The exporter's defaults. */
#define CALL_TIMEOUT_S 3
#define KEEP_ALIVE_INTERVAL_S 5
#define KEEP_ALIVE_COUNT 3

static const char *const commands[] = {
    "{\"execute\":\"guest-get-time\"}",
    "{\"execute\":\"guest-network-get-interfaces\"}",
    "{\"execute\":\"guest-get-fsinfo\"}",
    "{\"execute\":\"guest-get-vcpus\"}",
    "{\"execute\":\"guest-get-osinfo\"}",
};

struct target {
    char uuid[VIR_UUID_STRING_BUFLEN];
    pthread_mutex_t lock; /* held during a call */
    /* With a gap; under the bench's lock. */
    size_t asked;     /* commands, in this pass */
    int64_t ready_ns; /* INT64_MAX: a call is under way */
};

struct bench {
    const char *uri;
    unsigned int lanes, passes;
    int64_t pace_ns, gap_ns;
    pthread_mutex_t lock;
    bool keep_alive, by_domain;
    struct target *targets;
    size_t targets_count;
    atomic_size_t next; /* call of the pass, or domain if by_domain */
    int64_t pass_start_ns;
    pthread_barrier_t start, end; /* of a pass */
};

struct lane {
    struct bench *bench;
    pthread_t thread;
    virConnectPtr connection;
    virDomainPtr *domains; /* by target; looked up at the first call */
    int64_t first_sent_ns, last_answered_ns; /* of the present pass */
    int64_t called_ns;                       /* sum over all calls */
    uint64_t calls, failures;
};

static void
fail(const char *what)
{
    fprintf(stderr, "bare_loop: %s: %s\n", what, virGetLastErrorMessage());
    exit(EXIT_FAILURE);
}

static void *
allocate(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);

    if (!memory) {
        fprintf(stderr, "bare_loop: out of memory\n");
        abort();
    }
    return memory;
}

static int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static double
seconds(int64_t duration_ns)
{
    return (double)duration_ns / 1e9;
}

static double
cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* --- a lane --- */

static virDomainPtr
lane_domain(struct lane *lane, size_t target)
{
    if (!lane->connection) {
        lane->connection = virConnectOpen(lane->bench->uri);
        if (!lane->connection)
            fail("connect");
        if (lane->bench->keep_alive)
            virConnectSetKeepAlive(lane->connection, KEEP_ALIVE_INTERVAL_S,
                                   KEEP_ALIVE_COUNT);
    }
    if (!lane->domains[target])
        lane->domains[target] = virDomainLookupByUUIDString(
            lane->connection, lane->bench->targets[target].uuid);
    if (!lane->domains[target])
        fail("look up");
    return lane->domains[target];
}

static void
lane_call(struct lane *lane, size_t target, size_t command)
{
    pthread_mutex_t *lock = &lane->bench->targets[target].lock;
    virDomainPtr domain = lane_domain(lane, target);

    pthread_mutex_lock(lock);
    int64_t sent_ns = now_ns();
    char *reply =
        virDomainQemuAgentCommand(domain, commands[command], CALL_TIMEOUT_S, 0);
    int64_t answered_ns = now_ns();
    pthread_mutex_unlock(lock);

    if (lane->first_sent_ns == 0)
        lane->first_sent_ns = sent_ns;
    lane->last_answered_ns = answered_ns;
    lane->called_ns += answered_ns - sent_ns;
    lane->calls++;
    lane->failures += !reply;
    free(reply);
}

static void
sleep_until(int64_t at_ns)
{
    const struct timespec at = {.tv_sec = at_ns / 1000000000,
                                .tv_nsec = at_ns % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        continue;
}

static void
wait_for_turn(const struct bench *bench, size_t item, size_t count)
{
    int64_t due_ns =
        bench->pass_start_ns + bench->pace_ns * (int64_t)item / (int64_t)count;

    if (bench->pace_ns > 0)
        sleep_until(due_ns);
}

static void
pass_by_domain(struct lane *lane)
{
    struct bench *bench = lane->bench;
    size_t target;

    while ((target = atomic_fetch_add(&bench->next, 1)) < bench->targets_count) {
        wait_for_turn(bench, target, bench->targets_count);
        for (size_t command = 0; command < COMMANDS; command++)
            lane_call(lane, target, command);
    }
}

static void
pass_by_call(struct lane *lane)
{
    struct bench *bench = lane->bench;
    size_t count = bench->targets_count;
    size_t item;

    while ((item = atomic_fetch_add(&bench->next, 1)) < count * COMMANDS) {
        wait_for_turn(bench, item, count * COMMANDS);
        lane_call(lane, item % count, item / count);
    }
}

/* The first domain that may be asked, or -1; with a gap.  `ready_ns` is when to look
 * again, INT64_MAX: never. */
static ssize_t
take_ready(struct bench *bench, int64_t *ready_ns)
{
    ssize_t taken = -1;

    *ready_ns = INT64_MAX;
    pthread_mutex_lock(&bench->lock);
    for (size_t i = 0; i < bench->targets_count && taken < 0; i++) {
        struct target *target = &bench->targets[i];

        if (target->asked == COMMANDS)
            continue;
        if (target->ready_ns <= now_ns()) {
            target->ready_ns = INT64_MAX;
            taken = (ssize_t)i;
        } else if (target->ready_ns < *ready_ns) {
            *ready_ns = target->ready_ns;
        }
    }
    pthread_mutex_unlock(&bench->lock);
    return taken;
}

static void
give_back(struct bench *bench, struct target *target)
{
    pthread_mutex_lock(&bench->lock);
    target->asked++;
    target->ready_ns = now_ns() + bench->gap_ns;
    pthread_mutex_unlock(&bench->lock);
}

static void
pass_with_gap(struct lane *lane)
{
    struct bench *bench = lane->bench;
    int64_t ready_ns;

    for (;;) {
        ssize_t taken = take_ready(bench, &ready_ns);

        if (taken >= 0) {
            struct target *target = &bench->targets[taken];

            lane_call(lane, (size_t)taken, target->asked);
            give_back(bench, target);
        } else if (ready_ns != INT64_MAX) {
            sleep_until(ready_ns);
        } else {
            return; /* what is left is under way on other lanes */
        }
    }
}

static void *
lane_main(void *argument)
{
    struct lane *lane = argument;
    struct bench *bench = lane->bench;

    for (unsigned int pass = 0; pass <= bench->passes; pass++) {
        pthread_barrier_wait(&bench->start);
        lane->first_sent_ns = lane->last_answered_ns = 0;
        if (bench->gap_ns > 0)
            pass_with_gap(lane);
        else if (bench->by_domain)
            pass_by_domain(lane);
        else
            pass_by_call(lane);
        pthread_barrier_wait(&bench->end);
    }
    return NULL;
}

static void
lane_close(struct lane *lane)
{
    for (size_t i = 0; i < lane->bench->targets_count; i++) {
        if (lane->domains[i])
            virDomainFree(lane->domains[i]);
    }
    if (lane->connection)
        virConnectClose(lane->connection);
    free(lane->domains);
}

/* --- all of it --- */

static void
list_targets(struct bench *bench)
{
    virConnectPtr connection = virConnectOpen(bench->uri);
    virDomainPtr *domains = NULL;

    if (!connection)
        fail("connect");
    int count = virConnectListAllDomains(connection, &domains,
                                         VIR_CONNECT_LIST_DOMAINS_RUNNING);

    if (count < 0)
        fail("list");
    if (count > DOMAINS_MAX)
        count = DOMAINS_MAX;
    bench->targets_count = (size_t)count;
    bench->targets = allocate(bench->targets_count, sizeof(*bench->targets));
    for (size_t i = 0; i < bench->targets_count; i++) {
        virDomainGetUUIDString(domains[i], bench->targets[i].uuid);
        pthread_mutex_init(&bench->targets[i].lock, NULL);
    }
    for (int i = 0; domains && domains[i]; i++)
        virDomainFree(domains[i]);
    free(domains);
    virConnectClose(connection);
}

/* One pass; returns the time from the first call sent to the last answer. */
static double
run_pass(struct bench *bench, const struct lane *lanes)
{
    int64_t first_ns = INT64_MAX, last_ns = 0;

    atomic_store(&bench->next, 0);
    for (size_t i = 0; i < bench->targets_count; i++) {
        bench->targets[i].asked = 0;
        bench->targets[i].ready_ns = 0;
    }
    bench->pass_start_ns = now_ns();
    pthread_barrier_wait(&bench->start);
    pthread_barrier_wait(&bench->end);
    for (unsigned int i = 0; i < bench->lanes; i++) {
        if (lanes[i].first_sent_ns == 0)
            continue; /* the others were quicker */
        if (lanes[i].first_sent_ns < first_ns)
            first_ns = lanes[i].first_sent_ns;
        if (lanes[i].last_answered_ns > last_ns)
            last_ns = lanes[i].last_answered_ns;
    }
    return last_ns > 0 ? seconds(last_ns - first_ns) : 0;
}

static int
run(struct bench *bench, struct lane *lanes)
{
    uint64_t calls = 0, failures = 0;
    int64_t called_ns = 0;
    double first_s = run_pass(bench, lanes);
    double first_whole_s = seconds(now_ns() - bench->pass_start_ns);
    double cpu_before_s = cpu_seconds();

    printf("{\"domains\": %zu, \"calls_per_pass\": %zu, \"lanes\": %u,\n"
           " \"first_pass_s\": %.6f, \"first_pass_with_connect_s\": %.6f,\n"
           " \"passes_s\": [",
           bench->targets_count, bench->targets_count * COMMANDS, bench->lanes, first_s,
           first_whole_s);
    for (unsigned int pass = 0; pass < bench->passes; pass++)
        printf("%s%.6f", pass > 0 ? ", " : "", run_pass(bench, lanes));

    double cpu_s = cpu_seconds() - cpu_before_s;

    for (unsigned int i = 0; i < bench->lanes; i++) {
        calls += lanes[i].calls;
        failures += lanes[i].failures;
        called_ns += lanes[i].called_ns;
    }
    printf("],\n \"steady_calls\": %zu, \"steady_cpu_s\": %.6f,\n"
           " \"call_mean_s\": %.6f, \"calls\": %llu, \"failures\": %llu}\n",
           bench->targets_count * COMMANDS * bench->passes, cpu_s,
           calls > 0 ? seconds(called_ns) / (double)calls : 0.0,
           (unsigned long long)calls, (unsigned long long)failures);
    return failures == 0 && calls > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void *
run_events(void *unused)
{
    while (virEventRunDefaultImpl() == 0)
        continue;
    return unused;
}

static void
be_silent(void *opaque, virErrorPtr error)
{
    (void)opaque;
    (void)error;
}

static void
start_libvirt(const struct bench *bench)
{
    pthread_t events;

    virInitialize();
    virSetErrorFunc(NULL, be_silent);
    if (!bench->keep_alive)
        return;
    virEventRegisterDefaultImpl();
    pthread_create(&events, NULL, run_events, NULL);
}

static unsigned int
read_number(const char *text, unsigned int max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value > max) {
        fprintf(stderr, "bare_loop: %s is not a number up to %u\n", text, max);
        exit(2);
    }
    return (unsigned int)value;
}

static void
read_options(struct bench *bench, int argc, char *argv[])
{
    int option;

    while ((option = getopt(argc, argv, "kvg:p:l:n:")) != -1) {
        if (option == 'k')
            bench->keep_alive = true;
        else if (option == 'v')
            bench->by_domain = true;
        else if (option == 'g')
            bench->gap_ns = INT64_C(1000000) * read_number(optarg, 1000);
        else if (option == 'p')
            bench->pace_ns = INT64_C(1000000) * read_number(optarg, 3600000);
        else if (option == 'l')
            bench->lanes = read_number(optarg, LANES_MAX);
        else if (option == 'n')
            bench->passes = read_number(optarg, PASSES_MAX);
        else
            exit(2);
    }
    if (optind != argc - 1 || bench->lanes == 0) {
        fprintf(stderr, "usage: bare_loop [-k] [-v] [-g GAP_MS] [-p PACE_MS] "
                        "[-l LANES] [-n PASSES] URI\n");
        exit(2);
    }
    bench->uri = argv[optind];
}

int
main(int argc, char *argv[])
{
    struct bench bench = {.lanes = 4, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct lane lanes[LANES_MAX] = {0};

    read_options(&bench, argc, argv);
    start_libvirt(&bench);
    list_targets(&bench);
    pthread_barrier_init(&bench.start, NULL, bench.lanes + 1);
    pthread_barrier_init(&bench.end, NULL, bench.lanes + 1);
    for (unsigned int i = 0; i < bench.lanes; i++) {
        lanes[i].bench = &bench;
        lanes[i].domains = allocate(bench.targets_count, sizeof(virDomainPtr));
        if (pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]) != 0) {
            fprintf(stderr, "bare_loop: cannot start a thread\n");
            return EXIT_FAILURE;
        }
    }

    int status = run(&bench, lanes);

    for (unsigned int i = 0; i < bench.lanes; i++) {
        pthread_join(lanes[i].thread, NULL);
        lane_close(&lanes[i]);
    }
    free(bench.targets);
    return status;
}
