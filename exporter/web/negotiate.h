/* What a scraper says in its headers: by Accept and Accept-Encoding, as Prometheus' own
 * libraries read it: what is named counts by its q, at equal q what stands first;
 * wildcards name no format, and who names none that is served gets Prometheus text
 * 0.0.4.  Pure. */
#ifndef WEB_NEGOTIATE_H
#define WEB_NEGOTIATE_H

#include "store/body.h"

#include <stdbool.h>
#include <stdint.h>

/* How metric names that are not of the old alphabet are written; none of ours is such a
 * name, so it is said back and nothing else. */
enum web_escaping {
    WEB_ESCAPING_NONE, /* not asked for */
    WEB_ESCAPING_ALLOW_UTF_8,
    WEB_ESCAPING_UNDERSCORES,
    WEB_ESCAPING_DOTS,
    WEB_ESCAPING_VALUES,
};

struct web_wish {
    enum exposition_format format;
    enum web_escaping escaping;
    int format_q; /* of 1000; 0: nothing was named yet */
    /* Of 1000, and one more; 0: not named. */
    int gzip_q, identity_q, any_q;
};

/* One field of Accept; a request may have several.  Begin with a struct of zeros. */
void web_wish_accept(struct web_wish *wish, const char *field);
/* Likewise of Accept-Encoding. */
void web_wish_accept_encoding(struct web_wish *wish, const char *field);
/* false: no coding that is served is good. */
bool web_wish_coding(const struct web_wish *wish, enum body_coding *coding);
/* The Content-Type of the answer; static. */
const char *web_wish_type(const struct web_wish *wish);

/* How long it waits for the answer, of X-Prometheus-Scrape-Timeout-Seconds (10, 9.500);
 * 0: nothing that makes sense. */
int64_t web_scrape_timeout_ns(const char *value);

#endif
