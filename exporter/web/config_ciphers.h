/* Versions, ciphers and curves of the web configuration file. */
#ifndef WEB_CONFIG_CIPHERS_H
#define WEB_CONFIG_CIPHERS_H

struct tree_node;
struct failure;

/* To GnuTLS' priority string; free() is the caller's. */
int web_config_priority_read(const struct tree_node *map, char **priority,
                             struct failure *why);

#endif
