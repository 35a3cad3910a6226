/* Processes, started and watched over. */
#include "separate.h"

#include "base/clock.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/notify.h"
#include "broker/ask.h"
#include "broker/bytes.h"
#include "broker/orders.h"
#include "broker/remote.h"
#include "exporter.h"
#include "kit/failure.h"
#include "options.h"
#include "separate_lives.h"
#include "separate_sources.h"
#include "separation.h"
#include "serve.h"
#include "web/activation.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* One that cannot begin is tried so much later: six times within half the time that a
 * service manager gives a web side that does not say that it is alive. */
#define AGAIN_NS (3 * NS_PER_S)
/* One that was taken over may not want to end; before TimeoutStopSec of the service. */
#define STOP_PATIENCE_NS (8 * NS_PER_S)

struct part {
    const char *name;
    pid_t pid;        /* 0: it does not run */
    int control;      /* our end */
    int64_t ways;     /* that it was sent */
    int64_t again_ns; /* when it is started anew; 0: not by time */
    struct lives lives;
};

struct parts {
    const struct exporter *exporter;
    struct text sources;
    struct part broker, reader;
    int signals;
    int far_end; /* of a way that is being made: not for who is started now */
    bool is_stopping;
    int64_t killed_ns; /* when whoever still runs is ended, once it is stopping */
    int status;
};

static int
run_reader(const struct exporter *exporter, int control, int to_broker)
{
    struct separation separation = {.broker = to_broker, .control = control};
    struct exporter reader = {.options = exporter->options,
                              .drivers = remote_drivers,
                              .separation = &separation};
    struct failure why;

    if (separation_enter(&reader, &why))
        return serve(&reader);
    (void)fprintf(stderr, "qga-exporter: %s\n", why.text);
    return EXIT_USAGE;
}

/* --- both --- */

/* What the service manager has said to us is said to whoever does it. */
static void
take_over(const char *variable, pid_t from)
{
    char pid[24];
    const char *value = getenv(variable);

    if (!value || strtol(value, NULL, 10) != from)
        return;
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    (void)setenv(variable, pid, 1);
}

static _Noreturn void
be_part(const struct parts *parts, int control, int other, pid_t parent,
        int (*run)(const struct exporter *exporter, int control, int other))
{
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    const int not_its[] = {parts->signals, parts->broker.control, parts->reader.control,
                           parts->far_end};

    for (size_t i = 0; i < sizeof(not_its) / sizeof(*not_its); i++)
        if (not_its[i] >= 0)
            (void)close(not_its[i]);
    take_over("WATCHDOG_PID", parent);
    take_over("LISTEN_PID", parent);
    exit(run(parts->exporter, control, other));
}

/* `other` is closed here; whether it runs. */
static bool
start_part(struct parts *parts, struct part *part, int other,
           int (*run)(const struct exporter *exporter, int control, int other))
{
    pid_t parent = getpid();
    int ends[2];

    if (part->control >= 0)
        (void)close(part->control);
    part->control = -1;
    part->ways = 0;
    part->again_ns = 0;
    lives_start(&part->lives);
    if (!orders_pair(ends)) {
        (void)close(other);
        return false;
    }
    part->pid = fork();
    if (part->pid == 0) {
        (void)close(ends[0]);
        be_part(parts, ends[1], other, parent, run);
    }
    (void)close(ends[1]);
    (void)close(other);
    part->control = ends[0];
    if (part->pid > 0)
        return true;
    part->pid = 0;
    return false;
}

static bool
new_way(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
}

/* The broker knows the configuration as it is now, if it can be read. */
static void
allow_sources(struct parts *parts)
{
    if (separate_sources(parts->exporter->options, false, &parts->sources) ==
            EXIT_SUCCESS &&
        parts->broker.control >= 0)
        (void)order_send(parts->broker.control, ORDER_ALLOW, &parts->sources, -1);
}

/* The service manager's sockets are for the reader. */
static int
run_broker(const struct exporter *exporter, int control, int to_reader)
{
    web_activation_leave();
    return ask(exporter->drivers, control, to_reader);
}

static bool
start_broker(struct parts *parts, int to_reader)
{
    return start_part(parts, &parts->broker, to_reader, run_broker) &&
           order_send(parts->broker.control, ORDER_ALLOW, &parts->sources, -1);
}

static bool
start_both(struct parts *parts)
{
    int ends[2];

    if (!new_way(ends))
        return false;
    parts->far_end = ends[1];
    bool runs = start_broker(parts, ends[0]);

    parts->far_end = -1;
    if (runs)
        return start_part(parts, &parts->reader, ends[1], run_reader);
    (void)close(ends[1]);
    return false;
}

/* Its end of a new way.  One that does not take it is dead, of which we will hear; or
 * it is ended, so that it gets one when it is started anew. */
static void
hand_way(struct part *part, int end)
{
    part->ways++;
    if (!order_send(part->control, ORDER_SERVE, NULL, end) && part->pid > 0)
        (void)kill(part->pid, SIGKILL);
}

/* A reader reads the configuration as it is now. */
static bool
restart(struct parts *parts, struct part *part)
{
    bool is_broker = part == &parts->broker;
    struct part *other = is_broker ? &parts->reader : &parts->broker;
    int ends[2];

    if (!is_broker)
        allow_sources(parts);
    if (!new_way(ends))
        return false;
    parts->far_end = ends[1];
    bool runs = is_broker ? start_broker(parts, ends[0])
                          : start_part(parts, part, ends[0], run_reader);

    parts->far_end = -1;
    if (runs)
        hand_way(other, ends[1]);
    (void)close(ends[1]);
    return runs;
}

/* --- what happens to them --- */

static void
stop_all(struct parts *parts, int status)
{
    if (!parts->is_stopping) {
        parts->status = status;
        parts->killed_ns = clock_monotonic_ns() + STOP_PATIENCE_NS;
    }
    parts->is_stopping = true;
    parts->broker.again_ns = parts->reader.again_ns = 0;
    if (parts->reader.pid > 0)
        (void)kill(parts->reader.pid, SIGTERM);
    else if (parts->broker.control >= 0)
        (void)shutdown(parts->broker.control, SHUT_RDWR);
}

/* The broker first knows the sources for which it will be asked.  A configuration that
 * cannot be read is refused by who reads it, with its reason. */
static void
reload(struct parts *parts)
{
    allow_sources(parts);
    if (parts->reader.pid > 0)
        (void)kill(parts->reader.pid, SIGHUP);
    else if (parts->reader.again_ns > 0)
        parts->reader.again_ns = clock_monotonic_ns();
}

/* One that has closed its end cannot be told anything any more. */
static void
lose_control(const struct parts *parts, struct part *part)
{
    (void)close(part->control);
    part->control = -1;
    if (!parts->is_stopping && part->pid > 0)
        (void)kill(part->pid, SIGKILL);
}

/* What either part asks for about the other. */
static void
take_wish(struct parts *parts, struct part *part)
{
    const struct part *other = part == &parts->broker ? &parts->reader : &parts->broker;
    char packet[ORDER_WISH_BYTES_MAX];
    int fd;
    ssize_t length = order_take(part->control, packet, sizeof(packet), &fd);

    if (length == 0)
        lose_control(parts, part);
    if (length <= 0)
        return;
    if (fd >= 0)
        (void)close(fd);
    struct bytes bytes = {.at = packet + 1, .end = packet + length};

    if (packet[0] == ORDER_BEGUN)
        lives_begin(&part->lives);
    else if (packet[0] == ORDER_NOTIFY && part == &parts->reader)
        (void)notify_pass_on(packet + 1, (size_t)length - 1);
    else if (packet[0] == ORDER_RELOAD && part == &parts->reader)
        reload(parts);
    else if (packet[0] == ORDER_KILL && bytes_number(&bytes) == part->ways &&
             !bytes.is_bad && other->pid > 0 && !parts->is_stopping)
        (void)kill(other->pid, SIGKILL);
}

static void
give_up(struct parts *parts, const struct part *part)
{
    log_error("a part of the exporter cannot be started anew",
              LOG_STR("part", part->name));
    stop_all(parts, EXIT_FAILURE);
}

static void
start_anew(struct parts *parts, struct part *part)
{
    if (!restart(parts, part))
        give_up(parts, part);
}

static void
log_end(const struct part *part, int status, enum fate fate)
{
    if (lives_message(fate))
        log_error(lives_message(fate), LOG_STR("part", part->name),
                  WIFEXITED(status) ? LOG_INT("status", WEXITSTATUS(status))
                                    : LOG_INT("signal", WTERMSIG(status)));
}

/* Nobody has ordered it. */
static void
mend(struct parts *parts, struct part *part, int status)
{
    int64_t now_ns = clock_monotonic_ns();
    enum fate fate = lives_end(&part->lives, status, now_ns);

    log_end(part, status, fate);
    if (fate == FATE_ALL_END)
        stop_all(parts, WEXITSTATUS(status));
    else if (fate == FATE_NO_MORE)
        give_up(parts, part);
    else if (fate == FATE_AGAIN_LATER)
        part->again_ns = now_ns + AGAIN_NS;
    else
        start_anew(parts, part);
}

/* What it had said first may not have been read yet. */
static void
part_ended(struct parts *parts, struct part *part, int status)
{
    part->pid = 0;
    if (!parts->is_stopping) {
        if (!part->lives.has_begun)
            take_wish(parts, part);
        mend(parts, part, status);
        return;
    }
    if (part == &parts->reader && WIFEXITED(status) && parts->status == EXIT_SUCCESS)
        parts->status = WEXITSTATUS(status);
    stop_all(parts, EXIT_SUCCESS);
}

static void
reap(struct parts *parts)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == parts->broker.pid)
            part_ended(parts, &parts->broker, status);
        else if (pid == parts->reader.pid)
            part_ended(parts, &parts->reader, status);
    }
}

static void
take_signal(struct parts *parts)
{
    struct signalfd_siginfo signal;

    if (read(parts->signals, &signal, sizeof(signal)) != sizeof(signal))
        return;
    if (signal.ssi_signo == SIGCHLD) {
        reap(parts);
    } else if (signal.ssi_signo == SIGHUP) {
        reload(parts);
    } else if (signal.ssi_signo == SIGUSR1) {
        if (parts->reader.pid > 0)
            (void)kill(parts->reader.pid, SIGUSR1);
    } else {
        (void)notify_send(NOTIFY_STOPPING);
        stop_all(parts, EXIT_SUCCESS);
    }
}

static int64_t
sooner_ns(int64_t a_ns, int64_t b_ns)
{
    return b_ns == 0 || (a_ns != 0 && a_ns < b_ns) ? a_ns : b_ns;
}

/* How long to wait for what happens, in milliseconds. */
static int
patience(const struct parts *parts)
{
    int64_t until_ns = parts->is_stopping
                           ? parts->killed_ns
                           : sooner_ns(parts->broker.again_ns, parts->reader.again_ns);
    int64_t left_ns = until_ns - clock_monotonic_ns();

    if (until_ns == 0)
        return -1;
    if (left_ns > 0)
        return (int)(left_ns / NS_PER_MS) + 1;
    return parts->is_stopping ? (int)(NS_PER_S / NS_PER_MS) : 0;
}

static void
start_who_waits(struct parts *parts, struct part *part)
{
    if (part->again_ns > 0 && clock_monotonic_ns() >= part->again_ns)
        start_anew(parts, part);
}

static bool
is_there(const struct part *part)
{
    return part->pid > 0 || part->again_ns > 0;
}

static void
end_who_lingers(const struct parts *parts)
{
    if (!parts->is_stopping || clock_monotonic_ns() < parts->killed_ns)
        return;
    if (parts->reader.pid > 0)
        (void)kill(parts->reader.pid, SIGKILL);
    if (parts->broker.pid > 0)
        (void)kill(parts->broker.pid, SIGKILL);
}

/* A part that has ended is noticed by its signal. */
static void
watch(struct parts *parts)
{
    while (is_there(&parts->broker) || is_there(&parts->reader)) {
        struct pollfd ready[] = {
            {.fd = parts->signals, .events = POLLIN},
            {.fd = parts->broker.pid > 0 ? parts->broker.control : -1,
             .events = POLLIN},
            {.fd = parts->reader.pid > 0 ? parts->reader.control : -1,
             .events = POLLIN},
        };

        if (poll(ready, 3, patience(parts)) < 0)
            continue;
        end_who_lingers(parts);
        start_who_waits(parts, &parts->broker);
        start_who_waits(parts, &parts->reader);
        if (ready[1].revents & POLLIN)
            take_wish(parts, &parts->broker);
        if (ready[2].revents & POLLIN)
            take_wish(parts, &parts->reader);
        if (ready[0].revents & POLLIN)
            take_signal(parts);
    }
}

static int
open_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
    sigset_t wanted;

    (void)sigemptyset(&wanted);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        (void)sigaddset(&wanted, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
separate(const struct exporter *exporter)
{
    struct parts parts = {
        .exporter = exporter,
        .sources = TEXT_INIT(ORDER_BYTES_MAX),
        .broker = {.name = "broker", .control = -1},
        .reader = {.name = "reader", .control = -1},
        .signals = open_signals(),
        .far_end = -1,
    };
    int status = separate_sources(exporter->options, true, &parts.sources);

    if (journal_reads_stderr())
        log_use_journal(JOURNAL_SOCKET);
    if (status == EXIT_SUCCESS && start_both(&parts)) {
        watch(&parts);
        status = parts.status;
    } else if (status == EXIT_SUCCESS) {
        (void)fprintf(stderr, "qga-exporter: a process cannot be started: %s\n",
                      strerror(errno));
        stop_all(&parts, EXIT_FAILURE);
        watch(&parts);
        status = EXIT_FAILURE;
    }
    text_free(&parts.sources);
    (void)close(parts.signals);
    return status;
}
