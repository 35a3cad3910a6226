/* The daemon: polls and serves until a signal ends it. */
#ifndef SERVE_H
#define SERVE_H

struct exporter;

/* SIGHUP reads the configuration again, SIGUSR1 pauses and goes on.  Opens and closes
 * the exporter; returns the exit status. */
int serve(struct exporter *exporter);

#endif
