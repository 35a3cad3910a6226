/* Failure kinds and their names.  Owns the cutting of failure texts: they may quote a
 * guest, so they are cut at a character boundary. */
#include "kit/failure.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Takes the bytes of a character that was cut in the middle off the end of `text`. */
static void
failure_cut_partial_character(char *text)
{
    size_t end = strlen(text);
    size_t start = end;
    while (start > 0 && end - start < 3 &&
           ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xc0)
        return;

    unsigned char lead = (unsigned char)text[start - 1];
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (end - (start - 1) < length)
        text[start - 1] = '\0';
}

void
failure_set(struct failure *why, enum failure_kind kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(why->text, sizeof(why->text), format, arguments);
    va_end(arguments);

    why->kind = kind;
    if (wanted < 0)
        why->text[0] = '\0';
    if (wanted >= (int)sizeof(why->text))
        failure_cut_partial_character(why->text);
}

const char *
failure_kind_name(enum failure_kind kind)
{
    static const char *const names[FAILURE_KINDS] = {
        [FAILURE_NONE] = "none",
        [FAILURE_ABSENT] = "absent",
        [FAILURE_DISCONNECTED] = "disconnected",
        [FAILURE_TIMEOUT] = "timeout",
        [FAILURE_UNSUPPORTED] = "unsupported",
        [FAILURE_DISABLED] = "disabled",
        [FAILURE_FROZEN] = "frozen",
        [FAILURE_BUSY] = "busy",
        [FAILURE_HELD] = "held",
        [FAILURE_AGENT_ERROR] = "agent_error",
        [FAILURE_MALFORMED] = "malformed",
        [FAILURE_TOO_LARGE] = "too_large",
        [FAILURE_DENIED] = "denied",
        [FAILURE_NOT_RUNNING] = "not_running",
        [FAILURE_UNAVAILABLE] = "unavailable",
    };
    return (unsigned int)kind < FAILURE_KINDS ? names[kind] : "none";
}
