/* UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.  Pure.
 */
#ifndef KIT_UTF8_H
#define KIT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of the character that `text`, closed by a NUL, begins with, and its code;
 * 0 and no code if that is none.  `code` may be NULL. */
size_t utf8_decode(const char *text, uint32_t *code);

/* How many bytes of `text`, at most `bytes_max`, come before the first that is none of
 * the visible characters and the blank of ASCII: they are their own UTF-8, and all
 * shown. */
size_t utf8_plain(const char *text, size_t bytes_max);

/* How many bytes of `text` to keep so that there are at most `bytes_max` and no
 * character is cut in two. */
size_t utf8_cut(const char *text, size_t bytes_max);

/* `text` as valid UTF-8 of at most `bytes_max` bytes: what is no character becomes
 * U+FFFD, and what does not fit is left out.  Returns its length; writes it, and a NUL,
 * only if `out` is not NULL. */
size_t utf8_clean(const char *text, size_t bytes_max, char *out);

/* Whether a character shows itself where it stands: no control, none without width,
 * none that separates lines or turns the direction of writing. */
bool utf8_is_shown(uint32_t code);

#endif
