/* One group of a pattern. */
#include "config/guest_name.h"

#include "kit/failure.h"
#include "kit/pattern.h"

#include <stdio.h>
#include <string.h>

struct pattern *
guest_name_new(const char *text, struct failure *why)
{
    struct pattern_mistake mistake;
    struct pattern *pattern = pattern_new(text, PATTERN_OF_BYTES, &mistake);

    if (!pattern) {
        failure_set(why, FAILURE_MALFORMED,
                    "the pattern \"%s\" is wrong at character %zu: %s", text,
                    mistake.offset + 1, mistake.text);
        return NULL;
    }
    if (pattern_groups(pattern) == 1)
        return pattern;
    failure_set(why, FAILURE_MALFORMED,
                "the pattern \"%s\" has %u groups; write the part of the path that is "
                "the guest's name in one pair of parentheses",
                text, pattern_groups(pattern));
    pattern_free(pattern);
    return NULL;
}

bool
guest_name_of(const struct pattern *pattern, const char *path, char *name,
              size_t name_bytes)
{
    size_t group[2], steps = PATTERN_STEPS_MAX;

    if (pattern_match(pattern, path, strlen(path), group, &steps) != PATTERN_MATCHES ||
        group[0] == group[1])
        return false;
    (void)snprintf(name, name_bytes, "%.*s", (int)(group[1] - group[0]),
                   path + group[0]);
    return true;
}
