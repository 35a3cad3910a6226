/* Lines: "?key=value" is a parameter of the URL, "@address" what a guest says of its
 * addresses, "#text" a label's value, and "!" ends a guest.  The query is taken or
 * refused by one sentence; the list is JSON that Prometheus takes, with at most one
 * target for each address, each with the port that was asked for. */
#include "fuzz.h"
#include "store/discovery_page.h"

#include <jansson.h>
#include <string.h>

#define GUESTS_MAX 8
#define LABELS_MAX 4
#define ADDRESSES_MAX (DISCOVERY_ADDRESSES_MAX + 2)

struct scene {
    struct discovery_query query;
    struct discovery_guest *guests[GUESTS_MAX];
    size_t guests_count, targets_max;
    struct discovery_label labels[LABELS_MAX];
    size_t labels_count;
    struct discovery_address addresses[ADDRESSES_MAX];
    size_t addresses_count;
};

static void
end_guest(struct scene *scene)
{
    if (scene->guests_count < GUESTS_MAX) {
        scene->guests[scene->guests_count++] =
            discovery_guest_new(scene->labels, scene->labels_count, scene->addresses,
                                scene->addresses_count);
        scene->targets_max += scene->addresses_count;
    }
    scene->labels_count = scene->addresses_count = 0;
}

static void
take_parameter(struct scene *scene, char *parameter)
{
    char *value = strchr(parameter, '=');

    if (value)
        *value++ = '\0';
    discovery_query_add(&scene->query, parameter, value);
}

static void
take_line(struct scene *scene, char *line)
{
    static const char *const names[LABELS_MAX] = {"domain", "os_id", "uuid", "title"};

    if (line[0] == '?') {
        take_parameter(scene, line + 1);
    } else if (line[0] == '@' && scene->addresses_count < ADDRESSES_MAX) {
        if (discovery_address_read(&scene->addresses[scene->addresses_count], line + 1,
                                   line + 1))
            scene->addresses_count++;
    } else if (line[0] == '#' && scene->labels_count < LABELS_MAX) {
        scene->labels[scene->labels_count] =
            (struct discovery_label){names[scene->labels_count], line + 1};
        scene->labels_count++;
    } else if (line[0] == '!') {
        end_guest(scene);
    }
}

static void
check_problem(const char *problem)
{
    REQUIRE(strlen(problem) < PARAMETER_PROBLEM_BYTES);
    for (const char *c = problem; *c != '\0'; c++)
        REQUIRE(*c >= ' ' && *c <= '~');
}

static size_t
check_group(const json_t *group, const char *port)
{
    const json_t *targets = json_object_get(group, "targets"), *value;
    const char *name;
    size_t index;

    REQUIRE(json_array_size(targets) > 0);
    json_array_foreach (targets, index, value) {
        const char *end = strrchr(json_string_value(value), ':');

        REQUIRE(end && strcmp(end + 1, port) == 0);
    }
    json_object_foreach ((json_t *)(uintptr_t)json_object_get(group, "labels"), name,
                         value) {
        REQUIRE(strncmp(name, "__meta_qga_", 11) == 0);
        REQUIRE(json_string_length(value) <= DISCOVERY_LABEL_BYTES_MAX);
    }
    return json_array_size(targets);
}

static void
check_list(const struct scene *scene)
{
    struct text text = TEXT_INIT((size_t)4 << 20);
    char port[16];
    size_t index, targets = 0;
    const json_t *group;

    discovery_render(&scene->query, scene->guests, scene->guests_count, &text);
    REQUIRE(!text.overflow);
    json_t *list = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(json_is_array(list));
    snprintf(port, sizeof(port), "%u", scene->query.port);
    json_array_foreach (list, index, group) {
        targets += check_group(group, port);
    }
    REQUIRE(targets <= (scene->query.all ? scene->targets_max : scene->guests_count));
    json_decref(list);
    text_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene scene = {.guests_count = 0};
    char *input = malloc(size + 1), *rest = input, *line;

    REQUIRE(input);
    if (size > 0)
        memcpy(input, data, size);
    input[size] = '\0';
    discovery_query_init(&scene.query);
    while ((line = strsep(&rest, "\n")))
        take_line(&scene, line);
    end_guest(&scene);
    check_problem(scene.query.problem);
    if (scene.query.problem[0] == '\0')
        check_list(&scene);
    for (size_t i = 0; i < scene.guests_count; i++)
        discovery_guest_unref(scene.guests[i]);
    free(input);
    return 0;
}
