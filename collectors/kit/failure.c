/* Failure kinds and their names.  Owns the cutting of failure texts: they may quote a
 * guest, so they are cut at a character boundary. */
#include "kit/failure.h"

#include "kit/utf8.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void
failure_set(struct failure *why, enum failure_kind kind, const char *format, ...)
{
    char whole[FAILURE_TEXT_BYTES + 1] = "";
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(whole, sizeof(whole), format, arguments);
    va_end(arguments);
    size_t length = utf8_cut(whole, sizeof(why->text) - 1);

    why->kind = kind;
    memcpy(why->text, whole, length);
    why->text[length] = '\0';
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
        [FAILURE_WRONG_SHAPE] = "wrong_shape",
        [FAILURE_TOO_LARGE] = "too_large",
        [FAILURE_DENIED] = "denied",
        [FAILURE_NOT_RUNNING] = "not_running",
        [FAILURE_UNAVAILABLE] = "unavailable",
    };

    return (unsigned int)kind < FAILURE_KINDS ? names[kind] : "none";
}
