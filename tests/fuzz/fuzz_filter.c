/* A pattern, a newline, and a text that a guest says: the pattern compiles or is
 * refused by one sentence, and the match ends. */
#include "fuzz.h"
#include "kit/failure.h"
#include "kit/filter.h"

#include <string.h>

/* Longer patterns only take longer to compile; they are the host's administrator's. */
#define PATTERN_BYTES_MAX 256

static char *
string_of(const uint8_t *data, size_t size)
{
    char *string = malloc(size + 1);

    REQUIRE(string);
    if (size > 0)
        memcpy(string, data, size);
    string[size] = '\0';
    return string;
}

static void
match(const char *pattern, const char *text)
{
    struct failure why = {.text = ""};
    struct filter *include = filter_new(pattern, NULL, &why);
    struct filter *exclude = filter_new(NULL, pattern, &why);

    REQUIRE((!include) == (!exclude));
    if (!include) {
        REQUIRE(why.text[0] != '\0');
        return;
    }
    bool included = filter_passes(include, text);
    bool kept = filter_passes(exclude, text);
    /* Neither, where the match did not end within its bound. */
    REQUIRE(pattern[0] == '\0' ? included && kept : !(included && kept));
    filter_free(include);
    filter_free(exclude);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t length = newline ? (size_t)(newline - data) : size;

    if (length > PATTERN_BYTES_MAX)
        return 0;
    size_t rest = newline ? length + 1 : length;
    char *pattern = string_of(data, length);
    char *text = string_of(data + rest, size - rest);
    match(pattern, text);
    free(text);
    free(pattern);
    return 0;
}
