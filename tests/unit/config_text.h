/* A text as a config file.  For the file of a test's main() alone. */
#ifndef UNIT_CONFIG_TEXT_H
#define UNIT_CONFIG_TEXT_H

#include "config/config.h"
#include "unit/yaml_text.h"

static inline void *
config_read_written(void)
{
    return config_load(yaml_path, NULL, &yaml_why);
}

static inline void
config_release(void *config)
{
    config_free(config);
}

static inline struct config *
config_of(const char *text)
{
    yaml_write(text, strlen(text));
    struct config *config = config_read_written();

    if (!config)
        fail_msg("%s", yaml_why.text);
    return config;
}

#define CONFIG_EACH_IS_REFUSED(mistakes)                                               \
    yaml_each_is_refused(mistakes, sizeof(mistakes) / sizeof((mistakes)[0]), true,     \
                         config_read_written, config_release)

#endif
