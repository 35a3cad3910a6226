/* The same as JSON, for programs; docs/pages.md has its keys, which stay.  Pure. */
#ifndef PAGES_API_H
#define PAGES_API_H

struct rows;
struct text;
struct view;
struct view_guest;

void api_guests(struct text *out, const struct view *view, const struct rows *rows);
void api_guest(struct text *out, const struct view *view,
               const struct view_guest *guest);

#endif
