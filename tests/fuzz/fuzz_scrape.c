/* What a request for metrics says, in lines: "?key=value" is a parameter of the URL,
 * "A..." a field of Accept, "E..." one of Accept-Encoding.  It is taken or refused by
 * one sentence, and the answer has one of the types that there are. */
#include "fuzz.h"
#include "poll/publish.h"
#include "store/selection.h"
#include "web/negotiate.h"

#include <string.h>

struct scene {
    struct selection selection;
    struct web_wish wish;
};

static void
take_line(struct scene *scene, char *line)
{
    char *value = strchr(line, '=');

    if (line[0] == 'A')
        web_wish_accept(&scene->wish, line + 1);
    if (line[0] == 'E')
        web_wish_accept_encoding(&scene->wish, line + 1);
    if (line[0] != '?')
        return;
    if (value)
        *value++ = '\0';
    selection_add(&scene->selection, line + 1, value);
}

static void
check_wish(const struct web_wish *wish)
{
    const char *type = web_wish_type(wish);
    enum body_coding coding;

    REQUIRE(strncmp(type, "text/plain; version=0.0.4; ", 27) == 0 ||
            strncmp(type, "application/openmetrics-text; version=1.0.0; ", 45) == 0);
    REQUIRE(web_wish_coding(wish, &coding) || coding == BODY_PLAIN);
}

static void
check_selection(struct selection *selection, size_t parts_count)
{
    size_t at = 0;

    REQUIRE(strlen(selection->problem) < PARAMETER_PROBLEM_BYTES - 1);
    for (const char *c = selection->problem; *c != '\0'; c++)
        REQUIRE(*c >= ' ' && *c <= '~');
    for (size_t i = 0; i < parts_count; i++)
        for (size_t f = 0; selection->parts[i].families[f]; f++, at++)
            REQUIRE(!selection->families[at] || selection_has_part(selection, i));
    if (selection_is_whole(selection))
        REQUIRE(selection_takes_guest(selection, "domain=\"web-1\""));
    (void)selection_check_guests(selection);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_part parts[PUBLISH_SLOTS_MAX];
    size_t parts_count = publish_slots(parts);
    struct scene scene = {.wish = {.format_q = 0}};
    char *input = malloc(size + 1), *rest = input, *line;

    REQUIRE(input);
    if (size > 0)
        memcpy(input, data, size);
    input[size] = '\0';
    selection_init(&scene.selection, parts, parts_count);
    while ((line = strsep(&rest, "\n")))
        take_line(&scene, line);
    selection_close(&scene.selection);
    check_wish(&scene.wish);
    check_selection(&scene.selection, parts_count);
    selection_free(&scene.selection);
    free(input);
    return 0;
}
