/* The stylesheet of all pages. */
#ifndef PAGES_STYLE_H
#define PAGES_STYLE_H

#define PAGES_STYLE_PATH "/style.css"
extern const char pages_style[];

/* For the header Content-Security-Policy: no script, and nothing from elsewhere. */
extern const char pages_policy[];

#endif
