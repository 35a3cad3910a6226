/* What passes two patterns. */
#include "kit/filter.h"

#include "kit/failure.h"
#include "kit/memory.h"
#include "kit/pattern.h"

#include <stdlib.h>
#include <string.h>

struct filter {
    struct pattern *include; /* NULL: everything */
    struct pattern *exclude; /* NULL: nothing */
};

static int
filter_compile(const char *text, struct pattern **pattern, struct failure *why)
{
    struct pattern_mistake mistake;

    if (!text || text[0] == '\0')
        return 0;
    *pattern = pattern_new(text, PATTERN_OF_TEXT, &mistake);
    if (*pattern)
        return 0;
    failure_set(why, FAILURE_MALFORMED, "bad pattern \"%s\": %s at character %zu", text,
                mistake.text, mistake.offset);
    return -1;
}

struct filter *
filter_new(const char *include, const char *exclude, struct failure *why)
{
    struct filter *filter = memory_new(1, sizeof(*filter));

    if (filter_compile(include, &filter->include, why) < 0 ||
        filter_compile(exclude, &filter->exclude, why) < 0) {
        filter_free(filter);
        return NULL;
    }
    return filter;
}

void
filter_free(struct filter *filter)
{
    if (!filter)
        return;
    pattern_free(filter->include);
    pattern_free(filter->exclude);
    free(filter);
}

bool
filter_passes(const struct filter *filter, const char *text)
{
    if (!filter)
        return true;
    size_t length = strlen(text);

    if (filter->include &&
        pattern_match(filter->include, text, length, NULL) != PATTERN_MATCHES)
        return false;
    return !filter->exclude ||
           pattern_match(filter->exclude, text, length, NULL) == PATTERN_DIFFERS;
}
