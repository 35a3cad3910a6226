/* Pairs of keys and values. */
#include "source/qemu/options.h"

#include "kit/memory.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 32

/* Both are copied. */
static void
add(struct qemu_options *options, const char *key, const char *value)
{
    if (options->count == QEMU_OPTIONS_PAIRS_MAX ||
        strlen(key) >= QEMU_OPTIONS_KEY_BYTES ||
        strlen(value) > QEMU_OPTIONS_VALUE_BYTES_MAX)
        return;
    options->pairs =
        memory_resize(options->pairs, options->count + 1, sizeof(*options->pairs));
    options->pairs[options->count++] =
        (struct qemu_pair){memory_string(key), memory_string(value)};
}

/* --- JSON --- */

static void add_object(struct qemu_options *options, const char *prefix,
                       const json_t *object);

static void
add_json(struct qemu_options *options, const char *key, const json_t *value)
{
    char number[NUMBER_BYTES];

    if (json_is_object(value)) {
        add_object(options, key, value);
    } else if (json_is_string(value)) {
        add(options, key, json_string_value(value));
    } else if (json_is_integer(value)) {
        (void)snprintf(number, sizeof(number), "%lld",
                       (long long)json_integer_value(value));
        add(options, key, number);
    } else if (json_is_boolean(value)) {
        add(options, key, json_is_true(value) ? "on" : "off");
    }
}

static void
add_object(struct qemu_options *options, const char *prefix, const json_t *object)
{
    char key[QEMU_OPTIONS_KEY_BYTES];
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
        int length =
            snprintf(key, sizeof(key), "%s%s%s", prefix, *prefix ? "." : "", name);

        if (length >= 0 && (size_t)length < sizeof(key))
            add_json(options, key, value);
    }
}

/* Whether no value lies deeper than is read: the parser's stack is a lane's. */
static bool
is_flat(const char *text)
{
    size_t depth = 0;

    for (; *text && depth <= QEMU_OPTIONS_DEPTH_MAX; text++) {
        depth += *text == '{' || *text == '[';
        depth -= depth > 0 && (*text == '}' || *text == ']');
    }
    return depth <= QEMU_OPTIONS_DEPTH_MAX;
}

static void
read_json(struct qemu_options *options, const char *text)
{
    json_t *object =
        is_flat(text) ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (json_is_object(object))
        add_object(options, "", object);
    json_decref(object);
}

/* --- key=value --- */

/* Up to a comma that stands alone; two of them are one in the value.  Returns what
 * follows. */
static const char *
take_value(const char *text, char **value)
{
    char *out = memory_new(strlen(text) + 1, 1);

    *value = out;
    while (*text && (*text != ',' || text[1] == ',')) {
        text += *text == ',';
        *out++ = *text++;
    }
    return *text ? text + 1 : text;
}

static void
read_pairs(struct qemu_options *options, const char *text, const char *implied)
{
    bool is_first = true;

    while (*text && options->count < QEMU_OPTIONS_PAIRS_MAX) {
        size_t length = strcspn(text, "=,");
        bool has_value = text[length] == '=';
        char key[QEMU_OPTIONS_KEY_BYTES] = "", *value;

        if (has_value && length < sizeof(key))
            memcpy(key, text, length);
        text = take_value(has_value ? text + length + 1 : text, &value);
        if (has_value && *key)
            add(options, key, value);
        else if (!has_value && is_first && implied)
            add(options, implied, value);
        else if (!has_value) /* "wait" is "wait=on" */
            add(options, value, "on");
        free(value);
        is_first = false;
    }
}

struct qemu_options
qemu_options_read(const char *text, const char *implied)
{
    struct qemu_options options = {.count = 0};

    if (*text == '{')
        read_json(&options, text);
    else
        read_pairs(&options, text, implied);
    return options;
}

void
qemu_options_clear(struct qemu_options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        free(options->pairs[i].key);
        free(options->pairs[i].value);
    }
    free(options->pairs);
}

const char *
qemu_options_get(const struct qemu_options *options, const char *key)
{
    for (size_t i = options->count; i > 0; i--) {
        if (strcmp(options->pairs[i - 1].key, key) == 0)
            return options->pairs[i - 1].value;
    }
    return "";
}

void
qemu_options_list_add(struct qemu_options_list *list, const char *text,
                      const char *implied)
{
    if (list->count == QEMU_OPTIONS_LIST_MAX)
        return;
    list->items = memory_resize(list->items, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = qemu_options_read(text, implied);
}

void
qemu_options_list_clear(struct qemu_options_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        qemu_options_clear(&list->items[i]);
    free(list->items);
    *list = (struct qemu_options_list){.count = 0};
}

const struct qemu_options *
qemu_options_list_find(const struct qemu_options_list *list, const char *key,
                       const char *value)
{
    for (size_t i = 0; *value && i < list->count; i++) {
        if (strcmp(qemu_options_get(&list->items[i], key), value) == 0)
            return &list->items[i];
    }
    return NULL;
}
