/* libyaml's events to a tree, by recursion that the depth limit bounds.  What libyaml
 * would expand or guess (aliases, tags, types of scalars) is refused or left to the
 * typed readers, so that a file says exactly what it seems to say. */
#include "yaml/tree.h"

#include "base/suggest.h"
#include "kit/memory.h"
#include "kit/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#define PATH_BYTES 160 /* collectors.filesystem.mount_points_exclude is 43 */
#define KNOWN_BYTES 320

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the present one; next_event() deletes it */
    struct tree_problem *problem;
    const char *bytes;
    size_t length;
    size_t nodes;
    int depth;
};

static void
node_path(const struct tree_node *node, char *out, size_t out_bytes)
{
    out[0] = '\0';
    if (node == NULL || node->parent == NULL)
        return;
    node_path(node->parent, out, out_bytes);
    size_t used = strlen(out);
    char key[TREE_QUOTE_BYTES];
    if (node->key == NULL)
        snprintf(out + used, out_bytes - used, "[%zu]", node->index);
    else
        snprintf(out + used, out_bytes - used, "%s%s", used > 0 ? "." : "",
                 tree_quote(node->key, key));
}

__attribute__((format(printf, 4, 0))) static int
fail_at(struct tree_problem *problem, int line, const char *path, const char *format,
        va_list arguments)
{
    int used =
        line > 0 ? snprintf(problem->text, problem->text_bytes, "%s:%d: %s%s",
                            problem->file, line, path, path[0] != '\0' ? ": " : "")
                 : snprintf(problem->text, problem->text_bytes, "%s: ", problem->file);
    if (used >= 0 && (size_t)used < problem->text_bytes)
        vsnprintf(problem->text + used, problem->text_bytes - (size_t)used, format,
                  arguments);
    for (char *c = problem->text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            *c = '?'; /* a terminal will show this */
    return -1;
}

int
tree_fail(struct tree_problem *problem, const struct tree_node *node,
          const char *format, ...)
{
    char path[PATH_BYTES];
    va_list arguments;
    node_path(node, path, sizeof(path));
    va_start(arguments, format);
    fail_at(problem, node->line, path, format, arguments);
    va_end(arguments);
    return -1;
}

/* Line 0: the file as a whole. */
__attribute__((format(printf, 3, 4))) static int
fail_line(struct tree_problem *problem, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail_at(problem, line, "", format, arguments);
    va_end(arguments);
    return -1;
}

const char *
tree_quote(const char *text, char out[TREE_QUOTE_BYTES])
{
    size_t used = utf8_cut(text, TREE_QUOTE_BYTES - sizeof("..."));

    for (size_t i = 0; i < used; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == '\x7f')
            out[i] = '?';
        else
            out[i] = text[i];
    snprintf(out + used, TREE_QUOTE_BYTES - used, "%s", text[used] ? "..." : "");
    return out;
}

static const char *
flag_name(const struct tree_problem *problem)
{
    return problem->flag != NULL ? problem->flag : "--config.file";
}

static int
file_open(const char *path, struct tree_problem *problem)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == EACCES)
        return fail_line(problem, 0,
                         "cannot be opened (%s); let the exporter's user read it",
                         strerror(errno));
    if (fd < 0)
        return fail_line(problem, 0,
                         "cannot be opened (%s); check the path given with %s",
                         strerror(errno), flag_name(problem));
    const char *what = NULL;
    if (fstat(fd, &status) < 0)
        what = strerror(errno);
    else if (S_ISDIR(status.st_mode))
        what = "is a directory";
    else if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))
        what = "is not a regular file"; /* a pipe could not be read again at SIGHUP */
    if (what == NULL)
        return fd;
    close(fd);
    return fail_line(problem, 0, "%s; give the YAML file itself with %s", what,
                     flag_name(problem));
}

/* The bytes, at most TREE_FILE_BYTES_MAX; caller frees. */
static char *
file_read(const char *path, size_t *length, struct tree_problem *problem)
{
    int fd = file_open(path, problem);
    if (fd < 0)
        return NULL;
    size_t capacity = TREE_FILE_BYTES_MAX + 1, used = 0;
    char *bytes = memory_new(capacity, 1);
    while (used < capacity) {
        ssize_t n = read(fd, bytes + used, capacity - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail_line(problem, 0, "cannot be read (%s); check the disk and the path",
                      strerror(errno));
        if (n < 0)
            goto fail;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    if (used == capacity) {
        fail_line(problem, 0,
                  "is larger than %d KiB; a config needs far less, so check the path",
                  TREE_FILE_BYTES_MAX / 1024);
        goto fail;
    }
    close(fd);
    *length = used;
    return bytes;
fail:
    close(fd);
    free(bytes);
    return NULL;
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
        memory_new(SIZE_MAX, 1); /* says so and ends the process */
    if (parser->error == YAML_READER_ERROR) {
        int line = line_of_offset(reader, parser->problem_offset);
        bool control = strstr(parser->problem, "control") != NULL;
        return fail_line(reader->problem, line, "%s; save the file as UTF-8 text",
                         control ? "a control character stands here"
                                 : "this is not valid UTF-8");
    }
    int line = (int)parser->problem_mark.line + 1;
    int last = line_of_offset(reader, reader->length > 0 ? reader->length - 1 : 0);
    if (line > last)
        line = last; /* libyaml sees the end of the file on a line of its own */
    if (line_is_tabbed(reader, line))
        return fail_line(reader->problem, line,
                         "a tab stands in the indentation; indent with spaces");
    return fail_line(reader->problem, line,
                     "not valid YAML (%s); check the indentation, quotes and "
                     "brackets here and in the line above",
                     parser->problem != NULL ? parser->problem : "unknown error");
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
    size_t length_max = reader->problem->string_bytes_max > 0
                            ? reader->problem->string_bytes_max
                            : TREE_STRING_BYTES_MAX;
    if (strlen(value) != length)
        return fail_line(reader->problem, event_line(reader),
                         "a value holds a NUL character; remove the \\0");
    if (length > length_max)
        return fail_line(reader->problem, event_line(reader),
                         "a value is longer than %zu bytes; shorten it", length_max);
    return 0;
}

static int
build_key(struct reader *reader, const struct tree_node *map, char **key)
{
    char quoted[TREE_QUOTE_BYTES];
    if (reader->event.type != YAML_SCALAR_EVENT)
        return fail_line(reader->problem, event_line(reader),
                         "a key is not plain text; write it like interval: 15s");
    if (reader->event.data.scalar.anchor != NULL ||
        reader->event.data.scalar.tag != NULL)
        return fail_line(reader->problem, event_line(reader),
                         "a key has an anchor or a tag; write the key alone");
    if (check_scalar(reader) < 0)
        return -1;
    const char *text = (const char *)reader->event.data.scalar.value;
    for (const struct tree_node *other = map->first; other != NULL; other = other->next)
        if (strcmp(other->key, text) == 0)
            return fail_line(reader->problem, event_line(reader),
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
        if ((key != NULL && next_event(reader) < 0) ||
            build_node(reader, parent, tail) < 0) {
            free(key);
            return -1;
        }
        (*tail)->key = key;
        (*tail)->key_line = key_line;
        (*tail)->index = index;
        if (key != NULL && (*tail)->kind == TREE_SCALAR && (*tail)->text[0] == '\0')
            (*tail)->line = key_line; /* libyaml puts a missing value at its end */
        tail = &(*tail)->next;
    }
}

static int
refuse_event(struct reader *reader, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    int line = event_line(reader);
    if (reader->event.type == YAML_ALIAS_EVENT || anchor != NULL)
        return fail_line(reader->problem, line,
                         "anchors (&) and aliases (*) are not allowed; write the value "
                         "out, or put it in quotes");
    if (tag != NULL)
        return fail_line(reader->problem, line,
                         "tags (!) are not allowed; write the value alone, or put it "
                         "in quotes");
    if (reader->nodes >= TREE_NODES_MAX)
        return fail_line(reader->problem, line,
                         "more than %d values; a config needs far less, so check the "
                         "path",
                         TREE_NODES_MAX);
    if (reader->depth > TREE_DEPTH_MAX)
        return fail_line(reader->problem, line,
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
    return fail_line(reader->problem, event_line(reader),
                     "a second document begins here; keep everything in one and remove "
                     "the ---");
}

int
tree_load(const char *path, struct tree_node **root, struct tree_problem *problem)
{
    *root = NULL;
    struct reader reader = {.problem = problem};
    char *bytes = file_read(path, &reader.length, problem);
    if (bytes == NULL)
        return -1;
    reader.bytes = bytes;
    int result = -1;
    if (!yaml_parser_initialize(&reader.parser))
        memory_new(SIZE_MAX, 1); /* says so and ends the process */
    /* Else a byte order mark could turn the rest into something else (UTF-16). */
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes,
                                 reader.length);
    result = build_document(&reader, root);
    if (result < 0) {
        tree_free(*root);
        *root = NULL;
    }
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    free(bytes);
    return result;
}

void
tree_free(struct tree_node *root)
{
    if (root == NULL)
        return;
    for (struct tree_node *child = root->first, *next; child != NULL; child = next) {
        next = child->next;
        tree_free(child);
    }
    free(root->key);
    free(root->text);
    free(root);
}

bool
tree_is_null(const struct tree_node *node)
{
    static const char *const spellings[] = {"", "~", "null", "Null", "NULL"};
    if (node == NULL)
        return true;
    if (node->kind != TREE_SCALAR || node->quoted)
        return false;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
        if (strcmp(node->text, spellings[i]) == 0)
            return true;
    return false;
}

const struct tree_node *
tree_child(const struct tree_node *map, const char *key)
{
    if (map == NULL || map->kind != TREE_MAP)
        return NULL;
    for (const struct tree_node *child = map->first; child != NULL; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

int
tree_check_keys(const struct tree_node *map, const char *const *keys,
                struct tree_problem *problem)
{
    char known[KNOWN_BYTES], quoted[TREE_QUOTE_BYTES], path[PATH_BYTES];
    if (tree_is_null(map))
        return 0;
    if (map->kind != TREE_MAP)
        return tree_fail(problem, map, "is not a map of keys; write it like %s: ...",
                         keys[0]);
    for (const struct tree_node *child = map->first; child != NULL;
         child = child->next) {
        size_t i = 0;
        while (keys[i] != NULL && strcmp(keys[i], child->key) != 0)
            i++;
        if (keys[i] != NULL)
            continue;
        suggest_remedy(child->key, keys, known, sizeof(known));
        node_path(map, path, sizeof(path));
        return fail_line(problem, child->key_line, "%s%sunknown key \"%s\"; %s", path,
                         path[0] != '\0' ? ": " : "", tree_quote(child->key, quoted),
                         known);
    }
    return 0;
}
