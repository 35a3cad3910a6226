/* A guest's name from the path of its agent's socket.  Immutable once made; any thread.
 */
#ifndef CONFIG_GUEST_NAME_H
#define CONFIG_GUEST_NAME_H

#include <stdbool.h>
#include <stddef.h>

struct guest_name;

/* `pattern`: PCRE2 with one group, which is the name.  NULL with one sentence in
 * `error`. */
struct guest_name *guest_name_new(const char *pattern, char *error, size_t error_bytes);
void guest_name_free(struct guest_name *rule); /* NULL is fine */

/* The name, cut at name_bytes; false: the pattern does not match or gives nothing. */
bool guest_name_of(const struct guest_name *rule, const char *path, char *name,
                   size_t name_bytes);

#endif
