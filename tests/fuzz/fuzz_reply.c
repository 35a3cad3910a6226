/* Bytes as an agent may send them, to the value of "return" or a named failure. */
#include "agent/mend.h"
#include "agent/reply.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
failure_is_named(const struct failure *why)
{
    REQUIRE(why->kind > FAILURE_NONE && why->kind < FAILURE_KINDS);
    size_t length = strnlen(why->text, sizeof(why->text));
    REQUIRE(length > 0 && length < sizeof(why->text));
}

/* What passed is an ordinary value: it can be written, and reads back as the same. */
static void
value_is_whole(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);

    REQUIRE(text);
    json_t *again = json_loads(text, JSON_DECODE_ANY, NULL);
    REQUIRE(json_equal(value, again));
    json_decref(again);
    free(text);
}

/* What is mended needs it no second time, and has not grown beyond its bound. */
static void
is_mended_at_once(const char *bytes, size_t size)
{
    char *mended = mend_json(bytes, size);

    if (!mended)
        return;
    REQUIRE(strlen(mended) <= 3 * size);
    REQUIRE(!mend_json(mended, strlen(mended)));
    free(mended);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure why = {.kind = FAILURE_NONE};
    json_t *value = reply_parse((const char *)data, size, size, &why);

    if (value)
        value_is_whole(value);
    else
        failure_is_named(&why);
    json_decref(value);

    if (size > 0) {
        is_mended_at_once((const char *)data, size);
        REQUIRE(!reply_parse((const char *)data, size, size - 1, &why));
        REQUIRE(why.kind == FAILURE_TOO_LARGE);
    }
    return 0;
}
