/* The value of an Authorization header: what is read fits, and what is not leaves
 * nothing behind. */
#include "fuzz.h"
#include "web/credentials.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct web_credentials credentials;
    char *header = malloc(size + 1); /* of the exact size */

    REQUIRE(header);
    memcpy(header, data, size);
    header[size] = '\0';
    memset(&credentials, 'x', sizeof(credentials));
    bool read = web_credentials_read(header, &credentials);
    REQUIRE(strnlen(credentials.user, sizeof(credentials.user)) <= WEB_USER_BYTES_MAX);
    REQUIRE(strnlen(credentials.password, sizeof(credentials.password)) <=
            WEB_PASSWORD_BYTES_MAX);
    REQUIRE(!strchr(credentials.user, ':'));
    REQUIRE(read || (credentials.user[0] == '\0' && credentials.password[0] == '\0'));
    free(header);
    return 0;
}
