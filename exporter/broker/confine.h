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
/* Before a loop is made: libuv (since 1.45, where it can) hands changes of its polls to
 * the kernel by io_uring, which is a way around confine_calls(), and ends the process
 * where that refuses what was made before.  A loop that cannot have it does without. */
bool confine_loops(struct failure *why);
/* No thread can connect to anything, start a program or a process, write a file, touch
 * another process, make code of data, or have memory that the limit does not count
 * (seccomp(2)). */
bool confine_calls(struct failure *why);
void confine_memory(void);

#endif
