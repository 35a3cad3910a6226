/* Checks of single values. */
#include "config/check.h"

#include "base/log.h"
#include "config/domain_label.h"
#include "kit/metric.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET_PATH_BYTES_MAX 1024
#define UNIX_PREFIX "unix:"
#define UNIX_PATH_BYTES_MAX 107 /* of struct sockaddr_un */
#define URI_BYTES_MAX 1024
#define HOST_BYTES_MAX 253       /* RFC 1035 */
#define SOURCE_NAME_BYTES_MAX 64 /* a label on every series of its guests */
#define TELEMETRY_PATH_BYTES_MAX 128

#define NAMESPACE_BYTES_MAX 256
#define METADATA_PATH_BYTES_MAX 120 /* longer paths in a definition are not read */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool
consists_of(const char *text, const char *characters)
{
    return text[strspn(text, characters)] == '\0';
}

const char *
config_check_uri(const char *uri)
{
    size_t scheme = strspn(uri, LETTERS DIGITS "+.-");
    bool printable = true;

    for (const unsigned char *c = (const unsigned char *)uri; *c != '\0'; c++)
        printable = printable && *c > ' ' && *c < 0x7f;
    if (scheme == 0 || strncmp(uri + scheme, "://", 3) != 0 || !printable ||
        strlen(uri) > URI_BYTES_MAX)
        return "is not a libvirt URI; write it like \"qemu:///system\"";
    return NULL;
}

const char *
config_check_socket_path(const char *path)
{
    if (path[0] != '/' || path[strlen(path) - 1] == '/')
        return "is not the path of sockets; write it like \"/run/agents/*.sock\"";
    if (strlen(path) > SOCKET_PATH_BYTES_MAX)
        return "is too long; write at most 1024 characters";
    if (strstr(path, "/libvirt/qemu/channel/") &&
        strstr(path, "org.qemu.guest_agent.0"))
        return "is libvirt's own channel, and connecting to it takes the agent from "
               "libvirt; write libvirt: {uri: \"qemu:///system\"} instead, or use a "
               "second channel (preset: libvirt-second-channel)";
    return NULL;
}

const char *
config_check_folder(const char *path)
{
    if (path[0] != '/')
        return "is not the path of a folder; write it like \"/var/run/qemu-server\"";
    if (strlen(path) > SOCKET_PATH_BYTES_MAX)
        return "is too long; write at most 1024 characters";
    return NULL;
}

const char *
config_check_source_name(const char *name)
{
    if (name[0] == '\0')
        return "is empty; give the source a name";
    if (strlen(name) > SOURCE_NAME_BYTES_MAX ||
        !consists_of(name, LETTERS DIGITS "._-"))
        return "is not a name for a source; write at most 64 letters, digits, dots, "
               "dashes or underscores";
    return NULL;
}

static bool
port_valid(const char *port)
{
    size_t length = strlen(port);

    return length >= 1 && length <= 5 && consists_of(port, DIGITS) &&
           strtol(port, NULL, 10) <= 65535;
}

/* "", an IPv4 address, localhost, or an IPv6 address (perhaps with %interface) between
 * brackets.  No other names: who resolves them would hold up all guests at a reload. */
static bool
host_valid(const char *host, size_t length)
{
    char text[HOST_BYTES_MAX + 1] = "";
    unsigned char address[16];

    if (length > HOST_BYTES_MAX)
        return false;
    memcpy(text, host, length);
    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
        text[1 + strcspn(text + 1, "%]")] = '\0';
        return inet_pton(AF_INET6, text + 1, address) == 1;
    }
    return length == 0 || strcmp(text, "localhost") == 0 ||
           inet_pton(AF_INET, text, address) == 1;
}

static const char *
unix_path_wrong(const char *path)
{
    if (path[0] != '/' || path[strlen(path) - 1] == '/')
        return "is not the path of a socket; write it like "
               "unix:/run/qga-exporter/web.sock";
    if (strlen(path) > UNIX_PATH_BYTES_MAX)
        return "is too long; write at most 107 characters after unix:";
    return NULL;
}

const char *
config_check_listen_address(const char *address)
{
    const char *colon = strrchr(address, ':');

    if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return unix_path_wrong(address + strlen(UNIX_PREFIX));
    if (!colon || !port_valid(colon + 1) ||
        !host_valid(address, (size_t)(colon - address)))
        return "is not an address to listen on; write it like :10177, "
               "127.0.0.1:10177, [::1]:10177 or unix:/PATH";
    return NULL;
}

/* Whether `path` is `reserved` or lies below it. */
static bool
path_is_below(const char *path, const char *reserved)
{
    size_t length = strlen(reserved);

    return strncmp(path, reserved, length) == 0 &&
           (path[length] == '\0' || path[length] == '/');
}

const char *
config_check_telemetry_path(const char *path)
{
    if (path[0] != '/' || strlen(path) > TELEMETRY_PATH_BYTES_MAX ||
        !consists_of(path, LETTERS DIGITS "/._~-") || strstr(path, "//"))
        return "is not a path for the metrics; write it like /metrics, with letters, "
               "digits and . _ ~ - only";
    if (strcmp(path, "/") == 0)
        return "is the overview; choose another path, like /metrics";
    if (path_is_below(path, "/-") || path_is_below(path, "/sd") ||
        path_is_below(path, "/guests") || path_is_below(path, "/api") ||
        path_is_below(path, "/style.css"))
        return "is kept for other pages of the exporter; choose another path, like "
               "/metrics";
    return NULL;
}

const char *
config_check_label_name(const char *name)
{
    if (strlen(name) > DOMAIN_LABEL_NAME_BYTES_MAX || name[0] == '\0' ||
        !consists_of(name, LETTERS DIGITS "_") || strchr(DIGITS, name[0]) ||
        strncmp(name, "__", 2) == 0)
        return "is not the name of a label; write at most 64 letters, digits and "
               "underscores, no digit first and no two underscores";
    return NULL;
}

/* Whether the text up to `end` is the name of an element or an attribute. */
static bool
xml_name_valid(const char *name, const char *end)
{
    size_t length = (size_t)(end - name);

    return length > 0 && strspn(name, LETTERS DIGITS "._-") >= length &&
           !strchr(DIGITS ".-", name[0]);
}

const char *
config_check_metadata_path(const char *path)
{
    static const char wrong[] =
        "is not a place in a domain's metadata; write it like "
        "\"{https://example.com/billing/1}account/customer\", the namespace between "
        "braces "
        "and then names of elements, the last perhaps with @attribute";
    const char *at = strchr(path, '}');

    if (path[0] != '{' || !at || at == path + 1 ||
        strcspn(path, " \t\"<>") < strlen(path) || at - path > NAMESPACE_BYTES_MAX ||
        strlen(at + 1) > METADATA_PATH_BYTES_MAX)
        return wrong;
    do {
        const char *name = at + 1;

        at = name + strcspn(name, "/@");
        if (!xml_name_valid(name, at))
            return wrong;
    } while (*at == '/');
    if (*at == '@' && !xml_name_valid(at + 1, at + 1 + strlen(at + 1)))
        return wrong;
    return NULL;
}

const char *const config_log_levels[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
    NULL,
};
const char *const config_profiles[] = {
    [PROFILE_MINIMAL] = "minimal",
    [PROFILE_DEFAULT] = "default",
    [PROFILE_FULL] = "full",
    NULL,
};
const char *const config_log_formats[] = {
    [LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json", NULL};

const char *
config_check_choice(const char *name, const char *const *names, const char *wrong)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return NULL;
    return wrong;
}

const char *
config_check_log_level(const char *name)
{
    return config_check_choice(name, config_log_levels,
                               "is not a log level; write debug, info, warn or error");
}

const char *
config_check_profile(const char *name)
{
    return config_check_choice(name, config_profiles,
                               "is not a profile; write minimal, default or full");
}

const char *
config_check_log_format(const char *name)
{
    return config_check_choice(name, config_log_formats,
                               "is not a log format; write logfmt or json");
}
