/* Nearest names by edit distance. */
#include "base/suggest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORD_BYTES_MAX 64 /* longer words are never a slip of a key or flag */

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, where two swapped neighbours count as one slip. */
static size_t
distance(const char *a, const char *b)
{
    size_t rows[3][WORD_BYTES_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    size_t b_length = strlen(b);

    for (size_t j = 0; j <= b_length; j++)
        above[j] = before[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);

            row[j] = least(change, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b_length];
}

const char *
suggest_nearest(const char *word, const char *const *names)
{
    size_t length = strlen(word);
    size_t nearest = (length + 1) / 3 + 1; /* below this: one slip in three letters */
    const char *found = NULL;

    if (length > WORD_BYTES_MAX)
        return NULL;
    for (; *names; names++) {
        if (strlen(*names) > WORD_BYTES_MAX)
            continue;
        size_t far = distance(word, *names);
        if (far < nearest) {
            nearest = far;
            found = *names;
        }
    }
    return found;
}

void
suggest_remedy(const char *word, const char *const *names, char *out, size_t out_bytes)
{
    const char *near = suggest_nearest(word, names);

    if (near) {
        snprintf(out, out_bytes, "did you mean \"%s\"?", near);
        return;
    }
    int used = snprintf(out, out_bytes, "known are: ");
    for (; *names && used >= 0 && (size_t)used < out_bytes; names++)
        used += snprintf(out + used, out_bytes - (size_t)used, "%s%s", *names,
                         names[1] ? ", " : "");
}
