/* links: exporter/domain_xml
 *
 * A domain's XML, whose metadata anyone may have written. */
#include "domain_xml.h"
#include "fuzz.h"

#include <string.h>

/* It ends up in commands that a person may copy. */
#define OS_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct domain_xml domain = {.channel = CHANNEL_ABSENT};
    char *xml = malloc(size + 1);
    REQUIRE(xml != NULL);
    memcpy(xml, data, size);
    xml[size] = '\0';
    if (domain_xml_parse(xml, &domain)) {
        REQUIRE(domain.channel == CHANNEL_ABSENT ||
                domain.channel == CHANNEL_DISCONNECTED ||
                domain.channel == CHANNEL_CONNECTED);
        REQUIRE(domain.os[strspn(domain.os, OS_LETTERS)] == '\0');
    }
    free(xml);
    return 0;
}
