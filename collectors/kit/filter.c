/* What passes two patterns. */
#include "kit/filter.h"

#include "kit/failure.h"
#include "kit/memory.h"
#include "kit/pattern.h"

#include <stdlib.h>
#include <string.h>

struct half {
    struct pattern *pattern; /* NULL: none */
    char *text;
    bool slow, told;
};

/* What its uses leave. */
struct filter_use {
    size_t steps; /* left for this reply */
    size_t undecided;
    struct half include, exclude;
};

struct filter {
    struct filter_use *use;
};

static int
half_compile(const char *text, struct half *half, struct failure *why)
{
    struct pattern_mistake mistake;

    if (!text || text[0] == '\0')
        return 0;
    half->pattern = pattern_new(text, PATTERN_OF_TEXT, &mistake);
    if (half->pattern) {
        half->text = memory_string(text);
        return 0;
    }
    failure_set(why, FAILURE_MALFORMED, "bad pattern \"%s\": %s at character %zu", text,
                mistake.text, mistake.offset);
    return -1;
}

struct filter *
filter_new(const char *include, const char *exclude, struct failure *why)
{
    struct filter *filter = memory_new(1, sizeof(*filter));

    filter->use = memory_new(1, sizeof(*filter->use));
    filter_restart(filter);
    if (half_compile(include, &filter->use->include, why) < 0 ||
        half_compile(exclude, &filter->use->exclude, why) < 0) {
        filter_free(filter);
        return NULL;
    }
    return filter;
}

static void
half_clear(struct half *half)
{
    pattern_free(half->pattern);
    free(half->text);
}

void
filter_free(struct filter *filter)
{
    if (!filter)
        return;
    half_clear(&filter->use->include);
    half_clear(&filter->use->exclude);
    free(filter->use);
    free(filter);
}

static bool
half_is(struct filter_use *use, struct half *half, const char *text,
        enum pattern_result wanted)
{
    enum pattern_result result = PATTERN_SLOW;

    if (use->steps > 0) {
        result = pattern_match(half->pattern, text, strlen(text), NULL, &use->steps);
        half->slow |= result == PATTERN_SLOW;
    }
    use->undecided += result != PATTERN_MATCHES && result != PATTERN_DIFFERS;
    return result == wanted;
}

bool
filter_passes(const struct filter *filter, const char *text)
{
    struct filter_use *use = filter ? filter->use : NULL;

    if (!use)
        return true;
    if (use->include.pattern && !half_is(use, &use->include, text, PATTERN_MATCHES))
        return false;
    return !use->exclude.pattern || half_is(use, &use->exclude, text, PATTERN_DIFFERS);
}

void
filter_restart(const struct filter *filter)
{
    if (!filter)
        return;
    filter->use->steps = PATTERN_STEPS_MAX;
    filter->use->undecided = 0;
}

size_t
filter_undecided(const struct filter *filter)
{
    return filter ? filter->use->undecided : 0;
}

static const char *
half_tell_slow(struct half *half)
{
    bool tells = half->slow && !half->told;

    half->told |= tells;
    return tells ? half->text : NULL;
}

const char *
filter_tell_slow(const struct filter *filter)
{
    const char *text = filter ? half_tell_slow(&filter->use->include) : NULL;

    return text || !filter ? text : half_tell_slow(&filter->use->exclude);
}
