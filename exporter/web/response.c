/* From a page to a response of the library's. */
#include "web/response.h"

#include "web/config_headers.h"

#include <microhttpd.h>
#include <stdint.h>
#include <string.h>

/* Takes the page. */
static struct MHD_Response *
response_new(const struct web_page *page)
{
    /* The library's type is not const; it does not write there. */
    void *bytes = (void *)(uintptr_t)page->bytes;
    if (!page->release)
        return MHD_create_response_from_buffer(page->length, bytes,
                                               MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(
            page->length, bytes, page->release, page->owner);
    if (!response)
        page->release(page->owner);
    return response;
}

static bool
header_add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool
headers_of_status(struct MHD_Response *response, const struct web_page *page)
{
    switch (page->status) {
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return header_add(response, MHD_HTTP_HEADER_ALLOW,
                          page->allow ? page->allow : "GET, HEAD");
    case MHD_HTTP_UNAUTHORIZED:
        return header_add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                          "Basic realm=\"qga-exporter\", charset=\"UTF-8\"");
    case MHD_HTTP_TOO_MANY_REQUESTS:
        return header_add(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    default:
        return true;
    }
}

static bool
header_is(const struct web_header *header, const char *name)
{
    return header->value && strcmp(header->name, name) == 0;
}

/* What is configured wins over what a page asks for. */
static bool
headers_of_config(struct MHD_Response *response, const struct web_header *configured,
                  const char *policy)
{
    bool nosniff = false;

    for (size_t i = 0; i < WEB_HEADERS; i++) {
        const struct web_header *header = &configured[i];

        if (header->value && !header_add(response, header->name, header->value))
            return false;
        nosniff |= header_is(header, "X-Content-Type-Options");
        if (header_is(header, MHD_HTTP_HEADER_CONTENT_SECURITY_POLICY))
            policy = NULL;
    }
    if (policy &&
        !header_add(response, MHD_HTTP_HEADER_CONTENT_SECURITY_POLICY, policy))
        return false;
    return nosniff || header_add(response, "X-Content-Type-Options", "nosniff");
}

int
web_response_send(const struct web_page *page, bool close,
                  const struct web_header *configured,
                  struct MHD_Connection *connection)
{
    struct MHD_Response *response = response_new(page);

    if (!response)
        return -1;
    bool complete =
        header_add(response, MHD_HTTP_HEADER_CONTENT_TYPE, page->type) &&
        headers_of_config(response, configured, page->policy) &&
        headers_of_status(response, page) &&
        (!page->gzip ||
         header_add(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip")) &&
        (!page->negotiated ||
         header_add(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding")) &&
        (!close || header_add(response, MHD_HTTP_HEADER_CONNECTION, "close")) &&
        MHD_queue_response(connection, page->status, response) == MHD_YES;

    MHD_destroy_response(response);
    return complete ? 0 : -1;
}
