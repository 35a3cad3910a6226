/* Those headers that the toolkit allows. */
#include "web/config_headers.h"

#include "kit/memory.h"
#include "yaml/value.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES_MAX 4096

static const struct {
    const char *name;
    const char *values[3]; /* none: any */
} headers[WEB_HEADERS] = {
    {"Content-Security-Policy", {NULL}},
    {"X-Frame-Options", {"deny", "sameorigin", NULL}},
    {"X-Content-Type-Options", {"nosniff", NULL}},
    {"X-XSS-Protection", {NULL}},
    {"Strict-Transport-Security", {NULL}},
};

static int
header_read(const struct tree_node *node, size_t header, struct web_header *out,
            struct failure *why)
{
    const char *const *values = headers[header].values;
    const char *value = NULL;
    size_t index;

    if (values[0] && value_read_choice(node, values, &index, why) < 0)
        return -1;
    if (value_read_string(node, &value, why) < 0)
        return -1;
    if (strlen(value) > HEADER_BYTES_MAX)
        return tree_fail(why, node, "is longer than %d bytes; shorten it",
                         HEADER_BYTES_MAX);
    for (const char *c = value; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            return tree_fail(why, node,
                             "holds a character that a header cannot have; write "
                             "printable ASCII in one line");
    out->value = *value != '\0' ? memory_string(value) : NULL;
    return 0;
}

static int
headers_read(const struct tree_node *map, void *value, struct failure *why)
{
    struct web_header *out = value;
    const char *names[WEB_HEADERS + 1] = {NULL};

    for (size_t i = 0; i < WEB_HEADERS; i++)
        names[i] = out[i].name = headers[i].name;
    if (tree_check_keys(map, names, why) < 0)
        return -1;
    for (size_t i = 0; i < WEB_HEADERS; i++) {
        const struct tree_node *node = tree_child(map, names[i]);

        if (node && header_read(node, i, &out[i], why) < 0)
            return -1;
    }
    return 0;
}

/* Else for the toolkit's sake: we have no HTTP/2. */
static int
http2_read(const struct tree_node *node, void *value, struct failure *why)
{
    bool http2;

    (void)value;
    return node ? value_read_bool(node, &http2, why) : 0;
}

const struct section_key web_config_http_keys[] = {
    {"http2", .read = http2_read},
    {"headers", .read = headers_read},
    {.key = NULL},
};

void
web_config_headers_clear(struct web_header out[WEB_HEADERS])
{
    for (size_t i = 0; i < WEB_HEADERS; i++)
        free(out[i].value);
}
