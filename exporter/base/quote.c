/* Words of others between our own. */
#include "base/quote.h"

const char *
quote(const char *text, char out[QUOTE_BYTES])
{
    size_t length = 0;

    for (; *text && length < QUOTE_BYTES - 1; text++)
        out[length++] = *text;
    out[length] = '\0';
    for (char *c = out; *c; c++) {
        if (*c < ' ' || *c > '~' || *c == '"')
            *c = '?';
    }
    return out;
}
