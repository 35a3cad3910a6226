/* The fields that say how long a request is. */
#include "web/length.h"

#include <string.h>
#include <strings.h>

#define CONTENT_LENGTH "Content-Length"
#define TRANSFER_ENCODING "Transfer-Encoding"
#define DIGITS "0123456789"
#define LENGTH_DIGITS_MAX 18 /* as a number it is below 2^63 for everybody */
/* Of a name (RFC 9110, 5.6.2). */
#define TOKEN                                                                          \
    "!#$%&'*+-.^_`|~" DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool
begins_with(const char *name, const char *field)
{
    return strncasecmp(name, field, strlen(field)) == 0;
}

/* A lone CR is a blank for some, and the end of the line for others. */
static bool
has_control(const char *value)
{
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++)
        if ((*c < ' ' && *c != '\t') || *c == 0x7f)
            return true;
    return false;
}

static bool
is_number(const char *value)
{
    size_t digits = strspn(value, DIGITS);

    return digits > 0 && digits <= LENGTH_DIGITS_MAX && value[digits] == '\0';
}

void
web_length_add(struct web_length *length, const char *name, const char *value)
{
    if (!value)
        value = "";
    if (*name == '\0' || name[strspn(name, TOKEN)] != '\0' || has_control(value))
        length->is_odd = true;
    if (strcasecmp(name, "Host") == 0)
        length->hosts++;
    if (begins_with(name, CONTENT_LENGTH)) {
        length->lengths++;
        length->is_odd |= strlen(name) > strlen(CONTENT_LENGTH) || !is_number(value);
        length->has_body |= strcmp(value, "0") != 0;
    }
    if (begins_with(name, TRANSFER_ENCODING)) {
        length->codings++;
        length->is_odd |= strlen(name) > strlen(TRANSFER_ENCODING) ||
                          strcasecmp(value, "chunked") != 0;
        length->has_body = true;
    }
}

bool
web_length_is_ambiguous(const struct web_length *length, const char *version)
{
    return length->is_odd || length->lengths + length->codings > 1 ||
           length->hosts > 1 ||
           (length->codings > 0 && strcmp(version, "HTTP/1.1") != 0);
}
