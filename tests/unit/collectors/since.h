/* From which QEMU's agent on a metric is there. */
#ifndef UNIT_COLLECTORS_SINCE_H
#define UNIT_COLLECTORS_SINCE_H

#include "collector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static inline const char *
metric_since(const struct collector *collector, const struct metric *metric)
{
    return metric->since ? metric->since : collector->since;
}

/* "7.1" as 7001; fails if it is no version. */
static inline int
version_number(const char *text)
{
    int major, minor, consumed = 0;

    if (sscanf(text, "%d.%d%n", &major, &minor, &consumed) != 2 ||
        text[consumed] != '\0')
        fail_msg("%s: no version of QEMU", text);
    return 1000 * major + minor;
}

#endif
