/* Base64 (RFC 4648, section 4), as guest-file-read wraps what it has read.  Any thread.
 */
#ifndef KIT_BASE64_H
#define KIT_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes into `out` and closes it with a NUL; what does not fit in `bytes` is cut.
 * false: it is not base64. */
bool base64_decode(const char *text, char *out, size_t bytes);

#endif
