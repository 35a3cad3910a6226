/* The parameters of a URL. */
#include "pages/query.h"

#include "base/quote.h"
#include "base/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const pages_sort_names[SORTS + 1] = {
    [SORT_NAME] = "name",     [SORT_STATE] = "state", [SORT_SYSTEM] = "system",
    [SORT_AGENT] = "agent",   [SORT_CLOCK] = "clock", [SORT_FILESYSTEM] = "filesystem",
    [SORT_ANSWER] = "answer",
};

void
pages_query_init(struct pages_query *query, const char *const *states)
{
    *query = (struct pages_query){.states = states, .page = 1};
}

static void
refuse(struct pages_query *query, const char *key, const char *value,
       const char *remedy)
{
    char quoted[QUOTE_BYTES];

    (void)snprintf(query->problem, sizeof(query->problem), "%s=%s is not good: %s", key,
                   quote(value, quoted), remedy);
}

/* The index of the value among the names, or -1 with the problem. */
static int
find(struct pages_query *query, const char *key, const char *value,
     const char *const *names)
{
    char remedy[PAGES_PROBLEM_BYTES / 2];

    for (int i = 0; names && names[i]; i++) {
        if (strcmp(names[i], value) == 0)
            return i;
    }
    if (names)
        suggest_remedy(value, names, remedy, sizeof(remedy));
    refuse(query, key, value, names ? remedy : "there are none");
    return -1;
}

static void
add_state(struct pages_query *query, const char *value)
{
    int state = find(query, "state", value, query->states);

    if (state >= 0)
        query->state = query->states[state];
}

static void
add_sort(struct pages_query *query, const char *value)
{
    query->descending = *value == '-';
    int sort = find(query, "sort", value + query->descending, pages_sort_names);

    if (sort >= 0)
        query->sort = (enum pages_sort)sort;
}

static void
add_text(struct pages_query *query, const char *key, const char *value, char *out,
         size_t bytes)
{
    if (strlen(value) >= bytes)
        refuse(query, key, value, "write less, 127 bytes at most");
    else
        (void)snprintf(out, bytes, "%s", value);
}

static void
add_search(struct pages_query *query, const char *value)
{
    add_text(query, "q", value, query->search, sizeof(query->search));
}

static void
add_source(struct pages_query *query, const char *value)
{
    add_text(query, "source", value, query->source, sizeof(query->source));
}

static void
add_page(struct pages_query *query, const char *value)
{
    unsigned long page = strtoul(value, NULL, 10);

    if (strspn(value, "0123456789") != strlen(value) || page < 1 || page > PAGES_MAX)
        refuse(query, "page", value, "write a number from 1 to 999");
    else
        query->page = (unsigned int)page;
}

void
pages_query_add(struct pages_query *query, const char *key, const char *value)
{
    static const struct {
        const char *key;
        void (*add)(struct pages_query *query, const char *value);
    } parameters[] = {{"state", add_state},
                      {"q", add_search},
                      {"sort", add_sort},
                      {"page", add_page},
                      {"source", add_source}};
    static const char *const known[] = {"state", "q", "sort", "page", "source", NULL};
    char quoted[QUOTE_BYTES], remedy[PAGES_PROBLEM_BYTES / 2];

    if (*query->problem)
        return;
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        if (strcmp(parameters[i].key, key) != 0)
            continue;
        if (value && *value != '\0')
            parameters[i].add(query, value);
        return;
    }
    suggest_remedy(quote(key, quoted), known, remedy, sizeof(remedy));
    (void)snprintf(query->problem, sizeof(query->problem), "%s is no parameter: %s",
                   quoted, remedy);
}
