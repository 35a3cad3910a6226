/* One group of a pattern. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "config/guest_name.h"

#include "kit/memory.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

/* Paths are the host's, but a pattern of the user may backtrack. */
#define MATCH_STEPS_MAX 100000

struct guest_name {
    pcre2_code *code;
};

static void
describe_error(int code, size_t offset, const char *pattern, char *error,
               size_t error_bytes)
{
    PCRE2_UCHAR message[128];

    pcre2_get_error_message(code, message, sizeof message);
    snprintf(error, error_bytes, "the pattern \"%s\" is wrong at character %zu: %s",
             pattern, offset + 1, (const char *)message);
}

struct guest_name *
guest_name_new(const char *pattern, char *error, size_t error_bytes)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    uint32_t groups = 0;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0,
                                         &code, &offset, NULL);

    if (!compiled) {
        describe_error(code, offset, pattern, error, error_bytes);
        return NULL;
    }
    pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (groups != 1) {
        snprintf(
            error, error_bytes,
            "the pattern \"%s\" has %u groups; write the part of the path that is the "
            "guest's name in one pair of parentheses",
            pattern, groups);
        pcre2_code_free(compiled);
        return NULL;
    }
    struct guest_name *rule = memory_new(1, sizeof *rule);

    rule->code = compiled;
    return rule;
}

void
guest_name_free(struct guest_name *rule)
{
    if (!rule)
        return;
    pcre2_code_free(rule->code);
    free(rule);
}

bool
guest_name_of(const struct guest_name *rule, const char *path, char *name,
              size_t name_bytes)
{
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(rule->code, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    bool found = false;

    pcre2_set_match_limit(context, MATCH_STEPS_MAX);
    if (pcre2_match(rule->code, (PCRE2_SPTR)path, PCRE2_ZERO_TERMINATED, 0, 0, match,
                    context) == 2) {
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(match);

        snprintf(name, name_bytes, "%.*s", (int)(ends[3] - ends[2]), path + ends[2]);
        found = ends[3] > ends[2];
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(match);
    return found;
}
