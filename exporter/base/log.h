/* Levelled logs to stderr, logfmt or JSON in the form of Prometheus' own (slog), or to
 * systemd's journal.  Any
 * thread; lines do not mix, and nobody waits for who reads them.  Values are escaped
 * and cut, so guest text may be passed as it is.  Transitions are logged, not every
 * failed poll. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
    const char *key; /* NULL closes the list */
    enum { LOG_FIELD_STRING, LOG_FIELD_INTEGER, LOG_FIELD_SECONDS } type;
    const char *string;
    int64_t integer; /* for LOG_FIELD_SECONDS: nanoseconds, rendered as 1.5s */
};

/* Any thread may, at any time. */
void log_configure(enum log_level level, enum log_format format);

/* From now on lines go to the journal's socket at `path`, each field by its own name,
 * and to stderr what cannot; NULL: all to stderr. */
void log_use_journal(const char *path);

/* One line.  The fields are struct log_field by value, closed by LOG_END; use the
 * macros. */
void log_write(enum log_level level, const char *source_file, int source_line,
               const char *message, ...);

#define LOG_STR(k, v)                                                                  \
    ((struct log_field){.key = (k), .type = LOG_FIELD_STRING, .string = (v)})
#define LOG_INT(k, v)                                                                  \
    ((struct log_field){.key = (k), .type = LOG_FIELD_INTEGER, .integer = (int64_t)(v)})
#define LOG_NS(k, v)                                                                   \
    ((struct log_field){.key = (k), .type = LOG_FIELD_SECONDS, .integer = (v)})
#define LOG_END ((struct log_field){.key = NULL})

/* log_info("agent answers again", LOG_STR("domain", name), LOG_INT("calls", n)); */
#define log_debug(...) log_write(LOG_DEBUG, __FILE__, __LINE__, __VA_ARGS__, LOG_END)
#define log_info(...) log_write(LOG_INFO, __FILE__, __LINE__, __VA_ARGS__, LOG_END)
#define log_warn(...) log_write(LOG_WARN, __FILE__, __LINE__, __VA_ARGS__, LOG_END)
#define log_error(...) log_write(LOG_ERROR, __FILE__, __LINE__, __VA_ARGS__, LOG_END)

#endif
