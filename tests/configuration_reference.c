/* Prints docs/configuration.md, read from standard input, with its tables of keys and
 * collectors made anew: from the table by which the file is read, and from the
 * registry. `make docs` keeps the output, `make docs-check` compares it. */
#include "base/text.h"
#include "collector.h"
#include "config/config.h"
#include "yaml/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_BYTES_MAX ((size_t)1 << 20)
#define LINE_BYTES 1024
#define NAME_BYTES 128

static const char *
spell(const struct section_key *key, int64_t number, char text[VALUE_BYTES])
{
    if (key->type == SECTION_DURATION)
        return value_duration_format(number, text);
    if (key->type == SECTION_BYTES)
        return value_bytes_format(number, text);
    (void)snprintf(text, VALUE_BYTES, "%lld", (long long)number);
    return text;
}

static int64_t
size_at(const size_t *value)
{
    return (int64_t)*value;
}

/* What a struct with the defaults has. */
static void
add_standard(struct text *out, const struct section_key *key, const void *section)
{
    const void *value = (const char *)section + key->offset;
    char text[VALUE_BYTES];

    switch (key->type) {
    case SECTION_BOOL:
        text_add_string(out, *(const bool *)value ? "true" : "false");
        return;
    case SECTION_TEXT:
        text_add_format(out, "`%s`", *(char *const *)value);
        return;
    case SECTION_UNSIGNED:
        text_add_string(out, spell(key, *(const unsigned int *)value, text));
        return;
    case SECTION_COUNT:
    case SECTION_BYTES:
        text_add_string(out, spell(key, size_at(value), text));
        return;
    case SECTION_INTEGER:
    case SECTION_DURATION:
        text_add_string(out, spell(key, *(const int64_t *)value, text));
        return;
    case SECTION_CHOICE:
        text_add_string(out, key->choices[*(const unsigned int *)value]);
        return;
    case SECTION_MAP:
        break;
    }
    fprintf(stderr, "%s has no text for its default\n", key->key);
    abort();
}

static void
add_key(struct text *out, const char *prefix, const struct section_key *key,
        const void *section)
{
    char min[VALUE_BYTES], max[VALUE_BYTES];

    text_add_format(out, "| `%s%s` | ", prefix, key->key);
    if (key->standard)
        text_add_string(out, key->standard);
    else
        add_standard(out, key, section);
    if (key->range)
        text_add_format(out, " | %s%s", key->range, *key->range ? " " : "");
    else
        text_add_format(out, " | %s to %s ", spell(key, key->min, min),
                        spell(key, key->max, max));
    text_add_format(out, "| %s%s|\n", key->help, *key->help ? " " : "");
}

static void
add_filters(struct text *out, const char *prefix)
{
    for (size_t i = 0; i < collectors_count; i++)
        for (const struct filter_spec *spec = collectors[i]->filters; spec && spec->key;
             spec++)
            text_add_format(out,
                            "| `%s%s.%s_include`, `_exclude` | %s | regular expression "
                            "| %s |\n",
                            prefix, collectors[i]->name, spec->key,
                            spec->default_exclude ? "in the annotated file" : "none",
                            spec->help);
}

/* `section` is what the offsets of the keys are from, with the defaults. */
static void
add_keys(struct text *out, const char *prefix, const struct section_key *keys,
         const struct config *config, const void *section)
{
    for (; keys->key; keys++) {
        char name[NAME_BYTES];
        bool is_source = keys->items == config_source_keys;

        (void)snprintf(name, sizeof(name), "%s%s%s.", prefix, keys->key,
                       keys->each ? keys->each : "");
        if (keys->help)
            add_key(out, prefix, keys, section);
        if (keys->keys)
            add_keys(out, name, keys->keys, config,
                     (const char *)section + keys->offset);
        if (keys->items)
            add_keys(out, name, keys->items, config,
                     is_source ? (const void *)config->sources
                               : (const void *)config->collectors);
        if (keys->items == config_collector_keys)
            add_filters(out, "collectors.");
    }
}

static struct text
table_of_keys(void)
{
    struct text out = TEXT_INIT(TABLE_BYTES_MAX);
    struct failure why;
    struct config *config = config_load(NULL, NULL, &why);

    text_add_string(&out,
                    "| Key | Default | Range | What it is |\n|---|---|---|---|\n");
    add_keys(&out, "", config_keys, config, config);
    config_free(config);
    return out;
}

static struct text
table_of_collectors(void)
{
    struct text out = TEXT_INIT(TABLE_BYTES_MAX);
    char interval[VALUE_BYTES];

    text_add_string(&out,
                    "| Collector | Asks | Every | Default |\n|---|---|---|---|\n");
    for (size_t i = 0; i < collectors_count; i++)
        text_add_format(&out, "| `%s` | `%s` | %s | %s |\n", collectors[i]->name,
                        collectors[i]->command,
                        value_duration_format(collectors[i]->default_interval_s *
                                                  INT64_C(1000000000),
                                              interval),
                        collectors[i]->default_disabled ? "off" : "on");
    return out;
}

int
main(void)
{
    struct {
        const char *head;
        struct text text;
        bool is_there;
    } tables[] = {{"| Key |", table_of_keys(), false},
                  {"| Collector |", table_of_collectors(), false}};
    char line[LINE_BYTES];
    bool skips = false; /* in a table that was made anew */

    while (fgets(line, sizeof(line), stdin)) {
        skips = skips && line[0] == '|';
        for (size_t i = 0; !skips && i < 2; i++) {
            if (strncmp(line, tables[i].head, strlen(tables[i].head)) != 0)
                continue;
            fputs(tables[i].text.bytes, stdout);
            tables[i].is_there = skips = true;
        }
        if (!skips)
            fputs(line, stdout);
    }
    for (size_t i = 0; i < 2; i++) {
        if (!tables[i].is_there || tables[i].text.overflow)
            abort();
        text_free(&tables[i].text);
    }
    return ferror(stdout) || fflush(stdout) != 0;
}
