/* Lists of choices with parameters (RFC 9110, 12.4 and 12.5). */
#include "web/negotiate.h"

#include "base/clock.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define Q_ONE 1000
#define DIGITS "0123456789"
#define SECONDS_DIGITS_MAX 9

/* A piece of the header: not terminated, without blanks around it. */
struct piece {
    const char *start;
    size_t length;
};
#define NO_PIECE ((struct piece){NULL, 0})

static struct piece
trimmed(const char *start, const char *end)
{
    while (start < end && strchr(" \t", *start))
        start++;
    while (end > start && strchr(" \t", end[-1]))
        end--;
    return (struct piece){start, (size_t)(end - start)};
}

static bool
piece_is(struct piece piece, const char *word)
{
    return piece.length == strlen(word) &&
           strncasecmp(piece.start, word, piece.length) == 0;
}

/* Takes what stands before the separator, which a quoted string may hold, off `rest`;
 * false at the end. */
static bool
next_piece(struct piece *rest, char separator, struct piece *piece)
{
    bool quoted = false;

    if (!rest->start)
        return false;
    const char *at = rest->start, *end = rest->start + rest->length;
    for (; at < end && (quoted || *at != separator); at++) {
        if (quoted && *at == '\\' && at + 1 < end)
            at++;
        else if (*at == '"')
            quoted = !quoted;
    }
    *piece = trimmed(rest->start, at);
    *rest = at < end ? (struct piece){at + 1, (size_t)(end - at - 1)} : NO_PIECE;
    return true;
}

/* q in thousandths: 0 to 1 with three decimals; what is none is a wish not to be had.
 */
static int
q_read(struct piece value)
{
    int q = 0, unit = Q_ONE;

    for (size_t i = 0; i < value.length; i++) {
        char c = value.start[i];

        if (i == 1) {
            if (c != '.')
                return 0;
            continue;
        }
        if (c < '0' || c > '9' || i > 4)
            return 0;
        q += (c - '0') * unit;
        unit /= 10;
    }
    return q > Q_ONE || value.length == 0 ? 0 : q;
}

/* --- Accept --- */

struct range {
    struct piece type, version;
    enum web_escaping escaping;
    int q;
};

static const char *const escapings[] = {"", "allow-utf-8", "underscores", "dots",
                                        "values"};

static enum web_escaping
escaping_read(struct piece value)
{
    for (size_t i = 1; i < sizeof(escapings) / sizeof(escapings[0]); i++)
        if (piece_is(value, escapings[i]))
            return (enum web_escaping)i;
    return WEB_ESCAPING_NONE;
}

static void
range_parameter(struct range *range, struct piece parameter)
{
    const char *equals = memchr(parameter.start, '=', parameter.length);
    const char *end = parameter.start + parameter.length;

    if (!equals)
        return;
    struct piece name = trimmed(parameter.start, equals);
    struct piece value = trimmed(equals + 1, end);
    if (value.length >= 2 && *value.start == '"' && end[-1] == '"')
        value = (struct piece){value.start + 1, value.length - 2};
    if (piece_is(name, "q"))
        range->q = q_read(value);
    else if (piece_is(name, "version"))
        range->version = value;
    else if (piece_is(name, "escaping"))
        range->escaping = escaping_read(value);
}

/* Whether the range names a format that is served; without a version it means ours. */
static bool
range_format(const struct range *range, enum exposition_format *format)
{
    static const struct {
        const char *type, *version;
    } served[EXPOSITION_FORMATS] = {
        [EXPOSITION_TEXT] = {"text/plain", "0.0.4"},
        [EXPOSITION_OPENMETRICS] = {"application/openmetrics-text", "1.0.0"},
    };

    for (int i = 0; i < EXPOSITION_FORMATS; i++) {
        if (!piece_is(range->type, served[i].type) ||
            (range->version.length > 0 && !piece_is(range->version, served[i].version)))
            continue;
        *format = (enum exposition_format)i;
        return true;
    }
    return false;
}

void
web_wish_accept(struct web_wish *wish, const char *field)
{
    struct piece list = {field, strlen(field)}, choice;
    enum exposition_format format;

    while (next_piece(&list, ',', &choice)) {
        struct range range = {.q = Q_ONE};
        struct piece parameter;

        (void)next_piece(&choice, ';', &range.type);
        while (next_piece(&choice, ';', &parameter))
            range_parameter(&range, parameter);
        if (range.q <= wish->format_q || !range_format(&range, &format))
            continue;
        wish->format = format;
        wish->escaping = range.escaping;
        wish->format_q = range.q;
    }
}

const char *
web_wish_type(const struct web_wish *wish)
{
#define TYPES(type)                                                                    \
    type, type "; escaping=allow-utf-8", type "; escaping=underscores",                \
        type "; escaping=dots", type "; escaping=values"
    static const char *const types[EXPOSITION_FORMATS][5] = {
        [EXPOSITION_TEXT] = {TYPES("text/plain; version=0.0.4; charset=utf-8")},
        [EXPOSITION_OPENMETRICS] = {TYPES(
            "application/openmetrics-text; version=1.0.0; charset=utf-8")},
    };

    return types[wish->format][wish->escaping];
}

/* --- Accept-Encoding --- */

void
web_wish_accept_encoding(struct web_wish *wish, const char *field)
{
    struct piece list = {field, strlen(field)}, choice;

    while (next_piece(&list, ',', &choice)) {
        struct range range = {.q = Q_ONE};
        struct piece parameter;

        (void)next_piece(&choice, ';', &range.type);
        while (next_piece(&choice, ';', &parameter))
            range_parameter(&range, parameter);
        if (piece_is(range.type, "gzip") || piece_is(range.type, "x-gzip"))
            wish->gzip_q = range.q + 1;
        else if (piece_is(range.type, "identity"))
            wish->identity_q = range.q + 1;
        else if (piece_is(range.type, "*"))
            wish->any_q = range.q + 1;
    }
}

/* Plain text is good for all who do not refuse it, and the last choice of those who
 * name another.  gzip is for those who name it, or everything. */
bool
web_wish_coding(const struct web_wish *wish, enum body_coding *coding)
{
    const int refused = 1;
    int gzip = wish->gzip_q ? wish->gzip_q : wish->any_q;
    int identity = wish->identity_q ? wish->identity_q : wish->any_q;

    *coding = gzip > refused && gzip >= identity ? BODY_GZIP : BODY_PLAIN;
    return *coding == BODY_GZIP || identity != refused;
}

int64_t
web_scrape_timeout_ns(const char *value)
{
    size_t whole = strspn(value, DIGITS);
    const char *fraction = value + whole + (value[whole] == '.');
    size_t parts = strspn(fraction, DIGITS);
    int64_t ns = 0, unit_ns = NS_PER_S;

    if (whole == 0 || whole > SECONDS_DIGITS_MAX || fraction[parts] != '\0' ||
        (value[whole] == '.' && parts == 0))
        return 0;
    for (size_t i = 0; i < whole; i++)
        ns = ns * 10 + (value[i] - '0') * NS_PER_S;
    for (size_t i = 0; i < parts; i++) {
        unit_ns /= 10;
        ns += (fraction[i] - '0') * unit_ns;
    }
    return ns;
}
