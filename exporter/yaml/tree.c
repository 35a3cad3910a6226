/* Where a node stands, which keys a map has, and how a mistake is said. */
#include "yaml/tree.h"

#include "base/suggest.h"
#include "kit/failure.h"
#include "kit/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 160 /* collectors.filesystem.mount_points_exclude is 43 */
#define KNOWN_BYTES 320

static void
node_path(const struct tree_node *node, char *out, size_t out_bytes)
{
    out[0] = '\0';
    if (!node || !node->parent)
        return;
    node_path(node->parent, out, out_bytes);
    size_t used = strlen(out);
    char key[TREE_QUOTE_BYTES];
    if (!node->key)
        snprintf(out + used, out_bytes - used, "[%zu]", node->index);
    else
        snprintf(out + used, out_bytes - used, "%s%s", used > 0 ? "." : "",
                 tree_quote(node->key, key));
}

/* `file` NULL: it stands in none.  `path` is that of a node, or "".  Line 0: the file
 * as a whole. */
__attribute__((format(printf, 5, 0))) static int
fail_at(struct failure *why, const char *file, int line, const char *path,
        const char *format, va_list arguments)
{
    char sentence[FAILURE_TEXT_BYTES], place[16] = "";

    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    if (line > 0)
        (void)snprintf(place, sizeof(place), ":%d", line);
    failure_set(why, line > 0 ? FAILURE_MALFORMED : FAILURE_UNAVAILABLE, "%s%s%s%s%s%s",
                file ? file : "", place, file ? ": " : "", path,
                path[0] != '\0' ? ": " : "", sentence);
    for (char *c = why->text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            *c = '?'; /* a terminal will show this */
    return -1;
}

int
tree_fail(struct failure *why, const struct tree_node *node, const char *format, ...)
{
    char path[PATH_BYTES];
    va_list arguments;

    node_path(node, path, sizeof(path));
    va_start(arguments, format);
    (void)fail_at(why, node->file, node->line, path, format, arguments);
    va_end(arguments);
    return -1;
}

int
tree_fail_line(struct failure *why, const char *file, int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fail_at(why, file, line, "", format, arguments);
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

void
tree_free(struct tree_node *root)
{
    if (!root)
        return;
    for (struct tree_node *child = root->first, *next; child; child = next) {
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

    if (!node)
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
    if (!map || map->kind != TREE_MAP)
        return NULL;
    for (const struct tree_node *child = map->first; child; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

int
tree_check_keys(const struct tree_node *map, const char *const *keys,
                struct failure *why)
{
    char known[KNOWN_BYTES], quoted[TREE_QUOTE_BYTES], path[PATH_BYTES];

    if (tree_is_null(map))
        return 0;
    if (map->kind != TREE_MAP)
        return tree_fail(why, map, "is not a map of keys; write it like %s: ...",
                         keys[0]);
    for (const struct tree_node *child = map->first; child; child = child->next) {
        size_t i = 0;

        while (keys[i] && strcmp(keys[i], child->key) != 0)
            i++;
        if (keys[i])
            continue;
        suggest_remedy(child->key, keys, known, sizeof(known));
        node_path(map, path, sizeof(path));
        return tree_fail_line(
            why, child->file, child->key_line, "%s%sunknown key \"%s\"; %s", path,
            path[0] != '\0' ? ": " : "", tree_quote(child->key, quoted), known);
    }
    return 0;
}
