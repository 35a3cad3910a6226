/* Between the files of the web configuration's schema.  For web/config*.c only. */
#ifndef WEB_CONFIG_PARTS_H
#define WEB_CONFIG_PARTS_H

#include "web/config.h"
#include "yaml/value.h"

/* `map` NULL: no TLS.  config->file is set already. */
int web_config_tls_read(const struct tree_node *map, struct web_config *config,
                        struct tree_problem *problem);
void web_config_tls_clear(struct web_config *config);

/* Versions, ciphers and curves of the map to config->tls.priority. */
int web_config_priority_read(const struct tree_node *map, struct web_config *config,
                             struct tree_problem *problem);

/* The index of the value among `names` (NULL-terminated). */
int web_config_choice_read(const struct tree_node *node, const char *const *names,
                           size_t *index, struct tree_problem *problem);

#endif
