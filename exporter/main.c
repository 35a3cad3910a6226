/* From the command line to what it asks for. */
#include "base/log.h"
#include "config/config.h"
#include "config/sources.h"
#include "exporter.h"
#include "kit/failure.h"
#include "once.h"
#include "options.h"
#include "separate.h"
#include "serve.h"
#include "source/source.h"
#include "web/access.h"

#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ARENAS_MAX 2

static const struct source_driver *const drivers[] = {
    [SOURCE_LIBVIRT] = &source_libvirt,
    [SOURCE_SOCKET] = &source_socket,
    [SOURCE_PROXMOX] = &source_proxmox,
};

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
prepare_process(void)
{
    /* Else each thread has a malloc arena of its own, and keeps what it once used. */
    (void)mallopt(M_ARENA_MAX, ARENAS_MAX);
    (void)setlocale(LC_MESSAGES, "C"); /* libvirt's errors are told apart by text */
    (void)signal(SIGPIPE, SIG_IGN);
    /* By default they end a process; the daemon handles them once it is open. */
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
}

/* After the configuration itself was read without an error. */
static int
check_web_config(const struct options *options, const struct config *config)
{
    const char *path =
        options_file(options->web_config_file, options->web_config_file_is_named);
    struct failure why;
    struct web_access *access = web_access_open(path, false, NULL, NULL, &why);

    if (!access) {
        (void)fprintf(stderr, "qga-exporter: %s\n", why.text);
        return EXIT_USAGE;
    }
    web_access_close(access);
    if (path)
        (void)printf("%s: the web config is good\n", path);
    (void)printf("%s: the config is good\n",
                 config->path ? config->path : "no config file");
    return EXIT_SUCCESS;
}

static int
run(struct exporter *exporter)
{
    raise_files_limit();
    if (exporter->options->mode == OPTIONS_ONCE)
        return once_print_metrics(exporter);
    if (exporter->options->mode == OPTIONS_DOCTOR)
        return once_run_doctor(exporter);
    return serve(exporter);
}

int
main(int argc, char *argv[])
{
    struct failure why;
    const struct options options = options_parse(argc, argv);
    struct exporter exporter = {.options = &options, .drivers = drivers};

    if (options.mode == OPTIONS_EXIT)
        return options.exit_status;
    prepare_process();
    if (options.mode == OPTIONS_RUN && options.privilege_separation) {
        raise_files_limit();
        return separate(&exporter);
    }
    exporter.config = exporter_load_config(&options, &why);
    if (!exporter.config) {
        (void)fprintf(stderr, "qga-exporter: %s\n", why.text);
        return EXIT_USAGE;
    }
    if (options.mode != OPTIONS_CONFIG_CHECK)
        return run(&exporter);
    int status = check_web_config(&options, exporter.config);

    config_free(exporter.config);
    return status;
}
