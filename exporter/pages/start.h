/* The overview, which everybody sees first.  Pure. */
#ifndef PAGES_START_H
#define PAGES_START_H

struct text;
struct view;

/* `states`: in the order to show them; NULL-terminated. */
void start_page(struct text *out, const struct view *view, const char *const *states,
                const char *version, const char *telemetry_path);

#endif
