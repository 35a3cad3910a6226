/* Renders one log line on the stack and hands it to the kernel, one line after the
 * other.  Nobody waits for who reads them: what a full pipe does not take is lost,
 * counted, and told as soon as a line gets through.
 *
 * Values may be a hostile guest's: nothing that could break the line, the JSON or a
 * terminal leaves here unescaped, and each value is cut. */
#include "base/log.h"

#include "base/journal.h"
#include "kit/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOG_VALUE_BYTES_MAX 1024 /* as rendered; holds a config sentence (512) */
#define LOG_KEY_BYTES_MAX 64     /* keys are ours */
#define LOG_FIELDS_MAX JOURNAL_FIELDS_MAX /* of one line; the rest is dropped */
#define LOG_LINE_BYTES 16384 /* fits all of the above; on the stack of any thread */
#define LOG_CUT_MARK "...[cut]"
/* A reader that is only busy takes a line within so long.  It is given that once, and
 * not again before it has taken one. */
#define LOG_PATIENCE_MS 100

#define NS_PER_SECOND INT64_C(1000000000)

_Static_assert((LOG_FIELDS_MAX + 2) * (LOG_VALUE_BYTES_MAX + LOG_KEY_BYTES_MAX + 32) <
                   LOG_LINE_BYTES,
               "a line with all fields at their limit fits");

static atomic_int configured_level = LOG_INFO;
static atomic_int configured_format = LOG_LOGFMT;

static struct {
    pthread_mutex_t lock; /* all below, and stderr */
    uint64_t lost;        /* lines, since one was taken */
    bool torn;            /* the last one was taken in part */
    int journal;          /* its socket, or -1 */
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .journal = -1};

struct line {
    size_t length;
    enum log_format format;
    struct journal_entry entry; /* of parts of the bytes */
    char bytes[LOG_LINE_BYTES];
};

static const char *const level_names[] = {
    [LOG_DEBUG] = "DEBUG",
    [LOG_INFO] = "INFO",
    [LOG_WARN] = "WARN",
    [LOG_ERROR] = "ERROR",
};

static const int priorities[] = {
    [LOG_DEBUG] = 7,
    [LOG_INFO] = 6,
    [LOG_WARN] = 4,
    [LOG_ERROR] = 3,
};

void
log_configure(enum log_level level, enum log_format format)
{
    atomic_store(&configured_level, (int)level);
    atomic_store(&configured_format, (int)format);
}

void
log_use_journal(const char *path)
{
    (void)pthread_mutex_lock(&sink.lock);
    if (sink.journal >= 0)
        (void)close(sink.journal);
    sink.journal = path ? journal_open(path) : -1;
    (void)pthread_mutex_unlock(&sink.lock);
}

static void
line_add(struct line *line, const char *bytes, size_t length)
{
    size_t room = sizeof(line->bytes) - line->length;

    if (length > room)
        length = room;
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
}

static void
line_add_string(struct line *line, const char *string)
{
    line_add(line, string, strlen(string));
}

/* Code points that could move a terminal's cursor, end a line, or turn the direction of
 * the text, and so show an operator something else than what was said. */
static bool
code_point_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c ||
           (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* One character of `text` as it stands between quotes; returns how many bytes of it
 * were read. */
static size_t
escape_one(const char *text, enum log_format format, char out[16])
{
    uint32_t code = 0;
    size_t length = utf8_decode(text, &code);

    if (length == 0) {
        if (format == LOG_JSON)
            snprintf(out, 16, "\xef\xbf\xbd");
        else
            snprintf(out, 16, "\\x%02x", (unsigned int)(unsigned char)text[0]);
        return 1;
    }
    if (code == '"' || code == '\\')
        snprintf(out, 16, "\\%c", (char)code);
    else if (code == '\n')
        snprintf(out, 16, "\\n");
    else if (code == '\r')
        snprintf(out, 16, "\\r");
    else if (code == '\t')
        snprintf(out, 16, "\\t");
    else if (code_point_unsafe(code))
        snprintf(out, 16, "\\u%04" PRIx32, code);
    else
        snprintf(out, 16, "%.*s", (int)length, text);
    return length;
}

static void
line_add_quoted(struct line *line, const char *text)
{
    char rendered[LOG_VALUE_BYTES_MAX];
    size_t used = 0;

    while (*text != '\0') {
        char escaped[16];
        size_t read = escape_one(text, line->format, escaped);
        size_t length = strlen(escaped);

        if (used + length > sizeof(rendered) - sizeof(LOG_CUT_MARK))
            break;
        memcpy(rendered + used, escaped, length); /* NOLINT(bugprone-*): by length */
        used += length;
        text += read;
    }
    line_add_string(line, "\"");
    line_add(line, rendered, used);
    if (*text != '\0')
        line_add_string(line, LOG_CUT_MARK);
    line_add_string(line, "\"");
}

static bool
needs_quotes(const char *value)
{
    if (*value == '\0' || strlen(value) > LOG_VALUE_BYTES_MAX / 2)
        return true;
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '=' || *c == '\\')
            return true;
    return false;
}

static void
line_add_key(struct line *line, const char *key)
{
    bool json = line->format == LOG_JSON;

    if (line->length > 0)
        line_add_string(line, json ? "," : " ");
    line_add_string(line, json ? (line->length > 0 ? "\"" : "{\"") : "");
    line_add(line, key, strnlen(key, LOG_KEY_BYTES_MAX));
    line_add_string(line, json ? "\":" : "=");
}

static void
line_add_pair(struct line *line, const char *key, const char *value)
{
    const char *shown = value ? value : "";

    line_add_key(line, key);
    if (line->format == LOG_JSON || needs_quotes(shown))
        line_add_quoted(line, shown);
    else
        line_add_string(line, shown);
}

/* Removes the zeros behind the decimals, and the point if nothing is left of them. */
static void
decimals_trim(char *number)
{
    size_t length = strlen(number);

    while (length > 0 && number[length - 1] == '0')
        number[--length] = '\0';
    if (length > 0 && number[length - 1] == '.')
        number[length - 1] = '\0';
}

/* A duration as Prometheus' own programs log it: 250ms, 1.5s, 1m30s, 2h0m0s. */
static void
duration_render(int64_t ns, char *out, size_t out_bytes)
{
    const char *sign = ns < 0 ? "-" : "";
    uint64_t span = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint64_t second = (uint64_t)NS_PER_SECOND;
    const char *unit = "s";
    uint64_t unit_ns = second;

    if (span != 0 && span < second) {
        unit = span < 1000 ? "ns" : span < 1000000 ? "us" : "ms";
        unit_ns = span < 1000 ? 1 : span < 1000000 ? 1000 : 1000000;
    }
    uint64_t hours = span / (3600 * second);
    uint64_t minutes = span / (60 * second) % 60;
    uint64_t units = unit_ns == second ? span / second % 60 : span / unit_ns;
    char number[48];
    snprintf(number, sizeof(number), "%" PRIu64 ".%09" PRIu64, units,
             span % unit_ns * (second / unit_ns));
    decimals_trim(number);
    if (hours > 0)
        snprintf(out, out_bytes, "%s%" PRIu64 "h%" PRIu64 "m%s%s", sign, hours, minutes,
                 number, unit);
    else if (minutes > 0)
        snprintf(out, out_bytes, "%s%" PRIu64 "m%s%s", sign, minutes, number, unit);
    else
        snprintf(out, out_bytes, "%s%s%s", sign, number, unit);
}

/* Local time with the offset spelled +00:00, milliseconds. */
static void
line_add_time(struct line *line)
{
    struct timespec now;
    struct tm local;
    char date[32] = "", zone[8] = "", text[64];

    clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &local)) {
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &local);
        strftime(zone, sizeof(zone), "%z", &local);
    }
    snprintf(text, sizeof(text), "%s.%03ld%.3s:%s", date, now.tv_nsec / 1000000, zone,
             strlen(zone) > 3 ? zone + 3 : "00");
    line_add_pair(line, "time", text);
}

static void
line_add_source(struct line *line, const char *file, int number)
{
    const char *slash = strrchr(file, '/');
    char source[LOG_KEY_BYTES_MAX];

    snprintf(source, sizeof(source), "%.40s:%d", slash ? slash + 1 : file, number);
    line_add_pair(line, "source", source);
}

/* The value that was added from `start` on, without its quotes. */
static void
line_note_field(struct line *line, const char *key, size_t start)
{
    size_t value = start + strlen(" =") + strnlen(key, LOG_KEY_BYTES_MAX);
    size_t quotes = line->bytes[value] == '"' ? 1 : 0;
    size_t i = line->entry.fields_count++;

    line->entry.fields[i].key = key;
    line->entry.fields[i].value = (struct journal_text){
        line->bytes + value + quotes, line->length - value - 2 * quotes};
}

static void
line_add_field(struct line *line, const struct log_field *field)
{
    size_t start = line->length;
    char text[80];

    switch (field->type) {
    case LOG_FIELD_STRING:
        line_add_pair(line, field->key, field->string);
        break;
    case LOG_FIELD_INTEGER:
        snprintf(text, sizeof(text), "%" PRId64, field->integer);
        line_add_key(line, field->key);
        line_add_string(line, text);
        break;
    case LOG_FIELD_SECONDS:
        duration_render(field->integer, text, sizeof(text));
        line_add_pair(line, field->key, text);
        break;
    }
    line_note_field(line, field->key, start);
}

/* --- what reaches stderr; under the lock --- */

/* A pipe that can be written to takes so much without waiting. */
static ssize_t
write_some(const char *bytes, size_t length)
{
    ssize_t sent = send(STDERR_FILENO, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent >= 0 || errno != ENOTSOCK)
        return sent;
    return write(STDERR_FILENO, bytes, length < PIPE_BUF ? length : PIPE_BUF);
}

static bool
is_writable(void)
{
    struct pollfd file = {.fd = STDERR_FILENO, .events = POLLOUT};
    int ready;

    do
        ready = poll(&file, 1, sink.lost > 0 ? 0 : LOG_PATIENCE_MS);
    while (ready < 0 && errno == EINTR);
    return ready > 0 && (file.revents & POLLOUT);
}

/* Whether all of it was taken. */
static bool
put(const char *bytes, size_t length)
{
    while (length > 0) {
        if (!is_writable())
            return false;
        ssize_t n = write_some(bytes, length);

        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (n > 0) {
            bytes += n;
            length -= (size_t)n;
            sink.torn = length > 0;
        }
    }
    return true;
}

/* The journal has fields for what a line begins with.  Whoever wants JSON gets that. */
static bool
put_in_journal(const struct line *line)
{
    return sink.journal >= 0 && line->format == LOG_LOGFMT &&
           journal_send(sink.journal, &line->entry);
}

/* Returns how many lines were lost before this one, which was not. */
static uint64_t
line_write(const struct line *line)
{
    uint64_t lost = 0;

    (void)pthread_mutex_lock(&sink.lock);
    if (put_in_journal(line) ||
        ((!sink.torn || put("\n", 1)) && put(line->bytes, line->length))) {
        lost = sink.lost;
        sink.lost = 0;
    } else {
        sink.lost++;
    }
    (void)pthread_mutex_unlock(&sink.lock);
    return lost;
}

void
log_write(enum log_level level, const char *source_file, int source_line,
          const char *message, ...)
{
    if ((int)level < atomic_load_explicit(&configured_level, memory_order_relaxed))
        return;
    int saved_errno = errno;
    struct line line;
    line.length = 0;
    line.format = (enum log_format)atomic_load(&configured_format);
    line.entry = (struct journal_entry){.priority = priorities[level],
                                        .source_file = source_file,
                                        .source_line = source_line};
    line_add_time(&line);
    line_add_pair(&line, "level", level_names[level]);
    line_add_source(&line, source_file, source_line);
    size_t message_at = line.length + 1;
    line_add_pair(&line, "msg", message);

    va_list fields;
    va_start(fields, message);
    for (int i = 0; i < LOG_FIELDS_MAX; i++) {
        struct log_field field = va_arg(fields, struct log_field);

        if (!field.key)
            break;
        line_add_field(&line, &field);
    }
    va_end(fields);
    line.entry.message =
        (struct journal_text){line.bytes + message_at, line.length - message_at};
    line_add_string(&line, line.format == LOG_JSON ? "}\n" : "\n");
    uint64_t lost = line_write(&line);
    if (lost > 0)
        log_warn("who reads the log did not take it in time: lines are lost",
                 LOG_INT("lines", lost));
    errno = saved_errno;
}
