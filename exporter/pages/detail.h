/* What is known of one guest, by collectors and filesystems.  Pure. */
#ifndef PAGES_DETAIL_H
#define PAGES_DETAIL_H

#include "store/view.h"

#include <stdbool.h>
#include <stddef.h>

struct note_collector;

/* What the series say of a collector; a time of 0 is none. */
struct detail_collector {
    const struct note_collector *note;
    double data_s; /* since 1970: when it last brought data */
    double took_s;
    size_t dropped;
};

struct detail_filesystem {
    char *mount_point, *device, *type;
    double size_bytes, avail_bytes;
};

struct detail {
    struct detail_collector *collectors;
    size_t collectors_count;
    struct detail_filesystem *filesystems;
    size_t filesystems_count;
    double calls;
    char *title; /* the domain's; "" */
};

struct detail detail_of(const struct view *view, const struct view_guest *guest);
void detail_free(struct detail *detail);

#endif
