/* Reads series back from the text that a fragment holds.  Pure. */
#ifndef STORE_SERIES_H
#define STORE_SERIES_H

#include "kit/metric.h"

#include <stdbool.h>
#include <stddef.h>

struct series_label {
    const char *name, *value; /* the reader's */
};

/* One of them; its strings are good as long as the reader. */
struct series {
    double value;
    size_t labels_count;
    struct series_label labels[METRIC_LABELS_MAX + 2]; /* the guest's are two at most */
};

struct series_reader {
    char *text, *next;
};

/* `text`: lines as the exposition writes them; it is copied. */
struct series_reader series_read(const char *text, size_t length);
/* false: that were all. */
bool series_next(struct series_reader *reader, struct series *series);
void series_end(struct series_reader *reader);

/* "" if the series does not have it. */
const char *series_label(const struct series *series, const char *name);

#endif
