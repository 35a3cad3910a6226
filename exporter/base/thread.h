/* Threads beside the main one, which alone takes signals. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* Starts a thread with all signals blocked, to be joined or detached.  `name` is what
 * ps(1) shows, of at most 15 bytes; a stack of 0 bytes is the system's usual one.  0,
 * or -1 where the system has no thread left. */
int thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
                 void *(*run)(void *argument), void *argument);

#endif
