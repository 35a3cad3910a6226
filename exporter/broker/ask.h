/* The process that asks guests, for another one that reads what they say (separate.h).
 */
#ifndef BROKER_ASK_H
#define BROKER_ASK_H

struct source_driver;

/* Until the other end of `control` is gone: the exit status.  Both sockets are this
 * function's: orders come by one (broker/orders.h), and what is asked by the other. */
int ask(const struct source_driver *const *drivers, int control, int to_reader);

#endif
