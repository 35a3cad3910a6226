/* Scalars to typed values. */
#include "yaml/value.h"

#include "base/clock.h"
#include "base/suggest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REMEDY_BYTES 1024

/* A scalar that has a value; `like` shows how to write it. */
static int
check_value(const struct tree_node *node, const char *like, struct failure *why)
{
    static const char *const kinds[] = {"a value", "a list", "a map"};

    if (node->kind != TREE_SCALAR)
        return tree_fail(why, node, "is %s, not a single value; write it like %s",
                         kinds[node->kind], like);
    if (tree_is_null(node))
        return tree_fail(why, node, "has no value; write it like %s, or remove the key",
                         like);
    return 0;
}

int
value_read_string(const struct tree_node *node, const char **out, struct failure *why)
{
    if (check_value(node, "\"text\"", why) < 0)
        return -1;
    *out = node->text;
    return 0;
}

int
value_read_choice(const struct tree_node *node, const char *const *names, size_t *index,
                  struct failure *why)
{
    char quoted[TREE_QUOTE_BYTES], remedy[REMEDY_BYTES];
    const char *text = NULL;

    if (value_read_string(node, &text, why) < 0)
        return -1;
    for (*index = 0; names[*index]; (*index)++)
        if (strcmp(names[*index], text) == 0)
            return 0;
    suggest_remedy(text, names, remedy, sizeof(remedy));
    return tree_fail(why, node, "\"%s\" is unknown; %s", tree_quote(text, quoted),
                     remedy);
}

int
value_read_bool(const struct tree_node *node, bool *out, struct failure *why)
{
    char quoted[TREE_QUOTE_BYTES];

    if (check_value(node, "true or false", why) < 0)
        return -1;
    *out = strcmp(node->text, "true") == 0;
    if (!node->quoted && (*out || strcmp(node->text, "false") == 0))
        return 0;
    return tree_fail(why, node,
                     "\"%s\" is not true or false; write one of these two, small and "
                     "without quotes",
                     tree_quote(node->text, quoted));
}

/* A decimal number without sign or leading zeros; returns what follows it, or NULL. */
static const char *
decimal_parse(const char *text, int64_t *out)
{
    int64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return NULL;
    if (at == text || (text[0] == '0' && at > text + 1))
        return NULL;
    *out = value;
    return at;
}

int
value_read_integer(const struct tree_node *node, int64_t min, int64_t max, int64_t *out,
                   struct failure *why)
{
    char quoted[TREE_QUOTE_BYTES], like[VALUE_BYTES];

    snprintf(like, sizeof(like), "%" PRId64, min);
    if (check_value(node, like, why) < 0)
        return -1;
    const char *rest = decimal_parse(node->text, out);
    if (node->quoted || !rest || *rest != '\0')
        return tree_fail(why, node,
                         "\"%s\" is not a whole number; write one from %" PRId64
                         " to %" PRId64 ", without quotes",
                         tree_quote(node->text, quoted), min, max);
    if (*out < min || *out > max)
        return tree_fail(why, node,
                         "%s is out of range; write a number from %" PRId64
                         " to %" PRId64,
                         tree_quote(node->text, quoted), min, max);
    return 0;
}

static const struct {
    const char *name;
    int64_t ns;
} duration_units[] = {
    {"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S}, {"s", NS_PER_S}, {"ms", NS_PER_MS}};
#define DURATION_UNITS (sizeof(duration_units) / sizeof(duration_units[0]))

/* Each unit once at most, the larger first. */
static int
duration_parse(const char *text, int64_t *out_ns)
{
    size_t unit = 0;

    *out_ns = 0;
    while (*text != '\0') {
        int64_t number = 0;
        const char *name = decimal_parse(text, &number);

        if (!name)
            return -1;
        size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz");
        while (unit < DURATION_UNITS &&
               (strlen(duration_units[unit].name) != length ||
                strncmp(duration_units[unit].name, name, length) != 0))
            unit++;
        if (unit == DURATION_UNITS ||
            __builtin_mul_overflow(number, duration_units[unit].ns, &number) ||
            __builtin_add_overflow(*out_ns, number, out_ns))
            return -1;
        unit++;
        text = name + length;
    }
    return unit == 0 ? -1 : 0;
}

const char *
value_duration_format(int64_t ns, char out[VALUE_BYTES])
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < DURATION_UNITS; i++) {
        int64_t number = ns / duration_units[i].ns;

        ns %= duration_units[i].ns;
        if (number == 0)
            continue;
        int added = snprintf(out + used, VALUE_BYTES - used, "%" PRId64 "%s", number,
                             duration_units[i].name);
        used += (size_t)added;
    }
    if (used == 0)
        snprintf(out, VALUE_BYTES, "0s");
    return out;
}

static int
bytes_parse(const char *text, int64_t *out)
{
    static const struct {
        const char *name;
        int64_t bytes;
    } units[] = {
        {"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    const char *name = decimal_parse(text, out);
    if (!name)
        return -1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(name, units[i].name) == 0)
            return __builtin_mul_overflow(*out, units[i].bytes, out) ? -1 : 0;
    return -1;
}

const char *
value_bytes_format(int64_t bytes, char out[VALUE_BYTES])
{
    const char *unit = "";

    if (bytes != 0 && bytes % (1 << 20) == 0) {
        bytes /= 1 << 20;
        unit = "MiB";
    } else if (bytes != 0 && bytes % (1 << 10) == 0) {
        bytes /= 1 << 10;
        unit = "KiB";
    }
    snprintf(out, VALUE_BYTES, "%" PRId64 "%s", bytes, unit);
    return out;
}

/* What durations and sizes are read by. */
struct quantity {
    const char *name, *like;
    int (*parse)(const char *text, int64_t *out);
    const char *(*format)(int64_t number, char out[VALUE_BYTES]);
};

static int
quantity_read(const struct quantity *quantity, const struct tree_node *node,
              int64_t min, int64_t max, int64_t *out, struct failure *why)
{
    char quoted[TREE_QUOTE_BYTES], low[VALUE_BYTES], high[VALUE_BYTES];

    if (check_value(node, quantity->like, why) < 0)
        return -1;
    if (quantity->parse(node->text, out) < 0)
        return tree_fail(why, node, "\"%s\" is not a %s; write it like %s%s",
                         tree_quote(node->text, quoted), quantity->name,
                         quantity->parse == bytes_parse ? "512, " : "", quantity->like);
    if (*out < min || *out > max)
        return tree_fail(why, node, "%s is out of range; write a %s from %s to %s",
                         tree_quote(node->text, quoted), quantity->name,
                         quantity->format(min, low), quantity->format(max, high));
    return 0;
}

int
value_read_duration(const struct tree_node *node, int64_t min_ns, int64_t max_ns,
                    int64_t *out_ns, struct failure *why)
{
    static const struct quantity duration = {"duration", "15s, 1m30s or 2h",
                                             duration_parse, value_duration_format};

    return quantity_read(&duration, node, min_ns, max_ns, out_ns, why);
}

int
value_read_bytes(const struct tree_node *node, int64_t min, int64_t max, int64_t *out,
                 struct failure *why)
{
    static const struct quantity size = {"size", "64KiB or 1MiB", bytes_parse,
                                         value_bytes_format};

    return quantity_read(&size, node, min, max, out, why);
}
