/* Versions, ciphers and curves: from the names that Go has for them, which are those of
 * the toolkit, to GnuTLS' priority string. */
#include "web/config_ciphers.h"

#include "base/text.h"
#include "yaml/value.h"

#include <string.h>

#define PRIORITY_BYTES_MAX 4096

static const char *const versions[] = {"TLS10", "TLS11", "TLS12", "TLS13", NULL};
static const char *const version_priorities[] = {"VERS-TLS1.0", "VERS-TLS1.1",
                                                 "VERS-TLS1.2", "VERS-TLS1.3"};
#define VERSION_12 2
#define VERSION_13 3

static const char *const curves[] = {"CurveP256", "CurveP384", "CurveP521", "X25519",
                                     NULL};
static const char *const curve_priorities[] = {"GROUP-SECP256R1", "GROUP-SECP384R1",
                                               "GROUP-SECP521R1", "GROUP-X25519"};

/* TLS 1.3 has none but the last three; it names no key exchange. */
static const struct {
    const char *name;
    const char *exchange, *cipher, *mac;
} suites[] = {
    {"TLS_RSA_WITH_AES_128_CBC_SHA", "RSA", "AES-128-CBC", "SHA1"},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", "RSA", "AES-256-CBC", "SHA1"},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", "RSA", "AES-128-GCM", "AEAD"},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "RSA", "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA", "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA", "AES-256-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA", "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA", "AES-256-CBC", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA", "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA", "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA", "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA", "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA", "CHACHA20-POLY1305",
     "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA",
     "CHACHA20-POLY1305", "AEAD"},
    {"TLS_AES_128_GCM_SHA256", NULL, "AES-128-GCM", "AEAD"},
    {"TLS_AES_256_GCM_SHA384", NULL, "AES-256-GCM", "AEAD"},
    {"TLS_CHACHA20_POLY1305_SHA256", NULL, "CHACHA20-POLY1305", "AEAD"},
};
#define SUITES (sizeof(suites) / sizeof(suites[0]))
#define SUITES_13 (SUITES - 3)

/* The list's values as bits, in the order of the file in `order`. */
static int
list_read(const struct tree_node *list, const char *const *names, size_t *order,
          size_t order_max, size_t *count, struct failure *why)
{
    *count = 0;
    if (!list)
        return 0;
    if (list->kind != TREE_LIST)
        return tree_fail(why, list, "is not a list; write it like [%s]", names[0]);
    for (const struct tree_node *node = list->first; node; node = node->next) {
        if (*count == order_max)
            return tree_fail(why, node,
                             "is one too many; remove what is there "
                             "twice");
        if (value_read_choice(node, names, &order[*count], why) < 0)
            return -1;
        (*count)++;
    }
    return 0;
}

static int
versions_read(const struct tree_node *map, struct text *out, bool *with_13,
              struct failure *why)
{
    size_t min = VERSION_12, max = VERSION_13;
    const struct tree_node *min_node = tree_child(map, "min_version");
    const struct tree_node *max_node = tree_child(map, "max_version");

    if ((min_node && value_read_choice(min_node, versions, &min, why) < 0) ||
        (max_node && value_read_choice(max_node, versions, &max, why) < 0))
        return -1;
    if (min > max)
        return tree_fail(why, min_node ? min_node : max_node,
                         "leaves no version of TLS between min_version %s and "
                         "max_version %s; lower the one or raise the other",
                         versions[min], versions[max]);
    text_add_string(out, ":-VERS-ALL");
    for (size_t version = min; version <= max; version++)
        /* NOLINTNEXTLINE(clang-analyzer-*): `max` is an index of versions[] */
        text_add_format(out, ":+%s", version_priorities[version]);
    *with_13 = max == VERSION_13;
    return 0;
}

/* GnuTLS has no list of suites but lists of what they are made of, so all combinations
 * of the parts named are allowed.  As in Go the suites of TLS 1.3 stay. */
static int
ciphers_read(const struct tree_node *list, struct text *out, bool with_13,
             struct failure *why)
{
    const char *names[SUITES + 1] = {NULL};
    size_t order[SUITES], count;

    for (size_t i = 0; i < SUITES; i++)
        names[i] = suites[i].name;
    if (list_read(list, names, order, SUITES, &count, why) < 0)
        return -1;
    if (count == 0)
        return 0;
    text_add_string(out, ":-KX-ALL:-CIPHER-ALL:-MAC-ALL");
    for (size_t i = 0; i < count; i++) {
        if (suites[order[i]].exchange)
            text_add_format(out, ":+%s", suites[order[i]].exchange);
        text_add_format(out, ":+%s:+%s", suites[order[i]].cipher, suites[order[i]].mac);
    }
    for (size_t i = SUITES_13; with_13 && i < SUITES; i++)
        text_add_format(out, ":+%s:+%s", suites[i].cipher, suites[i].mac);
    return 0;
}

static int
curves_read(const struct tree_node *list, struct text *out, struct failure *why)
{
    size_t order[sizeof(curve_priorities) / sizeof(curve_priorities[0])], count;

    if (list_read(list, curves, order, sizeof(order) / sizeof(order[0]), &count, why) <
        0)
        return -1;
    if (count == 0)
        return 0;
    text_add_string(out, ":-GROUP-ALL");
    for (size_t i = 0; i < count; i++)
        text_add_format(out, ":+%s", curve_priorities[order[i]]);
    return 0;
}

int
web_config_priority_read(const struct tree_node *map, char **priority,
                         struct failure *why)
{
    struct text out = TEXT_INIT(PRIORITY_BYTES_MAX);
    bool with_13 = true, ours_first = true;
    const struct tree_node *first = tree_child(map, "prefer_server_cipher_suites");
    size_t length;

    text_add_string(&out, "NORMAL");
    if (versions_read(map, &out, &with_13, why) < 0 ||
        ciphers_read(tree_child(map, "cipher_suites"), &out, with_13, why) < 0 ||
        curves_read(tree_child(map, "curve_preferences"), &out, why) < 0 ||
        (first && value_read_bool(first, &ours_first, why) < 0)) {
        text_free(&out);
        return -1;
    }
    if (ours_first)
        text_add_string(&out, ":%SERVER_PRECEDENCE");
    *priority = text_take(&out, &length);
    return 0;
}
