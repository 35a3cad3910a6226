/* The schema of the web configuration file: users, headers, and the rest in
 * web/config_tls.c. */
#include "web/config.h"

#include "kit/memory.h"
#include "yaml/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_BYTES_MAX                                                                  \
    ((size_t)32 << 10) /* a chain of certificates in the file itself */
#define HEADER_BYTES_MAX 4096
#define RATE_BURST_MAX 100000
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_HOUR (3600000 * NS_PER_MS)

static const struct {
    const char *name;
    const char *values[3]; /* none: any */
} headers[WEB_HEADERS] = {
    {"Content-Security-Policy", {NULL}},
    {"X-Frame-Options", {"deny", "sameorigin", NULL}},
    {"X-Content-Type-Options", {"nosniff", NULL}},
    {"X-XSS-Protection", {NULL}},
    {"Strict-Transport-Security", {NULL}},
};

static int
header_read(const struct tree_node *node, size_t header, struct web_config *config,
            struct tree_problem *problem)
{
    const char *value = NULL;
    size_t index;
    if (headers[header].values[0] != NULL &&
        value_read_choice(node, headers[header].values, &index, problem) < 0)
        return -1;
    if (value_read_string(node, &value, problem) < 0)
        return -1;
    if (strlen(value) > HEADER_BYTES_MAX)
        return tree_fail(problem, node, "is longer than %d bytes; shorten it",
                         HEADER_BYTES_MAX);
    for (const char *c = value; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            return tree_fail(problem, node,
                             "holds a character that a header cannot have; write "
                             "printable ASCII in one line");
    config->headers[header].value = *value != '\0' ? memory_string(value) : NULL;
    return 0;
}

static int
tls_read(const struct tree_node *map, struct web_config *config,
         struct tree_problem *problem)
{
    return web_config_tls_read(map, config->file, &config->tls, problem);
}

static int
http_read(const struct tree_node *map, struct web_config *config,
          struct tree_problem *problem)
{
    static const char *const keys[] = {"http2", "headers", NULL};
    const char *names[WEB_HEADERS + 1] = {NULL};
    bool http2;
    const struct tree_node *node = tree_child(map, "http2");
    const struct tree_node *list = tree_child(map, "headers");
    for (size_t i = 0; i < WEB_HEADERS; i++) {
        names[i] = headers[i].name;
        config->headers[i].name = headers[i].name;
    }
    if (tree_check_keys(map, keys, problem) < 0 ||
        tree_check_keys(list, names, problem) < 0)
        return -1;
    if (node != NULL && value_read_bool(node, &http2, problem) < 0)
        return -1; /* else for the toolkit's sake: we have no HTTP/2 */
    for (size_t i = 0; i < WEB_HEADERS; i++) {
        node = tree_child(list, names[i]);
        if (node != NULL && header_read(node, i, config, problem) < 0)
            return -1;
    }
    return 0;
}

/* $2b$10$ and 53 characters; 0 if it is none. */
static int
bcrypt_cost(const char *hash)
{
    static const char alphabet[] = "./0123456789abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (strlen(hash) != WEB_BCRYPT_BYTES || strncmp(hash, "$2", 2) != 0 ||
        strchr("aby", hash[2]) == NULL || hash[3] != '$' || hash[6] != '$' ||
        strspn(hash + 7, alphabet) != WEB_BCRYPT_BYTES - 7 || hash[4] < '0' ||
        hash[4] > '9' || hash[5] < '0' || hash[5] > '9')
        return 0;
    return (hash[4] - '0') * 10 + hash[5] - '0';
}

static int
user_read(const struct tree_node *node, struct web_config *config,
          struct tree_problem *problem)
{
    const char *hash = NULL;
    struct web_user *user = &config->users[config->users_count];
    if (node->key[0] == '\0' || strchr(node->key, ':') != NULL ||
        strlen(node->key) > WEB_USER_BYTES_MAX)
        return tree_fail(problem, node,
                         "cannot be the name of a user; write one of 1 to %d bytes "
                         "without a colon",
                         WEB_USER_BYTES_MAX);
    if (value_read_string(node, &hash, problem) < 0)
        return -1;
    int cost = bcrypt_cost(hash);
    if (cost < WEB_BCRYPT_COST_MIN)
        return tree_fail(problem, node,
                         "is not a bcrypt hash of a password; make one with "
                         "`htpasswd -nBC 10 \"\"`, it is like $2y$10$ and 53 more");
    if (cost > WEB_BCRYPT_COST_MAX)
        return tree_fail(problem, node,
                         "has the cost %d, with which a log-in would take too long; "
                         "make a hash with a cost of %d or less",
                         cost, WEB_BCRYPT_COST_MAX);
    user->name = memory_string(node->key);
    user->hash = memory_string(hash);
    config->users_count++;
    if (cost > config->bcrypt_cost)
        config->bcrypt_cost = cost;
    return 0;
}

static int
users_read(const struct tree_node *map, struct web_config *config,
           struct tree_problem *problem)
{
    if (tree_is_null(map))
        return 0;
    if (map->kind != TREE_MAP)
        return tree_fail(problem, map,
                         "is not a map of users; write it like prometheus: $2y$10$...");
    config->users = memory_new(WEB_USERS_MAX, sizeof(*config->users));
    for (const struct tree_node *node = map->first; node != NULL; node = node->next) {
        if (config->users_count == WEB_USERS_MAX)
            return tree_fail(problem, node, "is one too many; %d users are the most",
                             WEB_USERS_MAX);
        if (user_read(node, config, problem) < 0)
            return -1;
    }
    return 0;
}

static int
rate_limit_read(const struct tree_node *map, struct web_config *config,
                struct tree_problem *problem)
{
    static const char *const keys[] = {"interval", "burst", NULL};
    const struct tree_node *interval = tree_child(map, "interval");
    const struct tree_node *burst = tree_child(map, "burst");
    config->rate_limit.burst = 1;
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    if (interval != NULL &&
        value_read_duration(interval, 0, NS_PER_HOUR, &config->rate_limit.interval_ns,
                            problem) < 0)
        return -1;
    if (burst == NULL)
        return 0;
    return value_read_integer(burst, 1, RATE_BURST_MAX, &config->rate_limit.burst,
                              problem);
}

static const struct {
    const char *key;
    int (*read)(const struct tree_node *node, struct web_config *config,
                struct tree_problem *problem);
} sections[] = {
    {"tls_server_config", tls_read},
    {"http_server_config", http_read},
    {"basic_auth_users", users_read},
    {"rate_limit", rate_limit_read},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static int
root_read(const struct tree_node *root, struct web_config *config,
          struct tree_problem *problem)
{
    const char *keys[SECTIONS + 1] = {NULL};
    for (size_t i = 0; i < SECTIONS; i++)
        keys[i] = sections[i].key;
    if (tree_check_keys(root, keys, problem) < 0)
        return -1;
    for (size_t i = 0; i < SECTIONS; i++)
        if (sections[i].read(tree_child(root, sections[i].key), config, problem) < 0)
            return -1;
    return 0;
}

struct web_config *
web_config_load(const char *path, char *error, size_t error_bytes)
{
    struct tree_problem problem = {.file = path,
                                   .text = error,
                                   .text_bytes = error_bytes,
                                   .flag = "--web.config.file",
                                   .string_bytes_max = PEM_BYTES_MAX};
    struct tree_node *root = NULL;
    error[0] = '\0';
    if (path != NULL && tree_load(path, &root, &problem) < 0)
        return NULL;
    struct web_config *config = memory_new(1, sizeof(*config));
    config->file = memory_string(path != NULL ? path : "");
    if (root_read(root, config, &problem) < 0) {
        web_config_free(config);
        config = NULL;
    }
    tree_free(root);
    return config;
}

void
web_config_free(struct web_config *config)
{
    if (config == NULL)
        return;
    web_config_tls_clear(&config->tls);
    for (size_t i = 0; i < WEB_HEADERS; i++)
        free(config->headers[i].value);
    for (size_t i = 0; i < config->users_count; i++) {
        free(config->users[i].name);
        free(config->users[i].hash);
    }
    free(config->users);
    free(config->file);
    free(config);
}

const struct web_user *
web_config_user(const struct web_config *config, const char *name)
{
    for (size_t i = 0; i < config->users_count; i++)
        if (strcmp(config->users[i].name, name) == 0)
            return &config->users[i];
    return NULL;
}
