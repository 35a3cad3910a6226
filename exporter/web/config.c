/* The sections of the web configuration file. */
#include "web/config.h"

#include "base/clock.h"
#include "kit/memory.h"
#include "yaml/load.h"

#include <stdlib.h>

#define PEM_BYTES_MAX                                                                  \
    ((size_t)32 << 10) /* a chain of certificates in the file itself */
#define RATE_BURST_MAX 100000

static const struct section_key rate_limit_keys[] = {
    {"interval", SECTION_DURATION, offsetof(struct web_rate_limit, interval_ns),
     .max = NS_PER_HOUR},
    {"burst", SECTION_INTEGER, offsetof(struct web_rate_limit, burst), .min = 1,
     .max = RATE_BURST_MAX},
    {.key = NULL},
};

static const struct section_key keys[] = {
    {"tls_server_config", .offset = offsetof(struct web_config, tls),
     .read = web_config_tls_read},
    {"http_server_config", .offset = offsetof(struct web_config, headers),
     .keys = web_config_http_keys},
    {"basic_auth_users", .offset = offsetof(struct web_config, users),
     .read = web_config_users_read},
    {"rate_limit", .offset = offsetof(struct web_config, rate_limit),
     .keys = rate_limit_keys},
    {.key = NULL},
};

struct web_config *
web_config_load(const char *path, struct failure *why)
{
    const struct tree_file file = {
        .path = path, .flag = "--web.config.file", .string_bytes_max = PEM_BYTES_MAX};
    struct tree_node *root = NULL;

    if (path && tree_load(&file, &root, why) < 0)
        return NULL;
    struct web_config *config = memory_new(1, sizeof(*config));

    config->rate_limit.burst = 1;
    if (section_read(keys, root, config, why) < 0) {
        web_config_free(config);
        config = NULL;
    }
    tree_free(root);
    return config;
}

void
web_config_free(struct web_config *config)
{
    if (!config)
        return;
    web_config_tls_clear(&config->tls);
    web_config_headers_clear(config->headers);
    web_config_users_clear(&config->users);
    free(config);
}
