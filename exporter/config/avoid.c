/* The section `avoid`: what is not asked, because it is known to do harm in a guest. */
#include "config/avoid.h"

#include "collector.h"
#include "kit/memory.h"
#include "yaml/section.h"
#include "yaml/value.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RULES_MAX 256

void
config_avoid_clear(struct avoid_config *avoid)
{
    for (size_t i = 0; i < avoid->rules_count; i++) {
        const struct harm_rule *rule = &avoid->rules[i];
        const char *const strings[] = {rule->os, rule->agent_before, rule->command,
                                       rule->reason};

        /* They are ours, const only for those who read. */
        for (size_t j = 0; j < sizeof(strings) / sizeof(strings[0]); j++)
            free((void *)(uintptr_t)strings[j]);
    }
    free(avoid->rules);
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
rule_string_read(const struct tree_node *node, void *value, struct failure *why)
{
    const char *text = NULL;

    if (!node)
        return 0;
    if (value_read_string(node, &text, why) < 0)
        return -1;
    *(const char **)value = memory_string(text);
    return 0;
}

/* It is compared with the ID that agents say.  On Windows that is another word than
 * everybody's, and a rule that never fits would be taken for a protection. */
static int
os_read(const struct tree_node *node, void *value, struct failure *why)
{
    const char *const *os = value;
    char quoted[TREE_QUOTE_BYTES];

    if (rule_string_read(node, value, why) < 0)
        return -1;
    if (!*os || strncasecmp(*os, "win", strlen("win")) != 0)
        return 0;
    return tree_fail(why, node,
                     "\"%s\" is no system that an agent says; on Windows they say "
                     "mswindows",
                     tree_quote(*os, quoted));
}

static const struct section_key rule_keys[] = {
    {"os", .offset = offsetof(struct harm_rule, os), .read = os_read},
    {"agent_before", .offset = offsetof(struct harm_rule, agent_before),
     .read = rule_string_read},
    {"command", .offset = offsetof(struct harm_rule, command),
     .read = rule_string_read},
    {"reason", .offset = offsetof(struct harm_rule, reason), .read = rule_string_read},
    {.key = NULL},
};

static int
rule_read(const struct tree_node *map, struct harm_rule *rule, struct failure *why)
{
    char quoted[TREE_QUOTE_BYTES];

    if (section_read(rule_keys, map, rule, why) < 0)
        return -1;
    if (!rule->command)
        return tree_fail(why, map, "names no command; write command: guest-get-fsinfo");
    if (!rule->reason)
        rule->reason = memory_string("by the config");
    if (command_known(rule->command))
        return 0;
    return tree_fail(why, tree_child(map, "command"),
                     "\"%s\" is no command that a collector sends; see "
                     "--list-collectors",
                     tree_quote(rule->command, quoted));
}

static int
rules_read(const struct tree_node *list, void *value, struct failure *why)
{
    struct avoid_config *avoid = value;

    if (tree_is_null(list))
        return 0;
    if (list->kind != TREE_LIST)
        return tree_fail(why, list,
                         "is not a list; write it like - {os: freebsd, command: "
                         "guest-get-fsinfo}");
    for (const struct tree_node *map = list->first; map; map = map->next) {
        if (avoid->rules_count == RULES_MAX)
            return tree_fail(why, map, "is one too many; %d rules are the most",
                             RULES_MAX);
        avoid->rules =
            memory_resize(avoid->rules, avoid->rules_count + 1, sizeof(*avoid->rules));
        struct harm_rule *rule = &avoid->rules[avoid->rules_count++];
        *rule = (struct harm_rule){.os = NULL};
        if (rule_read(map, rule, why) < 0)
            return -1;
    }
    return 0;
}

const struct section_key config_avoid_keys[] = {
    {"known_harm", SECTION_BOOL, offsetof(struct avoid_config, known_harm), .range = "",
     .help = "do not ask what is [known to do harm](HARM.md) in a guest"},
    {"rules", .read = rules_read, .standard = "none", .range = "up to 256",
     .help = "more of them"},
    {.key = NULL},
};
