/* Parameters of a scrape. */
#include "store/selection.h"

#include "base/parameter.h"
#include "base/quote.h"
#include "base/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
selection_init(struct selection *selection, const struct store_part *parts,
               size_t parts_count)
{
    size_t families = 0;

    *selection = (struct selection){.parts = parts, .parts_count = parts_count};
    for (size_t i = 0; i < parts_count; i++)
        families += families_count(parts[i].families);
    if (parts_count > SELECTION_PARTS_MAX || families > SELECTION_FAMILIES_MAX) {
        (void)fprintf(stderr, "bug: %zu parts, %zu families\n", parts_count, families);
        abort();
    }
}

void
selection_free(struct selection *selection)
{
    for (size_t i = 0; i < selection->domains_count; i++)
        free(selection->domains[i]);
    selection->domains_count = 0;
}

static void
add_part(struct selection *selection, bool *chosen, const char *key, const char *value)
{
    const char *names[SELECTION_PARTS_MAX + 1] = {NULL};

    for (size_t i = 0; i < selection->parts_count; i++)
        names[i] = selection->parts[i].name;
    int part = parameter_choose(selection->problem, key, value, names);

    if (part >= 0)
        chosen[part] = true;
}

static void
add_collect(struct selection *selection, const char *value)
{
    selection->has_collect = true;
    add_part(selection, selection->collect, "collect[]", value);
}

static void
add_exclude(struct selection *selection, const char *value)
{
    selection->has_exclude = true;
    add_part(selection, selection->exclude, "exclude[]", value);
}

/* The name of the family as docs/METRICS.md has it, in any format. */
static void
add_name(struct selection *selection, const char *value)
{
    const char *names[SELECTION_FAMILIES_MAX + 1] = {NULL};
    char remedy[PARAMETER_PROBLEM_BYTES / 2];
    size_t at = 0;

    selection->has_names = true;
    for (size_t i = 0; i < selection->parts_count; i++)
        for (size_t f = 0; selection->parts[i].families[f]; f++, at++) {
            names[at] = selection->parts[i].families[f]->name;
            if (strcmp(names[at], value) != 0)
                continue;
            selection->names[at] = true;
            return;
        }
    const char *near = suggest_nearest(value, names);
    if (near)
        (void)snprintf(remedy, sizeof(remedy), "did you mean \"%s\"?", near);
    parameter_refuse(
        selection->problem, "name[]", value,
        near ? remedy
             : "write the name of a metric as docs/METRICS.md has it, without "
               "_bucket, _sum or _count");
}

static void
add_domain(struct selection *selection, const char *value)
{
    if (selection->domains_count == SELECTION_DOMAINS_MAX)
        parameter_refuse(selection->problem, "domain[]", value,
                         "it is one too many, 64 are the most");
    else
        selection->domains[selection->domains_count++] =
            exposition_identity(value, NULL);
}

void
selection_add(struct selection *selection, const char *key, const char *value)
{
    static const char *const names[] = {"collect[]", "exclude[]", "name[]", "domain[]",
                                        NULL};
    static void (*const add[])(struct selection *, const char *) = {
        add_collect, add_exclude, add_name, add_domain};
    int index = parameter_find(selection->problem, key, names);

    if (index >= 0)
        add[index](selection, value ? value : "");
}

bool
selection_has_part(const struct selection *selection, size_t part)
{
    const bool own = selection->parts[part].write;

    return (!selection->has_collect || selection->collect[part]) &&
           !selection->exclude[part] && !(own && selection->domains_count > 0);
}

void
selection_close(struct selection *selection)
{
    size_t at = 0;

    if (!*selection->problem && selection->has_collect && selection->has_exclude)
        (void)snprintf(selection->problem, sizeof(selection->problem),
                       "collect[] and exclude[] do not go together: write one of them");
    for (size_t i = 0; i < selection->parts_count; i++)
        for (size_t f = 0; selection->parts[i].families[f]; f++, at++)
            selection->families[at] = selection_has_part(selection, i) &&
                                      (!selection->has_names || selection->names[at]);
}

bool
selection_is_whole(const struct selection *selection)
{
    return !selection->has_collect && !selection->has_exclude &&
           !selection->has_names && selection->domains_count == 0;
}

bool
selection_takes_guest(struct selection *selection, const char *identity)
{
    bool takes = selection->domains_count == 0;

    for (size_t i = 0; i < selection->domains_count; i++) {
        size_t length = strlen(selection->domains[i]);

        if (strncmp(identity, selection->domains[i], length) != 0 ||
            (identity[length] != '\0' && identity[length] != ','))
            continue;
        selection->found[i] = true;
        takes = true;
    }
    return takes;
}

bool
selection_check_guests(struct selection *selection)
{
    for (size_t i = 0; i < selection->domains_count; i++) {
        char quoted[QUOTE_BYTES];

        if (selection->found[i])
            continue;
        (void)quote(selection->domains[i] + strlen("domain=\""), quoted);
        size_t length = strlen(quoted);

        if (length < QUOTE_BYTES - 1)
            quoted[length - 1] = '\0'; /* the quote behind the value */
        (void)snprintf(selection->problem, sizeof(selection->problem),
                       "domain[]=%s is no guest that runs here", quoted);
        return false;
    }
    return true;
}
