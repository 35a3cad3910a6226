/* The sources as another process has them (broker.h), which alone may ask guests: all
 * that is done here is to say what is wanted, and to read what comes.  Of libvirt's
 * sources the XML is parsed here.  Loop thread. */
#ifndef BROKER_REMOTE_H
#define BROKER_REMOTE_H

#include "base/log.h"
#include "source/source.h"

#include <stdbool.h>

/* By enum source_kind. */
extern const struct source_driver *const remote_drivers[];

/* By this socket the broker is reached from now on, in place of the one before; it is
 * the module's.  Before the loop's first source is started, and later each time that
 * the broker has been started anew. */
void remote_connect(uv_loop_t *loop, int fd);
/* For the sources that are started, in case that the broker has refused one, as it does
 * where it did not know the configuration yet. */
void remote_ask_again(void);
/* Whether the broker has said something since this was asked last, as it does once a
 * second; or is away, which was noticed. */
bool remote_was_heard(void);
/* What the broker logs, now and when it was started anew. */
void remote_log(enum log_level level, enum log_format format);
/* After the last source was stopped; the loop must run once more. */
void remote_disconnect(void);

#endif
