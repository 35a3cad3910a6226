/* What a request for the list of guests says, in lines of "key=value": it is taken or
 * refused by one sentence, and what was asked never becomes markup. */
#include "base/text.h"
#include "fuzz.h"
#include "pages/html.h"
#include "pages/list.h"
#include "pages/query.h"
#include "pages/rows.h"
#include "store/store.h"

#include <string.h>

/* In front of what is looked for, so that nothing else of the page is the same. */
#define MARK "zq7"

static void
take_line(struct pages_query *query, char *line)
{
    char marked[PAGES_SEARCH_BYTES * 4];
    char *value = strchr(line, '=');

    if (value)
        *value++ = '\0';
    if (!value || strcmp(line, "q") != 0) {
        pages_query_add(query, line, value);
        return;
    }
    (void)snprintf(marked, sizeof(marked), MARK "%s", value);
    pages_query_add(query, line, marked);
}

static void
check_query(const struct pages_query *query)
{
    REQUIRE(strlen(query->problem) < PARAMETER_PROBLEM_BYTES - 1);
    for (const char *c = query->problem; *c != '\0'; c++)
        REQUIRE(*c >= ' ' && *c <= '~');
    REQUIRE(query->page >= 1 && query->page <= PAGES_MAX);
    REQUIRE((unsigned int)query->sort < SORTS);
    REQUIRE(!query->state || query->states);
}

static void
check_page(const struct pages_query *query)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);
    struct store *store = store_new(NULL, 0, NULL);
    struct view *view = store_view(store, 1);
    struct rows rows = rows_of(view, query);

    list_page(&text, view, &rows, query, 0);
    REQUIRE(!text.overflow && text.length > 0);
    if (strpbrk(query->search, "<>\""))
        REQUIRE(!strstr(text.bytes, query->search));
    rows_free(&rows);
    view_free(view);
    store_free(store);
    text_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const states[] = {"responsive", "unresponsive", NULL};
    char *input = malloc(size + 1), *rest = input, *line;
    struct pages_query query;

    REQUIRE(input);
    if (size > 0)
        memcpy(input, data, size);
    input[size] = '\0';
    pages_query_init(&query, states);
    while ((line = strsep(&rest, "\n")))
        take_line(&query, line);
    check_query(&query);
    if (!*query.problem)
        check_page(&query);
    free(input);
    return 0;
}
