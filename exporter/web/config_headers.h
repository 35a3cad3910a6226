/* The section http_server_config of the web configuration file: headers of every
 * answer. */
#ifndef WEB_CONFIG_HEADERS_H
#define WEB_CONFIG_HEADERS_H

#include "yaml/section.h"

#define WEB_HEADERS 5

struct web_header {
    const char *name;
    char *value; /* NULL: not configured */
};

extern const struct section_key web_config_http_keys[]; /* of the WEB_HEADERS headers */
void web_config_headers_clear(struct web_header headers[WEB_HEADERS]);

#endif
