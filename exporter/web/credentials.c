/* Basic, blanks, base64, a colon. */
#include "web/credentials.h"

#include "kit/base64.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define SCHEME "Basic "
#define PLAIN_BYTES_MAX ((size_t)WEB_USER_BYTES_MAX + 1 + WEB_PASSWORD_BYTES_MAX)
#define CODED_BYTES_MAX ((PLAIN_BYTES_MAX + 2) / 3 * 4)

static bool
plain_split(const char *plain, size_t length, struct web_credentials *out)
{
    const char *colon = memchr(plain, ':', length);

    /* A NUL would end the password for bcrypt, and a part of it be enough. */
    if (!colon || memchr(plain, '\0', length))
        return false;
    size_t user = (size_t)(colon - plain);
    size_t password = length - user - 1;
    if (user > WEB_USER_BYTES_MAX || password > WEB_PASSWORD_BYTES_MAX)
        return false;
    memcpy(out->user, plain, user);
    memcpy(out->password, colon + 1, password);
    return true;
}

bool
web_credentials_read(const char *authorization, struct web_credentials *out)
{
    char coded[CODED_BYTES_MAX + 1] = "", plain[CODED_BYTES_MAX];

    *out = (struct web_credentials){.user = ""};
    if (strncasecmp(authorization, SCHEME, strlen(SCHEME)) != 0)
        return false;
    const char *text = authorization + strlen(SCHEME);
    text += strspn(text, " ");
    size_t length = strcspn(text, " ");
    if (length > CODED_BYTES_MAX || text[length + strspn(text + length, " ")] != '\0')
        return false;
    memcpy(coded, text, length);
    size_t padding = length - strcspn(coded, "=");
    bool good = base64_decode(coded, plain, sizeof(plain)) &&
                plain_split(plain, length / 4 * 3 - padding, out);
    explicit_bzero(coded, sizeof(coded));
    explicit_bzero(plain, sizeof(plain));
    return good;
}
