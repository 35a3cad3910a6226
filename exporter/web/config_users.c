/* Users and their bcrypt hashes. */
#include "web/config_users.h"

#include "kit/memory.h"
#include "yaml/value.h"

#include <stdlib.h>
#include <string.h>

/* $2b$10$ and 53 characters; 0 if it is none. */
static int
bcrypt_cost(const char *hash)
{
    static const char alphabet[] = "./0123456789abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    if (strlen(hash) != WEB_BCRYPT_BYTES || strncmp(hash, "$2", 2) != 0 ||
        !strchr("aby", hash[2]) || hash[3] != '$' || hash[6] != '$' ||
        strspn(hash + 7, alphabet) != WEB_BCRYPT_BYTES - 7 || hash[4] < '0' ||
        hash[4] > '9' || hash[5] < '0' || hash[5] > '9')
        return 0;
    return (hash[4] - '0') * 10 + hash[5] - '0';
}

static int
user_read(const struct tree_node *node, struct web_users *users, struct failure *why)
{
    const char *hash = NULL;
    struct web_user *user = &users->list[users->count];

    if (node->key[0] == '\0' || strchr(node->key, ':') ||
        strlen(node->key) > WEB_USER_BYTES_MAX)
        return tree_fail(why, node,
                         "cannot be the name of a user; write one of 1 to %d bytes "
                         "without a colon",
                         WEB_USER_BYTES_MAX);
    if (value_read_string(node, &hash, why) < 0)
        return -1;
    int cost = bcrypt_cost(hash);
    if (cost < WEB_BCRYPT_COST_MIN)
        return tree_fail(why, node,
                         "is not a bcrypt hash of a password; make one with "
                         "`htpasswd -nBC 10 \"\"`, it is like $2y$10$ and 53 more");
    if (cost > WEB_BCRYPT_COST_MAX)
        return tree_fail(why, node,
                         "has the cost %d, with which a log-in would take too long; "
                         "make a hash with a cost of %d or less",
                         cost, WEB_BCRYPT_COST_MAX);
    user->name = memory_string(node->key);
    user->hash = memory_string(hash);
    users->count++;
    if (cost > users->bcrypt_cost)
        users->bcrypt_cost = cost;
    return 0;
}

int
web_config_users_read(const struct tree_node *map, void *value, struct failure *why)
{
    struct web_users *users = value;

    if (tree_is_null(map))
        return 0;
    if (map->kind != TREE_MAP)
        return tree_fail(why, map,
                         "is not a map of users; write it like prometheus: $2y$10$...");
    users->list = memory_new(WEB_USERS_MAX, sizeof(*users->list));
    for (const struct tree_node *node = map->first; node; node = node->next) {
        if (users->count == WEB_USERS_MAX)
            return tree_fail(why, node, "is one too many; %d users are the most",
                             WEB_USERS_MAX);
        if (user_read(node, users, why) < 0)
            return -1;
    }
    return 0;
}

void
web_config_users_clear(struct web_users *users)
{
    for (size_t i = 0; i < users->count; i++) {
        free(users->list[i].name);
        free(users->list[i].hash);
    }
    free(users->list);
}

const struct web_user *
web_config_user(const struct web_users *users, const char *name)
{
    for (size_t i = 0; i < users->count; i++)
        if (strcmp(users->list[i].name, name) == 0)
            return &users->list[i];
    return NULL;
}
