/* A configuration is parsed by a process that ends before a guest has said a word. */
#include "separate_sources.h"

#include "base/log.h"
#include "broker/bytes.h"
#include "broker/messages.h"
#include "broker/orders.h"
#include "config/config.h"
#include "exporter.h"
#include "kit/failure.h"
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void
write_sources(const struct options *options, int fd)
{
    struct text bytes = TEXT_INIT(ORDER_BYTES_MAX);
    struct failure why;
    const struct config *config = exporter_load_config(options, &why);

    if (!config) {
        (void)fprintf(stderr, "qga-exporter: %s\n", why.text);
        _exit(EXIT_USAGE);
    }
    bytes_put_number(&bytes, (int64_t)config->sources_count);
    for (size_t i = 0; i < config->sources_count; i++)
        message_put_source(&bytes, &config->sources[i]);
    if (bytes.overflow) {
        (void)fprintf(stderr, "qga-exporter: the paths and addresses of all sources "
                              "are longer than 128 KiB together\n");
        _exit(EXIT_USAGE);
    }
    _exit(write(fd, bytes.bytes, bytes.length) == (ssize_t)bytes.length ? EXIT_SUCCESS
                                                                        : EXIT_FAILURE);
}

static void
read_all(int fd, struct text *bytes)
{
    char buffer[4096];
    ssize_t length;

    while ((length = read(fd, buffer, sizeof(buffer))) > 0 ||
           (length < 0 && errno == EINTR))
        if (length > 0)
            text_add(bytes, buffer, (size_t)length);
}

static int
wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* A configuration that cannot be read is told by who reads it; this by nobody else. */
static void
say_no_process(void)
{
    log_error("the configuration cannot be read by a process of its own",
              LOG_STR("error", strerror(errno)));
}

int
separate_sources(const struct options *options, bool says_why, struct text *sources)
{
    struct text bytes = TEXT_INIT(ORDER_BYTES_MAX);
    int ends[2];

    if (pipe(ends) < 0) {
        say_no_process();
        return EXIT_FAILURE;
    }
    pid_t pid = fork();

    if (pid == 0) {
        (void)close(ends[0]);
        if (!says_why)
            (void)close(STDERR_FILENO);
        write_sources(options, ends[1]);
    }
    (void)close(ends[1]);
    read_all(ends[0], &bytes);
    (void)close(ends[0]);
    if (pid < 0)
        say_no_process();
    int status = pid < 0 ? EXIT_FAILURE : wait_for(pid);

    if (status == EXIT_SUCCESS) {
        text_free(sources);
        *sources = bytes;
    } else {
        text_free(&bytes);
    }
    return status;
}
