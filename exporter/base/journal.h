/* systemd's journal by its native protocol: an entry is one datagram of lines
 * KEY=value, so that each field of a log line can be asked for by its own name. */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define JOURNAL_FIELDS_MAX 12
#define JOURNAL_KEY_BYTES 64 /* what is longer is cut */

/* Part of a text without a newline, which would begin another field. */
struct journal_text {
    const char *bytes;
    size_t length;
};

struct journal_entry {
    int priority; /* syslog(3)'s */
    const char *source_file;
    int source_line;
    struct journal_text message;
    struct {
        const char *key; /* "domain" becomes QGA_DOMAIN */
        struct journal_text value;
    } fields[JOURNAL_FIELDS_MAX];
    size_t fields_count;
};

/* Whether it is the journal that reads this process' standard error: the service
 * manager has said so, and the file is the same still. */
bool journal_reads_stderr(void);
/* A file for the journal's socket at `path`, or -1. */
int journal_open(const char *path);
/* False if the journal does not take it now; nobody waits for it. */
bool journal_send(int fd, const struct journal_entry *entry);

#endif
