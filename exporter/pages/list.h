/* The page that lists guests.  Pure. */
#ifndef PAGES_LIST_H
#define PAGES_LIST_H

struct pages_query;
struct rows;
struct text;
struct view;

/* now_s: seconds since 1970. */
void list_page(struct text *out, const struct view *view, const struct rows *rows,
               const struct pages_query *query, double now_s);

#endif
