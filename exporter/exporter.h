/* The parts of the exporter, wired: what serve.c and once.c have in common.  The main
 * thread alone. */
#ifndef EXPORTER_H
#define EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct config;
struct mailbox;
struct options;
struct poller;
struct source_driver;
struct store;
struct telemetry;

struct exporter {
    /* By who opens it. */
    const struct options *options;
    struct config *config;                      /* owned; one that it was given anew */
    const struct source_driver *const *drivers; /* by enum source_kind */

    uv_loop_t loop;
    struct mailbox *mailbox;
    struct store *store;
    struct telemetry *telemetry;
    struct poller *poller;
    uv_signal_t terminate, interrupt;
    uv_timer_t finish, trim;
    int64_t finishing_since_ns;
};

/* By the options; the log follows it.  NULL with one sentence in `error`. */
struct config *exporter_load_config(const struct options *options, char *error,
                                    size_t error_bytes);
/* SIGTERM and SIGINT end the loop from here on. */
void exporter_open(struct exporter *exporter);
/* Starts the poller; `first_pass` is called with `context` as in struct poller_parts.
 */
void exporter_start(struct exporter *exporter,
                    void (*first_pass)(void *context, bool all_answered),
                    void *context);
void exporter_handle_signal(struct exporter *exporter, uv_signal_t *handle, int number,
                            uv_signal_cb callback, void *context);
/* Stops everything; other handles of the loop are closed before.  With calls that hang
 * in libvirt, what their lanes hold is given up, and the process ends here, without
 * destructors under their feet.  Returns the exit status that it is given. */
int exporter_close(struct exporter *exporter, int status);

#endif
