/* The page of one guest.  Pure. */
#ifndef PAGES_GUEST_H
#define PAGES_GUEST_H

struct text;
struct view;
struct view_guest;

/* now_s: seconds since 1970. */
void guest_page(struct text *out, const struct view *view,
                const struct view_guest *guest, double now_s);

#endif
