/* The process that asks guests, for another one that reads what they say (separate.h).
 */
#ifndef ASK_H
#define ASK_H

struct exporter;

/* Until the other end of `control` is gone: the exit status.  Of `exporter` the drivers
 * are set.  Both sockets are this function's: orders come by one (broker/orders.h), and
 * what is asked by the other. */
int ask(const struct exporter *exporter, int control, int to_reader);

#endif
