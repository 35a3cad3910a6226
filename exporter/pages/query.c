/* The parameters of a URL. */
#include "pages/query.h"

#include "base/parameter.h"

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
add_state(struct pages_query *query, const char *value)
{
    int state = parameter_choose(query->problem, "state", value, query->states);

    if (state >= 0)
        query->state = query->states[state];
}

static void
add_sort(struct pages_query *query, const char *value)
{
    query->descending = *value == '-';
    int sort = parameter_choose(query->problem, "sort", value + query->descending,
                                pages_sort_names);

    if (sort >= 0)
        query->sort = (enum pages_sort)sort;
}

static void
add_text(struct pages_query *query, const char *key, const char *value, char *out,
         size_t bytes)
{
    if (strlen(value) >= bytes)
        parameter_refuse(query->problem, key, value, "write less, 127 bytes at most");
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
        parameter_refuse(query->problem, "page", value, "write a number from 1 to 999");
    else
        query->page = (unsigned int)page;
}

void
pages_query_add(struct pages_query *query, const char *key, const char *value)
{
    static const char *const names[] = {"state", "q", "sort", "page", "source", NULL};
    static void (*const add[])(struct pages_query *, const char *) = {
        add_state, add_search, add_sort, add_page, add_source};
    int index = parameter_find(query->problem, key, names);

    if (index >= 0 && value && *value != '\0')
        add[index](query, value);
}
