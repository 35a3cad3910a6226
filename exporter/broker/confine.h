/* What the process that reads guests' words may still do, so that one that was taken
 * over by them can harm nobody: it has its memory, its files to read, and the sockets
 * that were opened for it. */
#ifndef BROKER_CONFINE_H
#define BROKER_CONFINE_H

#include <stdbool.h>

struct failure;

/* Memory that it may have (RLIMIT_DATA). */
#define CONFINE_MEMORY_BYTES (INT64_C(4) * 1024 * 1024 * 1024)

/* The user, alone and without other groups; before it has other threads.  Needs root.
 */
bool confine_user(const char *name, struct failure *why);
/* No capability but that to bind a low port; before there are other threads. */
bool confine_rights(struct failure *why);
/* Only what is in these folders can be read from now on, by this thread and those that
 * it starts, and sockets be made in those (landlock(7)).  NULL-terminated; what is not
 * there is left out.  True as well where the kernel cannot; that is logged. */
bool confine_files(const char *const *readable, const char *const *for_sockets,
                   struct failure *why);
/* Before the first loop is made: libuv (since 1.45) makes no io_uring, which would be a
 * way around confine_calls(), and without which a loop that has one ends the process. */
void confine_loops(void);
/* No thread can connect to anything, start a program or a process, write a file, or
 * touch another process (seccomp(2)). */
bool confine_calls(struct failure *why);
void confine_memory(void);

#endif
