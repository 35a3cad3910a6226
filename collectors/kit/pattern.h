/* A regular expression of the user's over text of a guest or of the host: PCRE2, with
 * limits, because both may be hostile.  Immutable once made; any thread. */
#ifndef KIT_PATTERN_H
#define KIT_PATTERN_H

#include <stddef.h>

struct pattern;

enum pattern_kind {
    PATTERN_OF_TEXT,  /* of UTF-8; $ is the end of the text, as RE2 has it */
    PATTERN_OF_BYTES, /* of a path */
};

/* Where and why a pattern is none. */
struct pattern_mistake {
    size_t offset;
    char text[128];
};

struct pattern *pattern_new(const char *text, enum pattern_kind kind,
                            struct pattern_mistake *mistake);
void pattern_free(struct pattern *pattern); /* NULL is fine */
unsigned int pattern_groups(const struct pattern *pattern);

enum pattern_result {
    PATTERN_MATCHES,
    PATTERN_DIFFERS,
    PATTERN_UNDECIDED, /* the text is too long, or not UTF-8 */
    PATTERN_SLOW,      /* not decided within the limits */
};

/* What matching may cost before it is broken off, in runs over a byte of text: some
 * hundred milliseconds at the most.  A thousand mount points of hundred bytes and a
 * pattern that tries each place of them need a quarter of it. */
#define PATTERN_STEPS_MAX ((size_t)32 << 20)

/* What the first group matched is text[group[0]] up to text[group[1]], nothing if both
 * are the same; `group` may be NULL.  `steps` are those that are left; what was needed
 * is taken from them. */
enum pattern_result pattern_match(const struct pattern *pattern, const char *text,
                                  size_t length, size_t group[2], size_t *steps);

#endif
