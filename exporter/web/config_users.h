/* The section basic_auth_users of the web configuration file: who may log in. */
#ifndef WEB_CONFIG_USERS_H
#define WEB_CONFIG_USERS_H

#include <stddef.h>

struct failure;
struct tree_node;

#define WEB_USERS_MAX 256
#define WEB_USER_BYTES_MAX 255
/* One more doubles the time of a log-in: 14 is about a second. */
#define WEB_BCRYPT_COST_MIN 4
#define WEB_BCRYPT_COST_MAX 14
#define WEB_BCRYPT_BYTES 60

struct web_user {
    char *name;
    char *hash; /* bcrypt, of WEB_BCRYPT_BYTES */
};

struct web_users {
    struct web_user *list;
    size_t count;
    int bcrypt_cost; /* the highest of all users */
};

/* Into a struct web_users. */
int web_config_users_read(const struct tree_node *map, void *users,
                          struct failure *why);
void web_config_users_clear(struct web_users *users);

/* NULL if there is none of that name. */
const struct web_user *web_config_user(const struct web_users *users, const char *name);

#endif
