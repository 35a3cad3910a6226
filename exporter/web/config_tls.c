/* tls_server_config of the web configuration: certificates and who is let in. */
#include "web/config_tls.h"

#include "kit/memory.h"
#include "web/config_ciphers.h"
#include "yaml/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order of enum web_client_auth; the last is an old name of the third. */
static const char *const client_auth_names[] = {"NoClientCert",
                                                "RequestClientCert",
                                                "RequireAnyClientCert",
                                                "VerifyClientCertIfGiven",
                                                "RequireAndVerifyClientCert",
                                                "RequireClientCert",
                                                NULL};
#define CLIENT_AUTH_OLD_NAME 5

/* As the toolkit does it: from the folder of the configuration file. */
static char *
path_complete(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');

    if (path[0] == '/' || !slash)
        return memory_string(path);
    int folder = (int)(slash - file);
    size_t length = (size_t)folder + 1 + strlen(path) + 1;
    char *complete = memory_new(length, 1);
    (void)snprintf(complete, length, "%.*s/%s", folder, file, path);
    return complete;
}

/* `key`_file or `key` itself; an empty one is none. */
static int
pem_read(const struct tree_node *map, const char *key, const char *key_file,
         struct web_pem *out, struct failure *why)
{
    const struct tree_node *text_node = tree_child(map, key);
    const struct tree_node *path_node = tree_child(map, key_file);
    const char *text = "", *path = "";

    if ((text_node && value_read_string(text_node, &text, why) < 0) ||
        (path_node && value_read_string(path_node, &path, why) < 0))
        return -1;
    if (*text != '\0' && *path != '\0')
        return tree_fail(why, text_node, "stands here beside %s; remove one", key_file);
    if (*path != '\0') {
        out->path = path_complete(map->file, path);
        out->line = path_node->line;
    } else if (*text != '\0') {
        out->text = memory_string(text);
        out->line = text_node->line;
    }
    return 0;
}

static bool
pem_is_given(const struct web_pem *pem)
{
    return pem->path || pem->text;
}

static int
client_auth_read(const struct tree_node *map, struct web_tls_config *tls,
                 struct failure *why)
{
    const struct tree_node *node = tree_child(map, "client_auth_type");
    size_t index = 0;

    if (node && (node->kind != TREE_SCALAR || node->text[0] != '\0') &&
        value_read_choice(node, client_auth_names, &index, why) < 0)
        return -1;
    if (index == CLIENT_AUTH_OLD_NAME)
        index = WEB_CLIENT_REQUIRE_ANY;
    tls->client_auth = (enum web_client_auth)index;
    return 0;
}

static int
sans_read(const struct tree_node *list, struct web_tls_config *tls, struct failure *why)
{
    size_t count = 0;

    if (!list)
        return 0;
    if (list->kind != TREE_LIST)
        return tree_fail(why, list,
                         "is not a list of names; write it like "
                         "[\"prometheus.example.com\"]");
    tls->allowed_sans = memory_new(WEB_SANS_MAX + 1, sizeof(char *));
    for (const struct tree_node *node = list->first; node; node = node->next) {
        const char *san = NULL;

        if (count == WEB_SANS_MAX)
            return tree_fail(why, node, "is one too many; %d names are the most",
                             WEB_SANS_MAX);
        if (value_read_string(node, &san, why) < 0)
            return -1;
        if (*san == '\0')
            return tree_fail(why, node, "is empty; write a name or remove it");
        tls->allowed_sans[count++] = memory_string(san);
    }
    if (count > 0)
        return 0;
    free(tls->allowed_sans); /* an empty list is no list, as in the toolkit */
    tls->allowed_sans = NULL;
    return 0;
}

/* What must fit together; a mistake here must not end in an open door. */
static int
tls_check(const struct tree_node *map, const struct web_tls_config *tls,
          struct failure *why)
{
    bool verifies = tls->client_auth == WEB_CLIENT_VERIFY_IF_GIVEN ||
                    tls->client_auth == WEB_CLIENT_REQUIRE_AND_VERIFY;
    bool has_ca = pem_is_given(&tls->client_ca);

    if (!pem_is_given(&tls->cert))
        return tree_fail(why, map,
                         "has no cert_file (or cert); add the server's certificate, or "
                         "remove tls_server_config for plain HTTP");
    if (!pem_is_given(&tls->key))
        return tree_fail(why, map,
                         "has no key_file (or key); add the key of the certificate");
    if (has_ca && tls->client_auth == WEB_CLIENT_NONE)
        return tree_fail(why, map,
                         "has a client_ca_file but does not ask for client "
                         "certificates; add client_auth_type: "
                         "RequireAndVerifyClientCert");
    if (verifies && !has_ca)
        return tree_fail(why, map,
                         "verifies client certificates but does not say against what; "
                         "add client_ca_file");
    if (tls->allowed_sans && !verifies)
        return tree_fail(why, map,
                         "has client_allowed_sans but does not verify client "
                         "certificates; add client_auth_type: "
                         "RequireAndVerifyClientCert");
    return 0;
}

int
web_config_tls_read(const struct tree_node *map, void *value, struct failure *why)
{
    static const char *const keys[] = {"cert_file",
                                       "key_file",
                                       "cert",
                                       "key",
                                       "client_auth_type",
                                       "client_ca_file",
                                       "client_ca",
                                       "cipher_suites",
                                       "client_allowed_sans",
                                       "min_version",
                                       "max_version",
                                       "prefer_server_cipher_suites",
                                       "curve_preferences",
                                       NULL};
    struct web_tls_config *tls = value;

    if (tree_check_keys(map, keys, why) < 0)
        return -1;
    if (tree_is_null(map) || !map->first)
        return 0;
    tls->file = memory_string(map->file);
    if (pem_read(map, "cert", "cert_file", &tls->cert, why) < 0 ||
        pem_read(map, "key", "key_file", &tls->key, why) < 0 ||
        pem_read(map, "client_ca", "client_ca_file", &tls->client_ca, why) < 0 ||
        client_auth_read(map, tls, why) < 0 ||
        sans_read(tree_child(map, "client_allowed_sans"), tls, why) < 0 ||
        web_config_priority_read(map, &tls->priority, why) < 0)
        return -1;
    tls->enabled = true;
    return tls_check(map, tls, why);
}

static void
pem_clear(struct web_pem *pem)
{
    free(pem->path);
    if (pem->text)
        explicit_bzero(pem->text, strlen(pem->text));
    free(pem->text);
}

void
web_config_tls_clear(struct web_tls_config *tls)
{
    pem_clear(&tls->cert);
    pem_clear(&tls->key);
    pem_clear(&tls->client_ca);
    for (char **san = tls->allowed_sans; san && *san; san++)
        free(*san);
    free(tls->allowed_sans);
    free(tls->priority);
    free(tls->file);
}
