/* Include and exclude patterns over guest text, by PCRE2's interpreter.
 *
 * Not by its JIT: that counts towards the match limit differently and not at all
 * towards the depth limit, and it needs writable and executable memory, which a
 * hardened service denies.  A visit matches some dozens of short texts; the interpreter
 * is fast enough. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "kit/filter.h"

#include "kit/memory.h"

#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer text is not matched at all: PCRE2 counts its limits anew at each start of a
 * match, so the length is a factor of the bound.  PATH_MAX of Linux. */
#define TEXT_BYTES_MAX 4096
/* Backtracking steps from one start: enough for a few passes over the longest text. */
#define MATCH_LIMIT 20000
/* Nested backtracking points, and the memory for them. */
#define DEPTH_LIMIT 5000
#define HEAP_LIMIT_KIB 2048

struct filter {
    pcre2_code *include; /* NULL: everything */
    pcre2_code *exclude; /* NULL: nothing */
    pcre2_match_context *limits;
};

/* PCRE2 fails only for want of memory where this is asked. */
static void
filter_need(const void *memory)
{
    if (memory)
        return;
    (void)fputs("qga-exporter: out of memory\n", stderr);
    abort();
}

static int
filter_compile(const char *pattern, pcre2_code **code, char *error, size_t error_bytes)
{
    if (!pattern || pattern[0] == '\0')
        return 0;

    int number;
    PCRE2_SIZE position;
    /* As RE2 has it: $ is the end of the text, not a newline before it. */
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
    *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &number,
                          &position, NULL);
    if (*code)
        return 0;

    PCRE2_UCHAR message[128] = "";
    (void)pcre2_get_error_message(number, message, sizeof(message));
    (void)snprintf(error, error_bytes, "bad pattern \"%s\": %s at character %zu",
                   pattern, (const char *)message, (size_t)position);
    return -1;
}

struct filter *
filter_new(const char *include, const char *exclude, char *error, size_t error_bytes)
{
    struct filter *filter = memory_new(1, sizeof(*filter));
    filter->limits = pcre2_match_context_create(NULL);
    filter_need(filter->limits);
    (void)pcre2_set_match_limit(filter->limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(filter->limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(filter->limits, HEAP_LIMIT_KIB);

    if (filter_compile(include, &filter->include, error, error_bytes) < 0 ||
        filter_compile(exclude, &filter->exclude, error, error_bytes) < 0) {
        filter_free(filter);
        return NULL;
    }
    return filter;
}

void
filter_free(struct filter *filter)
{
    if (!filter)
        return;
    pcre2_code_free(filter->include);
    pcre2_code_free(filter->exclude);
    pcre2_match_context_free(filter->limits);
    free(filter);
}

/* As pcre2_match: >= 0 for a match, PCRE2_ERROR_NOMATCH, or another error. */
static int
filter_match(const struct filter *filter, const pcre2_code *code, const char *text,
             size_t length)
{
    /* One pair: where it matched is not asked. */
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    filter_need(data);
    int result =
        pcre2_match(code, (PCRE2_SPTR)text, length, 0, 0, data, filter->limits);
    pcre2_match_data_free(data);
    return result;
}

bool
filter_passes(const struct filter *filter, const char *text)
{
    if (!filter || (!filter->include && !filter->exclude))
        return true;
    size_t length = strnlen(text, TEXT_BYTES_MAX + 1);
    if (length > TEXT_BYTES_MAX)
        return false;
    if (filter->include && filter_match(filter, filter->include, text, length) < 0)
        return false;
    return !filter->exclude ||
           filter_match(filter, filter->exclude, text, length) == PCRE2_ERROR_NOMATCH;
}
