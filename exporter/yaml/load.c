/* libyaml's events to a tree, by recursion that the depth limit bounds.  What libyaml
 * would expand or guess (aliases, tags, types of scalars) is refused or left to the
 * typed readers, so that a file says exactly what it seems to say. */
#include "yaml/load.h"

#include "base/file.h"
#include "kit/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

struct reader {
    const struct tree_file *file;
    struct failure *why;
    yaml_parser_t parser;
    yaml_event_t event; /* the present one; next_event() deletes it */
    const char *bytes;
    size_t length;
    size_t nodes;
    int depth;
};

/* Line 0: the file as a whole. */
#define refuse(reader, line, ...)                                                      \
    tree_fail_line((reader)->why, (reader)->file->path, line, __VA_ARGS__)

/* A pipe could not be read again at SIGHUP. */
static const char *
what_is_no_file(int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return strerror(errno);
    if (S_ISDIR(status.st_mode))
        return "is a directory";
    if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))
        return "is not a regular file";
    return NULL;
}

/* The bytes; caller frees. */
static char *
read_file(struct reader *reader)
{
    const char *flag = reader->file->flag;
    int fd = file_open(reader->file->path);

    if (fd < 0 && errno == EACCES) {
        refuse(reader, 0, "cannot be opened (%s); let the exporter's user read it",
               strerror(errno));
        return NULL;
    }
    if (fd < 0) {
        refuse(reader, 0, "cannot be opened (%s); check the path given with %s",
               strerror(errno), flag);
        return NULL;
    }
    const char *what = what_is_no_file(fd);

    if (what) {
        (void)close(fd);
        refuse(reader, 0, "%s; give the YAML file itself with %s", what, flag);
        return NULL;
    }
    char *bytes = file_read(fd, TREE_FILE_BYTES_MAX, &reader->length);

    if (!bytes && errno == EFBIG)
        refuse(reader, 0,
               "is larger than %zu KiB; a config needs far less, so check the path",
               TREE_FILE_BYTES_MAX / 1024);
    else if (!bytes)
        refuse(reader, 0, "cannot be read (%s); check the disk and the path",
               strerror(errno));
    return bytes;
}

static int
line_of_offset(const struct reader *reader, size_t offset)
{
    int line = 1;

    for (size_t i = 0; i < offset && i < reader->length; i++)
        line += reader->bytes[i] == '\n';
    return line;
}

/* YAML forbids tabs in indentation; libyaml says so in words nobody understands. */
static bool
line_is_tabbed(const struct reader *reader, int wanted)
{
    int line = 1;
    const char *at = reader->bytes, *end = reader->bytes + reader->length;

    for (; at < end && line < wanted; at++)
        line += *at == '\n';
    while (at < end && *at == ' ')
        at++;
    return at < end && *at == '\t';
}

static int
parser_fail(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;

    if (parser->error == YAML_MEMORY_ERROR)
        (void)memory_need(NULL);
    if (parser->error == YAML_READER_ERROR) {
        int line = line_of_offset(reader, parser->problem_offset);
        bool control = strstr(parser->problem, "control");

        return refuse(reader, line, "%s; save the file as UTF-8 text",
                      control ? "a control character stands here"
                              : "this is not valid UTF-8");
    }
    int line = (int)parser->problem_mark.line + 1;
    int last = line_of_offset(reader, reader->length > 0 ? reader->length - 1 : 0);
    if (line > last)
        line = last; /* libyaml sees the end of the file on a line of its own */
    if (line_is_tabbed(reader, line))
        return refuse(reader, line,
                      "a tab stands in the indentation; indent with spaces");
    return refuse(reader, line,
                  "not valid YAML (%s); check the indentation, quotes and "
                  "brackets here and in the line above",
                  parser->problem ? parser->problem : "unknown error");
}

static int
next_event(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event))
        return parser_fail(reader);
    return 0;
}

static int
event_line(const struct reader *reader)
{
    return (int)reader->event.start_mark.line + 1;
}

static int build_node(struct reader *reader, struct tree_node *parent,
                      struct tree_node **out);

static struct tree_node *
node_new(struct reader *reader, enum tree_kind kind, const struct tree_node *parent)
{
    struct tree_node *node = memory_new(1, sizeof(*node));

    node->kind = kind;
    node->file = reader->file->path;
    node->parent = parent;
    node->line = event_line(reader);
    reader->nodes++;
    return node;
}

static int
check_scalar(struct reader *reader)
{
    const char *value = (const char *)reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;
    size_t length_max = reader->file->string_bytes_max > 0
                            ? reader->file->string_bytes_max
                            : TREE_STRING_BYTES_MAX;

    if (strlen(value) != length)
        return refuse(reader, event_line(reader),
                      "a value holds a NUL character; remove the \\0");
    if (length > length_max)
        return refuse(reader, event_line(reader),
                      "a value is longer than %zu bytes; shorten it", length_max);
    return 0;
}

static int
build_key(struct reader *reader, const struct tree_node *map, char **key)
{
    char quoted[TREE_QUOTE_BYTES];

    if (reader->event.type != YAML_SCALAR_EVENT)
        return refuse(reader, event_line(reader),
                      "a key is not plain text; write it like interval: 15s");
    if (reader->event.data.scalar.anchor || reader->event.data.scalar.tag)
        return refuse(reader, event_line(reader),
                      "a key has an anchor or a tag; write the key alone");
    if (check_scalar(reader) < 0)
        return -1;
    const char *text = (const char *)reader->event.data.scalar.value;
    for (const struct tree_node *other = map->first; other; other = other->next)
        if (strcmp(other->key, text) == 0)
            return refuse(reader, event_line(reader),
                          "\"%s\" stands here a second time (first in line %d); "
                          "remove one of them",
                          tree_quote(text, quoted), other->key_line);
    *key = memory_string(text);
    return 0;
}

static int
build_children(struct reader *reader, struct tree_node *parent, yaml_event_type_t end)
{
    struct tree_node **tail = &parent->first;

    for (size_t index = 0;; index++) {
        char *key = NULL;
        int key_line = 0;

        if (next_event(reader) < 0)
            return -1;
        if (reader->event.type == end)
            return 0;
        if (parent->kind == TREE_MAP) {
            key_line = event_line(reader);
            if (build_key(reader, parent, &key) < 0)
                return -1;
        }
        if ((key && next_event(reader) < 0) || build_node(reader, parent, tail) < 0) {
            free(key);
            return -1;
        }
        (*tail)->key = key;
        (*tail)->key_line = key_line;
        (*tail)->index = index;
        if (key && (*tail)->kind == TREE_SCALAR && (*tail)->text[0] == '\0')
            (*tail)->line = key_line; /* libyaml puts a missing value at its end */
        tail = &(*tail)->next;
    }
}

static int
refuse_event(struct reader *reader, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    int line = event_line(reader);

    if (reader->event.type == YAML_ALIAS_EVENT || anchor)
        return refuse(reader, line,
                      "anchors (&) and aliases (*) are not allowed; write the value "
                      "out, or put it in quotes");
    if (tag)
        return refuse(reader, line,
                      "tags (!) are not allowed; write the value alone, or put it "
                      "in quotes");
    if (reader->nodes >= TREE_NODES_MAX)
        return refuse(reader, line,
                      "more than %d values; a config needs far less, so check the "
                      "path",
                      TREE_NODES_MAX);
    if (reader->depth > TREE_DEPTH_MAX)
        return refuse(reader, line,
                      "nested more than %d levels deep; check the brackets and the "
                      "indentation",
                      TREE_DEPTH_MAX);
    return 0;
}

static int
build_collection(struct reader *reader, struct tree_node *node)
{
    reader->depth++;
    int result = build_children(reader, node,
                                node->kind == TREE_MAP ? YAML_MAPPING_END_EVENT
                                                       : YAML_SEQUENCE_END_EVENT);
    reader->depth--;
    return result;
}

/* The node of the present event.  On failure what was built of it is freed and `out`
 * stays NULL. */
static int
build_node(struct reader *reader, struct tree_node *parent, struct tree_node **out)
{
    const yaml_event_t *event = &reader->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    enum tree_kind kind = TREE_SCALAR;

    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        kind = TREE_LIST;
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        kind = TREE_MAP;
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (refuse_event(reader, anchor, tag) < 0)
        return -1;
    if (kind == TREE_SCALAR && check_scalar(reader) < 0)
        return -1;

    struct tree_node *node = node_new(reader, kind, parent);
    if (kind == TREE_SCALAR) {
        node->text = memory_string((const char *)event->data.scalar.value);
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    } else if (build_collection(reader, node) < 0) {
        tree_free(node);
        return -1;
    }
    *out = node;
    return 0;
}

static int
build_document(struct reader *reader, struct tree_node **root)
{
    if (next_event(reader) < 0 || next_event(reader) < 0) /* stream, document */
        return -1;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return 0;
    if (next_event(reader) < 0 || build_node(reader, NULL, root) < 0)
        return -1;
    if (next_event(reader) < 0 || next_event(reader) < 0) /* document end, what next */
        return -1;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return 0;
    return refuse(reader, event_line(reader),
                  "a second document begins here; keep everything in one and remove "
                  "the ---");
}

int
tree_load(const struct tree_file *file, struct tree_node **root, struct failure *why)
{
    struct reader reader = {.file = file, .why = why};
    char *bytes = read_file(&reader);

    *root = NULL;
    if (!bytes)
        return -1;
    reader.bytes = bytes;
    if (!yaml_parser_initialize(&reader.parser))
        (void)memory_need(NULL);
    /* Else a byte order mark could turn the rest into something else (UTF-16). */
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes,
                                 reader.length);
    int result = build_document(&reader, root);

    if (result < 0) {
        tree_free(*root);
        *root = NULL;
    }
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    free(bytes);
    return result;
}
