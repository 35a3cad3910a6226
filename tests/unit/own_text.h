/* The exporter's own metrics as a scrape has them.  For the file of a test's main()
 * alone. */
#ifndef UNIT_OWN_TEXT_H
#define UNIT_OWN_TEXT_H

#include "store/store.h"
#include "store/telemetry.h"
#include "store/telemetry_text.h"

#include <string.h>

/* Caller frees. */
static inline char *
own_text(struct telemetry *telemetry, enum exposition_format format)
{
    struct store *store = store_new(telemetry_parts, TELEMETRY_PARTS, telemetry);
    struct body *body = store_body(store, (struct body_form){format, BODY_PLAIN}, 0);
    char *text = strndup(body->bytes, body->length);

    body_unref(body);
    store_free(store);
    return text;
}

#endif
