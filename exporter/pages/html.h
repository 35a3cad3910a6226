/* HTML of what others wrote: text that can become neither markup nor layout.  Pure. */
#ifndef PAGES_HTML_H
#define PAGES_HTML_H

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

#define PAGES_BYTES_MAX ((size_t)32 << 20) /* of a page; 1000 guests are 1 MB */

/* Characters of a word that are shown: in a list, and where there is room. */
#define WORD_SHORT 64
#define WORD_LONG 512

/* Head and foot of each page; `title` may be a word of others, `here` is the path of
 * the page's entry in the navigation. */
void html_begin(struct text *out, const char *title, const char *here);
void html_end(struct text *out);

/* For attributes and plain text of ours: escaped. */
void html_add(struct text *out, const char *string);
/* A word of others: isolated, what does not show itself as \u{CODE}, cut after so many
 * characters. */
void html_add_word(struct text *out, const char *word, size_t characters_max);
/* A part of a path or of a query, percent-encoded. */
void html_add_url(struct text *out, const char *part);

/* In a unit that suits: 12 ms, 3.4 s, 5 min. */
void html_add_seconds(struct text *out, double seconds);
/* How long ago `at_s` was at `now_s`, both since 1970; 0: never. */
void html_add_age(struct text *out, double at_s, double now_s);
void html_add_bytes(struct text *out, double bytes);

/* The state of an agent, coloured by how well it is. */
void html_add_state(struct text *out, const char *state);

/* A table below its title; `columns`: their titles, which end with NULL.  Plain text of
 * ours, as it is. */
void html_begin_table(struct text *out, const char *title, const char *const *columns);
void html_end_table(struct text *out);

/* The page of a guest; `source`: where its name alone would not tell, else "". */
void html_add_guest_link(struct text *out, const char *domain, const char *source);

#endif
