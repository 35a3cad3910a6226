/* Processes that are confined, and what is there for them to try.  For the file of a
 * test's main() alone. */
#ifndef UNIT_BROKER_STAGE_H
#define UNIT_BROKER_STAGE_H

#include "base/thread.h"
#include "broker/confine.h"

#include "kit/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_BYTES 256

/* What is there, and was opened before anybody was confined. */
static struct stage {
    char folder[64], readable[128], inside[PATH_BYTES], outside[PATH_BYTES];
    struct sockaddr_un address; /* of a listener */
    int listener, client;       /* who has come by it */
    pid_t parent;
} stage;

static inline int
set_up(void **state)
{
    (void)state;
    (void)snprintf(stage.folder, sizeof(stage.folder), "%s",
                   "/tmp/test-confine.XXXXXX");
    assert_non_null(mkdtemp(stage.folder));
    (void)snprintf(stage.readable, sizeof(stage.readable), "%s/readable", stage.folder);
    assert_int_equal(mkdir(stage.readable, 0700), 0);
    (void)snprintf(stage.inside, sizeof(stage.inside), "%s/file", stage.readable);
    (void)snprintf(stage.outside, sizeof(stage.outside), "%s/file", stage.folder);
    assert_int_equal(close(open(stage.inside, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)),
                     0);
    assert_int_equal(close(open(stage.outside, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)),
                     0);
    stage.address.sun_family = AF_UNIX;
    (void)snprintf(stage.address.sun_path, sizeof(stage.address.sun_path), "%s/socket",
                   stage.folder);
    stage.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    stage.client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stage.listener, (const struct sockaddr *)&stage.address,
                          sizeof(stage.address)),
                     0);
    assert_int_equal(listen(stage.listener, 8), 0);
    stage.parent = getpid();
    return 0;
}

static inline int
tear_down(void **state)
{
    (void)state;
    (void)close(stage.listener);
    (void)close(stage.client);
    (void)unlink(stage.address.sun_path);
    (void)unlink(stage.inside);
    (void)unlink(stage.outside);
    (void)rmdir(stage.readable);
    return rmdir(stage.folder);
}

/* The status of a confined process: 0 where `attempt` says 0, else its errno. */
static inline int
confined(int (*attempt)(void), bool (*confine)(struct failure *why))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct failure why;

        if (!confine(&why)) {
            (void)fprintf(stderr, "%s\n", why.text);
            _exit(255);
        }
        errno = 0;
        int outcome = attempt();

        _exit(outcome == 0 ? 0 : errno != 0 ? errno : 254);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* --- what must go on --- */

static inline void *
be_a_thread(void *argument)
{
    return argument;
}

static inline int
start_a_thread(void)
{
    pthread_t thread;
    void *result = NULL;

    if (thread_start(&thread, "a-thread", 0, be_a_thread, &stage) != 0)
        return -1;
    (void)pthread_join(thread, &result);
    return result == &stage ? 0 : -1;
}

static inline int
read_a_file(void)
{
    return open(stage.inside, O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static inline int
allocate(void)
{
    char *memory = malloc((size_t)64 * 1024 * 1024);

    if (!memory)
        return -1;
    memset(memory, 1, (size_t)64 * 1024 * 1024);
    free(memory);
    return 0;
}

static inline int
read_the_clocks_error(void)
{
    struct timex clock = {.modes = 0};

    return adjtimex(&clock) < 0 ? -1 : 0;
}

static inline int
listen_anew(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return listen(fd, 8);
}

#endif
