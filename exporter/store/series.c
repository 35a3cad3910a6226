/* The lines of an exposition, taken apart in place: what is unescaped only shrinks. */
#include "store/series.h"

#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>

struct series_reader
series_read(const char *text, size_t length)
{
    char *copy = memory_new(length + 1, 1);

    if (length > 0)
        memcpy(copy, text, length);
    return (struct series_reader){copy, copy};
}

void
series_end(struct series_reader *reader)
{
    free(reader->text);
}

/* Unescapes the value that begins at `in`; returns what follows its closing quote. */
static char *
value_end(char *in)
{
    char *out = in;

    while (*in != '\0' && *in != '"') {
        if (*in == '\\' && in[1] != '\0') {
            in++;
            if (*in == 'n')
                *in = '\n';
        }
        *out++ = *in++;
    }
    char *end = *in == '"' ? in + 1 : in;

    *out = '\0';
    return end;
}

/* `in`: behind the opening brace; returns what follows the closing one. */
static char *
labels_end(char *in, struct series *series)
{
    while (*in != '\0' && *in != '}') {
        char *equals = strchr(in, '=');

        if (!equals || equals[1] != '"' ||
            series->labels_count == sizeof(series->labels) / sizeof(series->labels[0]))
            return in + strlen(in);
        *equals = '\0';
        series->labels[series->labels_count++] = (struct series_label){in, equals + 2};
        in = value_end(equals + 2);
        in += *in == ',';
    }
    return in + (*in == '}');
}

bool
series_next(struct series_reader *reader, struct series *series)
{
    char *in = reader->next;

    if (*in == '\0')
        return false;
    series->labels_count = 0;
    in += strcspn(in, "{ \n");
    if (*in == '{')
        in = labels_end(in + 1, series);
    series->value = strtod(in, &in);
    in += strcspn(in, "\n");
    reader->next = in + (*in == '\n');
    return true;
}

const char *
series_label(const struct series *series, const char *name)
{
    for (size_t i = 0; i < series->labels_count; i++) {
        if (strcmp(series->labels[i].name, name) == 0)
            return series->labels[i].value;
    }
    return "";
}
