/* PCRE2's interpreter.
 *
 * Not its JIT: that counts towards the match limit differently and not at all towards
 * the depth limit, and it needs writable and executable memory, which a hardened
 * service denies.  A visit matches some dozens of short texts; the interpreter is fast
 * enough. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "kit/pattern.h"

#include "kit/memory.h"

#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Longer text is not matched at all: PCRE2 counts its limits anew at each start of a
 * match, so the length is a factor of the bound.  PATH_MAX of Linux. */
#define TEXT_BYTES_MAX 4096
/* Backtracking steps from one start: enough for a few passes over the longest text. */
#define MATCH_LIMIT 20000
/* Nested backtracking points, and the memory for them. */
#define DEPTH_LIMIT 5000
#define HEAP_LIMIT_KIB 2048
/* An item of the pattern that is tried, in runs over a byte. */
#define ITEM_STEPS 16

struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
};

/* Where a match is. */
struct progress {
    size_t *steps; /* left */
    size_t start, position;
};

struct pattern *
pattern_new(const char *text, enum pattern_kind kind, struct pattern_mistake *mistake)
{
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
    int code = 0;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                      PCRE2_AUTO_CALLOUT | (kind == PATTERN_OF_TEXT ? options : 0),
                      &code, &mistake->offset, NULL);

    if (!compiled) {
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)mistake->text,
                                      sizeof(mistake->text));
        return NULL;
    }
    struct pattern *pattern = memory_new(1, sizeof(*pattern));

    pattern->code = compiled;
    pattern->limits = memory_need(pcre2_match_context_create(NULL));
    (void)pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(pattern->limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(pattern->limits, HEAP_LIMIT_KIB);
    return pattern;
}

void
pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->limits);
    free(pattern);
}

unsigned int
pattern_groups(const struct pattern *pattern)
{
    uint32_t groups = 0;

    (void)pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    return groups;
}

/* Before each item of the pattern.  PCRE2's own limits are for one start of a match,
 * and leave out how far one item runs along the text. */
static int
count_steps(pcre2_callout_block *at, void *data)
{
    struct progress *progress = data;
    size_t from = progress->position, to = at->current_position;
    size_t steps = ITEM_STEPS + (to > from ? to - from : from - to);

    if (at->start_match != progress->start)
        steps += at->subject_length - at->start_match;
    progress->start = at->start_match;
    progress->position = to;
    if (steps > *progress->steps) {
        *progress->steps = 0;
        return PCRE2_ERROR_CALLOUT;
    }
    *progress->steps -= steps;
    return 0;
}

static enum pattern_result
result_of(int found)
{
    switch (found) {
    case PCRE2_ERROR_NOMATCH:
        return PATTERN_DIFFERS;
    case PCRE2_ERROR_CALLOUT:
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
        return PATTERN_SLOW;
    default:
        return found >= 0 ? PATTERN_MATCHES : PATTERN_UNDECIDED;
    }
}

enum pattern_result
pattern_match(const struct pattern *pattern, const char *text, size_t length,
              size_t group[2], size_t *steps)
{
    struct progress progress = {.steps = steps, .start = SIZE_MAX};

    if (length > TEXT_BYTES_MAX)
        return PATTERN_UNDECIDED;
    pcre2_match_context *limits =
        memory_need(pcre2_match_context_copy(pattern->limits));
    /* The whole and one group. */
    pcre2_match_data *data = memory_need(pcre2_match_data_create(2, NULL));

    (void)pcre2_set_callout(limits, count_steps, &progress);
    int found =
        pcre2_match(pattern->code, (PCRE2_SPTR)text, length, 0, 0, data, limits);

    if (group) {
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
        bool is_there = (found >= 2 || found == 0) && ends[2] != PCRE2_UNSET;

        group[0] = is_there ? ends[2] : 0;
        group[1] = is_there ? ends[3] : 0;
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return result_of(found);
}
