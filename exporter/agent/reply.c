/* An agent's reply: limits first, then JSON, then the envelope. */
#include "agent/reply.h"

#include "agent/mend.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Values in one reply.  A JSON value costs the parser up to some 200 bytes for 3 bytes
 * of hostile text, so the byte limit alone would let 1 MiB become 70. */
#define REPLY_VALUES_MAX 262144

/* Error texts, in the order in which they are looked for: a command disabled while
 * frozen says "disabled" as well.  QEMU 6.0 to 9.0 name the frozen state; 9.1 and later
 * say "the command is not allowed" both for frozen and for blocked by the
 * administrator. */
static const struct {
    const char *text;
    enum failure_kind kind;
} descriptions[] = {
    {"agent is in frozen state", FAILURE_FROZEN},
    {"has been disabled", FAILURE_DISABLED},
    {"has not been found", FAILURE_UNSUPPORTED},
    {"not currently supported", FAILURE_UNSUPPORTED},
};

void
reply_error(const char *error_class, const char *description, struct failure *why)
{
    if (*description == '\0')
        description = "the agent gave no description";
    for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++) {
        if (strstr(description, descriptions[i].text)) {
            failure_set(why, descriptions[i].kind, "%s", description);
            return;
        }
    }
    if (strcmp(error_class, "CommandNotFound") == 0)
        failure_set(why, FAILURE_UNSUPPORTED, "%s", description);
    else
        failure_set(why, FAILURE_AGENT_ERROR, "%s%s%s", error_class,
                    *error_class ? ": " : "", description);
}

/* Depth and number of values, by brackets and commas outside strings; the JSON parser
 * decides whether they make sense. */
static bool
within_limits(const char *bytes, size_t length, struct failure *why)
{
    size_t depth = 0, values = 1;
    bool in_string = false;

    for (size_t i = 0; i < length; i++) {
        char byte = bytes[i];

        if (in_string) {
            if (byte == '\\')
                i++;
            else if (byte == '"')
                in_string = false;
            continue;
        }
        if (byte == '"') {
            in_string = true;
        } else if (byte == '{' || byte == '[') {
            values++;
            if (++depth > REPLY_DEPTH_MAX) {
                failure_set(why, FAILURE_TOO_LARGE,
                            "the reply nests deeper than %d levels", REPLY_DEPTH_MAX);
                return false;
            }
        } else if (byte == '}' || byte == ']') {
            depth -= depth > 0;
        } else if (byte == ',' && ++values > REPLY_VALUES_MAX) {
            failure_set(why, FAILURE_TOO_LARGE, "the reply holds more than %d values",
                        REPLY_VALUES_MAX);
            return false;
        }
    }
    return true;
}

static json_t *
load_numbers(const char *bytes, size_t length, json_error_t *error)
{
    json_t *document = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, error);

    /* A counter of the guest may be a uint64; as a real it is good enough for a sample.
     */
    if (!document && json_error_code(error) == json_error_numeric_overflow)
        document = json_loadb(bytes, length,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, error);
    return document;
}

/* What the parser refuses of JSON that is well written but for a character or a number.
 */
static bool
may_be_mended(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);

    return code == json_error_invalid_utf8 || code == json_error_null_character ||
           code == json_error_numeric_overflow ||
           code == json_error_invalid_syntax; /* half a surrogate pair */
}

static json_t *
load(const char *bytes, size_t length, struct failure *why)
{
    json_error_t error;
    json_t *document = load_numbers(bytes, length, &error);
    char *mended = !document && may_be_mended(&error) ? mend_json(bytes, length) : NULL;

    /* A number that is mended counts as several values. */
    bool fits = !mended || within_limits(mended, strlen(mended), why);

    if (mended && fits)
        document = load_numbers(mended, strlen(mended), &error);
    free(mended);
    if (!document && fits)
        failure_set(why, FAILURE_MALFORMED, "the reply is not JSON: %s (byte %d)",
                    error.text, error.position);
    return document;
}

static void
envelope_error(const json_t *error, struct failure *why)
{
    const char *error_class = json_string_value(json_object_get(error, "class"));
    const char *description = json_string_value(json_object_get(error, "desc"));

    if (!json_is_object(error))
        failure_set(why, FAILURE_MALFORMED, "the reply's error is not an object");
    else
        reply_error(error_class ? error_class : "", description ? description : "",
                    why);
}

json_t *
reply_parse(const char *bytes, size_t length, size_t bytes_max, struct failure *why)
{
    if (length > bytes_max) {
        failure_set(
            why, FAILURE_TOO_LARGE,
            "the reply has %zu bytes, over the limit of %zu (limits.reply_bytes)",
            length, bytes_max);
        return NULL;
    }
    if (!within_limits(bytes, length, why))
        return NULL;

    json_auto_t *document = load(bytes, length, why);
    if (!document)
        return NULL;
    if (!json_is_object(document)) {
        failure_set(why, FAILURE_MALFORMED, "the reply is JSON, but not an object");
        return NULL;
    }
    json_t *value = json_object_get(document, "return");
    if (value)
        return json_incref(value);

    const json_t *error = json_object_get(document, "error");
    if (error)
        envelope_error(error, why);
    else
        failure_set(why, FAILURE_MALFORMED,
                    "the reply has neither \"return\" nor \"error\"");
    return NULL;
}
