/* What the socket source is measured against: nothing but write, read and json_loadb.
 *
 *   bare_socket [-p PACE_MS] [-n PASSES] SOCKET ...
 *
 * Connects to each agent once.  A pass asks every agent the commands of the five card
 * collectors, one call after the other, each reply awaited and parsed; with -p the
 * calls are spread evenly over PACE_MS.  One pass without a pause warms up; PASSES more
 * follow, whose CPU time is taken.
 *
 * Prints one JSON object; exit 1 if a call failed. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REPLY_BYTES_MAX (1024 * 1024)
#define ANSWER_S 5
#define NUMBER_MAX 3600000

static const char *const commands[] = {
    "{\"execute\":\"guest-get-time\"}\n",
    "{\"execute\":\"guest-get-vcpus\"}\n",
    "{\"execute\":\"guest-get-osinfo\"}\n",
    "{\"execute\":\"guest-network-get-interfaces\"}\n",
    "{\"execute\":\"guest-get-fsinfo\"}\n",
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return INT64_C(1000000000) * now.tv_sec + now.tv_nsec;
}

static double
cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int
connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval limit = {.tv_sec = ANSWER_S};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

/* Length of the line that came; 0: none. */
static size_t
read_line(int fd, char *line)
{
    size_t length = 0;

    while (length == 0 || line[length - 1] != '\n') {
        ssize_t part = read(fd, line + length, REPLY_BYTES_MAX - length);

        if (part <= 0)
            return 0;
        length += (size_t)part;
    }
    return length;
}

static bool
ask(int fd, const char *command, char *line)
{
    size_t command_bytes = strlen(command);

    if (write(fd, command, command_bytes) != (ssize_t)command_bytes)
        return false;
    json_t *reply = json_loadb(line, read_line(fd, line), 0, NULL);
    bool good = json_object_get(reply, "return");

    json_decref(reply);
    return good;
}

static void
sleep_until(int64_t at_ns)
{
    const struct timespec at = {.tv_sec = at_ns / 1000000000,
                                .tv_nsec = at_ns % 1000000000};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* The number of calls that failed. */
static size_t
run_pass(const int *sockets, size_t sockets_count, int64_t pace_ns)
{
    static char line[REPLY_BYTES_MAX];
    size_t calls = sockets_count * COMMANDS, failures = 0;
    int64_t start_ns = now_ns();

    for (size_t i = 0; i < calls; i++) {
        if (pace_ns > 0)
            sleep_until(start_ns + pace_ns / (int64_t)calls * (int64_t)i);
        failures += !ask(sockets[i % sockets_count], commands[i / sockets_count], line);
    }
    if (pace_ns > 0)
        sleep_until(start_ns + pace_ns);
    return failures;
}

static unsigned int
read_number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value > NUMBER_MAX) {
        fprintf(stderr, "bare_socket: %s is not a number up to %d\n", text, NUMBER_MAX);
        exit(2);
    }
    return (unsigned int)value;
}

int
main(int argc, char *argv[])
{
    unsigned int pace_ms = 0, passes = 1;
    int option;

    while ((option = getopt(argc, argv, "p:n:")) != -1) {
        if (option == 'p')
            pace_ms = read_number(optarg);
        else if (option == 'n')
            passes = read_number(optarg);
        else
            return 2;
    }
    size_t count = (size_t)(argc - optind), failures;
    int *sockets = calloc(count + 1, sizeof(*sockets));

    if (!sockets)
        return EXIT_FAILURE;
    for (size_t i = 0; i < count; i++)
        sockets[i] = connect_to(argv[optind + (int)i]);
    failures = run_pass(sockets, count, 0);

    double cpu_before_s = cpu_seconds();
    int64_t start_ns = now_ns();

    for (unsigned int pass = 0; pass < passes; pass++)
        failures += run_pass(sockets, count, (int64_t)pace_ms * 1000000);
    printf("{\"agents\": %zu, \"calls\": %zu, \"failures\": %zu, \"cpu_s\": %.6f, "
           "\"elapsed_s\": %.6f}\n",
           count, passes * count * COMMANDS, failures, cpu_seconds() - cpu_before_s,
           1e-9 * (double)(now_ns() - start_ns));
    free(sockets);
    return failures == 0 && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
