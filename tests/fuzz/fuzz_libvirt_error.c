/* An error of libvirt: the first byte is its number, the second how long the call took
 * (in 10 ms) and what part of libvirt says it, the rest its message, in which libvirt
 * quotes the guest. */
#include "fuzz.h"
#include "source/libvirt/error.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct failure why = {.kind = FAILURE_NONE};
    char *message = malloc(size - 1);
    REQUIRE(message);
    memcpy(message, data + 2, size - 2);
    message[size - 2] = '\0';
    source_libvirt_failure(data[0], data[1] & 7, message, data[1] * INT64_C(10000000),
                           &why);
    free(message);

    REQUIRE(why.kind > FAILURE_NONE && why.kind < FAILURE_KINDS);
    REQUIRE(failure_kind_name(why.kind));
    size_t length = strnlen(why.text, sizeof(why.text));
    REQUIRE(length > 0 && length < sizeof(why.text));
    return 0;
}
