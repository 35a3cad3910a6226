/* The daemon as three processes: one asks guests (broker/ask.h), one reads what they
 * say and serves it (serve.h, separation.h), and this one starts both, and starts anew
 * the one that dies, so that what the other holds stays. */
#ifndef SEPARATE_H
#define SEPARATE_H

struct exporter;

/* The exit status.  Of `exporter` the options and the drivers are set. */
int separate(const struct exporter *exporter);

#endif
