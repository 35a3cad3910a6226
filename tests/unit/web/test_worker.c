/* The thread of an address: that it ends at once whatever its clients do, and leaves
 * signals alone.  The clock is the test's. */
#include "unit/hand_clock.h"
#include "unit/served.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>

static int
poll_without_time(struct pollfd *files, nfds_t count, int timeout_ms)
{
    static const struct timespec at_once = {0};

    return ppoll(files, count, timeout_ms == 0 ? &at_once : NULL, NULL);
}

/* No time passes in it: who waited for one of them would wait for ever. */
static void
stopping_waits_for_nobody(void **state)
{
    (void)state;
    struct served served =
        serve_with((struct web_settings){.poll = poll_without_time}, NULL);
    put_much(served.store);
    int idle = dial(&served);
    int half = dial(&served);
    say(half, "GET /metrics HTTP/1.1\r\nHo");
    int slow = dial(&served); /* asks for megabytes and does not read them */
    say(slow, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    int kept = dial(&served);
    say(kept, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
    free(hear_one(kept, false));
    char first;
    assert_int_equal(recv(slow, &first, 1, 0), 1);
    end(&served);
    (void)close(idle);
    (void)close(half);
    (void)close(slow);
    (void)close(kept);
}

/* The blocked signals of the thread of that name, 0 if there is none. */
static unsigned long long
blocked_signals(const char *thread_name)
{
    unsigned long long blocked = 0;
    DIR *tasks = opendir("/proc/self/task");

    assert_non_null(tasks);
    for (const struct dirent *task = readdir(tasks); task; task = readdir(tasks)) {
        char path[sizeof(task->d_name) + 32];
        char line[256];
        bool wanted = false;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
        FILE *file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file)) {
            char name[64];

            if (sscanf(line, "Name: %63s", name) == 1)
                wanted = strcmp(name, thread_name) == 0;
            if (wanted && strncmp(line, "SigBlk:", 7) == 0)
                blocked = strtoull(line + 7, NULL, 16);
        }
        if (file)
            (void)fclose(file);
    }
    (void)closedir(tasks);
    return blocked;
}

static void
signals_stay_with_the_caller(void **state)
{
    (void)state;
    sigset_t before, after;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    struct served served = serve();
    (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int signal = 1; signal < 32; signal++)
        assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
    answers(&served, "GET", "/-/healthy", OK, "Healthy");
    const int ours[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    unsigned long long blocked = blocked_signals("web");
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_true(blocked >> (ours[i] - 1) & 1);
    end(&served);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopping_waits_for_nobody),
        cmocka_unit_test(signals_stay_with_the_caller),
    };

    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
