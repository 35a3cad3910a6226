/* A guest's name from the path of its agent's socket.  Any thread. */
#ifndef CONFIG_GUEST_NAME_H
#define CONFIG_GUEST_NAME_H

#include <stdbool.h>
#include <stddef.h>

struct failure;
struct pattern;

/* A pattern with one group, which is the name; pattern_free() is the caller's. */
struct pattern *guest_name_new(const char *text, struct failure *why);

/* The name, cut at name_bytes; false: the pattern does not match or gives nothing. */
bool guest_name_of(const struct pattern *pattern, const char *path, char *name,
                   size_t name_bytes);

#endif
