/* Parameters by their names. */
#include "base/parameter.h"

#include "base/quote.h"
#include "base/suggest.h"

#include <stdio.h>
#include <string.h>

#define REMEDY_BYTES (PARAMETER_PROBLEM_BYTES / 2)

void
parameter_refuse(char problem[PARAMETER_PROBLEM_BYTES], const char *key,
                 const char *value, const char *remedy)
{
    char quoted[QUOTE_BYTES];

    (void)snprintf(problem, PARAMETER_PROBLEM_BYTES, "%s=%s is not good: %s", key,
                   quote(value, quoted), remedy);
}

static int
index_of(const char *name, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

int
parameter_choose(char problem[PARAMETER_PROBLEM_BYTES], const char *key,
                 const char *value, const char *const *names)
{
    char remedy[REMEDY_BYTES];
    int index = index_of(value, names);

    if (index >= 0)
        return index;
    suggest_remedy(value, names, remedy, sizeof(remedy));
    parameter_refuse(problem, key, value, remedy);
    return -1;
}

int
parameter_find(char problem[PARAMETER_PROBLEM_BYTES], const char *key,
               const char *const *names)
{
    char quoted[QUOTE_BYTES], remedy[REMEDY_BYTES];
    int index = index_of(key, names);

    if (*problem)
        return -1;
    if (index >= 0)
        return index;
    suggest_remedy(quote(key, quoted), names, remedy, sizeof(remedy));
    (void)snprintf(problem, PARAMETER_PROBLEM_BYTES, "%s is no parameter: %s", quoted,
                   remedy);
    return -1;
}
