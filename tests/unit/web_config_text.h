/* A text as a web configuration file.  For the file of a test's main() alone. */
#ifndef UNIT_WEB_CONFIG_TEXT_H
#define UNIT_WEB_CONFIG_TEXT_H

#include "unit/yaml_text.h"
#include "web/config.h"

#define HASH "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
#define TLS "tls_server_config: {cert_file: a.crt, key_file: a.key"

static inline void *
web_config_read_written(void)
{
    return web_config_load(yaml_path, &yaml_why);
}

static inline void
web_config_release(void *config)
{
    web_config_free(config);
}

static inline struct web_config *
web_config_of(const char *text)
{
    yaml_write(text, strlen(text));
    struct web_config *config = web_config_read_written();

    if (!config)
        fail_msg("%s", yaml_why.text);
    return config;
}

#define WEB_CONFIG_EACH_IS_REFUSED(mistakes)                                           \
    yaml_each_is_refused(mistakes, sizeof(mistakes) / sizeof((mistakes)[0]), false,    \
                         web_config_read_written, web_config_release)

#endif
