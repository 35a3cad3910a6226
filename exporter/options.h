/* The command line, in the style of Prometheus' own programs. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "config/config.h"

#include <stdbool.h>

#define OPTIONS_DOMAINS_MAX 256
#define EXIT_USAGE 2 /* exit status: a wrong flag or config */

enum options_mode {
    OPTIONS_RUN,
    OPTIONS_ONCE,         /* poll every guest once, print, exit */
    OPTIONS_CONFIG_CHECK, /* validate the config and exit */
    OPTIONS_DOCTOR,       /* poll every guest once, say what is wrong with each, exit */
    OPTIONS_EXIT,         /* nothing is left to do; see exit_status */
};

#define OPTIONS_REQUESTS_MAX 10000

struct options {
    enum options_mode mode;
    int exit_status;
    /* NULL: none.  One that the command line has not named is where the program looks
     * by itself, and need not be there. */
    const char *config_file;
    const char *web_config_file;
    bool config_file_is_named, web_config_file_is_named;
    struct config_overrides overrides;
    unsigned int max_requests; /* scrapes at once; 0: any number */
    bool enable_lifecycle, disable_exporter_metrics;
    /* OPTIONS_DOCTOR: which guests, NULL-terminated (none: all), and how to say it. */
    const char *domains[OPTIONS_DOMAINS_MAX + 1];
    bool json;
    bool privilege_separation; /* guests are asked by a process of its own ... */
    const char
        *separate_user;  /* ... and all else is done by this user; NULL: the same */
    bool systemd_socket; /* serve on the sockets that the service manager hands over */
};

/* Prints help, version and list to stdout, and one sentence on a bad command line to
 * stderr (exit_status 2). */
struct options options_parse(int argc, char *const argv[]);

/* The file to be read now: `path`, or NULL if that is not named and not there. */
const char *options_file(const char *path, bool is_named);

#endif
