/* The credentials of an Authorization header (RFC 7617).  Pure. */
#ifndef WEB_CREDENTIALS_H
#define WEB_CREDENTIALS_H

#include <stdbool.h>

#include "web/config_users.h"

/* bcrypt looks at 72 bytes of a password; libxcrypt takes up to 511. */
#define WEB_PASSWORD_BYTES_MAX 511

struct web_credentials {
    char user[WEB_USER_BYTES_MAX + 1];
    char password[WEB_PASSWORD_BYTES_MAX + 1];
};

/* Whether the header holds such; the scheme in any case, as the RFC wants it. */
bool web_credentials_read(const char *authorization, struct web_credentials *out);

#endif
