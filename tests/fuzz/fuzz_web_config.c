/* A web configuration file as web_config_load() reads it: one that holds together, or
 * one sentence. */
#include "fuzz.h"
#include "kit/failure.h"
#include "web/config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
sentence_is_one_line(const char *error)
{
    size_t length = strnlen(error, FAILURE_TEXT_BYTES);

    REQUIRE(length > 0 && length < FAILURE_TEXT_BYTES);
    for (size_t i = 0; i < length; i++)
        REQUIRE((unsigned char)error[i] >= ' ' && error[i] != '\x7f');
}

static bool
is_given(const struct web_pem *pem)
{
    REQUIRE(!pem->path || !pem->text);
    return pem->path || pem->text;
}

/* What must not be for a door to stay open. */
static void
tls_holds_together(const struct web_config *config)
{
    bool verifies = config->tls.client_auth == WEB_CLIENT_VERIFY_IF_GIVEN ||
                    config->tls.client_auth == WEB_CLIENT_REQUIRE_AND_VERIFY;

    REQUIRE(is_given(&config->tls.cert) && is_given(&config->tls.key));
    REQUIRE(!verifies || is_given(&config->tls.client_ca));
    REQUIRE(!config->tls.allowed_sans || verifies);
    REQUIRE(!config->tls.allowed_sans || config->tls.allowed_sans[0]);
    REQUIRE(strncmp(config->tls.priority, "NORMAL:-VERS-ALL:+VERS-TLS1.", 28) == 0);
}

static void
config_holds_together(const struct web_config *config)
{
    if (config->tls.enabled)
        tls_holds_together(config);
    REQUIRE(config->users.count <= WEB_USERS_MAX);
    for (size_t i = 0; i < config->users.count; i++) {
        REQUIRE(strlen(config->users.list[i].hash) == WEB_BCRYPT_BYTES);
        REQUIRE(!strchr(config->users.list[i].name, ':'));
        REQUIRE(web_config_user(&config->users, config->users.list[i].name) ==
                &config->users.list[i]);
    }
    REQUIRE(config->users.count == 0 ||
            config->users.bcrypt_cost >= WEB_BCRYPT_COST_MIN);
    REQUIRE(config->users.bcrypt_cost <= WEB_BCRYPT_COST_MAX);
    for (size_t i = 0; i < WEB_HEADERS; i++)
        REQUIRE(
            !config->headers[i].value ||
            (config->headers[i].name && !strpbrk(config->headers[i].value, "\r\n")));
    REQUIRE(config->rate_limit.interval_ns >= 0 && config->rate_limit.burst >= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct failure why;
    int fd = memfd_create("fuzz_web_config", MFD_CLOEXEC);

    REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    memset(&why, 'x', sizeof(why));
    struct web_config *config = web_config_load(path, &why);
    if (config)
        config_holds_together(config);
    else
        sentence_is_one_line(why.text);
    web_config_free(config);
    close(fd);
    return 0;
}
