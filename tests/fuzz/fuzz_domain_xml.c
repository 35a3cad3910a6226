/* links: exporter/domain_xml
 *
 * A domain's XML, whose metadata anyone may have written. */
#include "domain_xml.h"
#include "fuzz.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct domain_xml domain = {.channel = CHANNEL_ABSENT};
    char *xml = malloc(size + 1);
    REQUIRE(xml != NULL);
    memcpy(xml, data, size);
    xml[size] = '\0';
    if (domain_xml_parse(xml, &domain))
        REQUIRE(domain.channel == CHANNEL_ABSENT ||
                domain.channel == CHANNEL_DISCONNECTED ||
                domain.channel == CHANNEL_CONNECTED);
    free(xml);
    return 0;
}
