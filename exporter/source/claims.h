/* Which sockets this exporter asks, for other exporters of the host to see: names in
 * the abstract namespace (unix(7)), which the kernel takes back when the process ends.
 * They keep nobody from anything. */
#ifndef SOURCE_CLAIMS_H
#define SOURCE_CLAIMS_H

struct claims;
struct config;

struct claims *claims_new(void);
/* Those of this configuration, and no others any more.  Says once of each if another
 * process has it. */
void claims_take(struct claims *claims, const struct config *config);
void claims_free(struct claims *claims);

#endif
