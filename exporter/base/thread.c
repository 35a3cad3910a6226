/* Starting a thread. */
#include "base/thread.h"

#include <signal.h>

int
thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
             void *(*run)(void *argument), void *argument)
{
    pthread_attr_t attributes;
    sigset_t all, before;

    (void)pthread_attr_init(&attributes);
    if (stack_bytes > 0)
        (void)pthread_attr_setstacksize(&attributes, stack_bytes);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, &attributes, run, argument);

    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (error != 0)
        return -1;
    (void)pthread_setname_np(*thread, name);
    return 0;
}
