/* The section `avoid`: what is not asked, because it is known to do harm in a guest. */
#include "config/avoid.h"

#include "collector.h"
#include "kit/memory.h"
#include "yaml/value.h"

#include <stdlib.h>
#include <string.h>

#define RULES_MAX 256

static void
rule_clear(struct harm_rule *rule)
{
    const char *const strings[] = {rule->os, rule->agent_before, rule->command,
                                   rule->reason};
    /* They are ours, const only for those who read. */
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        free((void *)(uintptr_t)strings[i]);
}

void
config_avoid_clear(struct avoid_config *avoid)
{
    for (size_t i = 0; i < avoid->rules_count; i++)
        rule_clear(&avoid->rules[i]);
    free(avoid->rules);
}

static int
rule_string_read(const struct tree_node *map, const char *key, const char *fallback,
                 const char **out, struct tree_problem *problem)
{
    const struct tree_node *node = tree_child(map, key);
    const char *value = NULL;
    if (node == NULL) {
        *out = fallback != NULL ? memory_string(fallback) : NULL;
        return 0;
    }
    if (value_read_string(node, &value, problem) < 0)
        return -1;
    *out = memory_string(value);
    return 0;
}

static bool
command_known(const char *command)
{
    for (size_t i = 0; i < collectors_count; i++)
        if (strcmp(collectors[i]->command, command) == 0)
            return true;
    return false;
}

static int
rule_read(const struct tree_node *map, struct harm_rule *rule,
          struct tree_problem *problem)
{
    static const char *const keys[] = {"os", "agent_before", "command", "reason", NULL};
    char quoted[TREE_QUOTE_BYTES];
    const struct tree_node *command = tree_child(map, "command");
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    if (command == NULL)
        return tree_fail(problem, map,
                         "names no command; write command: guest-get-fsinfo");
    if (rule_string_read(map, "os", NULL, &rule->os, problem) < 0 ||
        rule_string_read(map, "agent_before", NULL, &rule->agent_before, problem) < 0 ||
        rule_string_read(map, "command", "", &rule->command, problem) < 0 ||
        rule_string_read(map, "reason", "by the config", &rule->reason, problem) < 0)
        return -1;
    if (!command_known(rule->command))
        return tree_fail(problem, command,
                         "\"%s\" is no command that a collector sends; see "
                         "--list-collectors",
                         tree_quote(rule->command, quoted));
    return 0;
}

static int
rules_read(const struct tree_node *list, struct avoid_config *avoid,
           struct tree_problem *problem)
{
    if (list == NULL || tree_is_null(list))
        return 0;
    if (list->kind != TREE_LIST)
        return tree_fail(problem, list,
                         "is not a list; write it like - {os: freebsd, command: "
                         "guest-get-fsinfo}");
    for (const struct tree_node *map = list->first; map != NULL; map = map->next) {
        if (avoid->rules_count == RULES_MAX)
            return tree_fail(problem, map, "is one too many; %d rules are the most",
                             RULES_MAX);
        avoid->rules =
            memory_resize(avoid->rules, avoid->rules_count + 1, sizeof(*avoid->rules));
        struct harm_rule *rule = &avoid->rules[avoid->rules_count++];
        *rule = (struct harm_rule){.os = NULL};
        if (rule_read(map, rule, problem) < 0)
            return -1;
    }
    return 0;
}

int
config_avoid_read(const struct tree_node *map, struct avoid_config *avoid,
                  struct tree_problem *problem)
{
    static const char *const keys[] = {"known_harm", "rules", NULL};
    const struct tree_node *known_harm = tree_child(map, "known_harm");
    avoid->known_harm = true;
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    if (known_harm != NULL &&
        value_read_bool(known_harm, &avoid->known_harm, problem) < 0)
        return -1;
    return rules_read(tree_child(map, "rules"), avoid, problem);
}
