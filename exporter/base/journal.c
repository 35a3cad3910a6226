/* $JOURNAL_STREAM, and the entry as it is sent. */
#include "base/journal.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define PREFIX "\nQGA_"
#define HEAD_BYTES 256

bool
journal_reads_stderr(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat file;
    char own[48];

    if (!stream || fstat(STDERR_FILENO, &file) < 0)
        return false;
    (void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)file.st_dev,
                   (uintmax_t)file.st_ino);
    return strcmp(stream, own) == 0;
}

int
journal_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* The journal takes capital letters, digits and underscores. */
static size_t
render_key(const char *key, char out[sizeof(PREFIX) + JOURNAL_KEY_BYTES])
{
    size_t length = (size_t)snprintf(out, sizeof(PREFIX), PREFIX);

    for (size_t i = 0; key[i] != '\0' && i < JOURNAL_KEY_BYTES - 1; i++) {
        bool is_letter = key[i] >= 'a' && key[i] <= 'z';
        bool is_digit = key[i] >= '0' && key[i] <= '9';

        out[length++] = (char)(is_letter  ? key[i] - 'a' + 'A'
                               : is_digit ? key[i]
                                          : '_');
    }
    out[length++] = '=';
    return length;
}

static struct iovec
part(const char *bytes, size_t length)
{
    union { /* an iovec is for reading as well */
        const char *from;
        void *to;
    } start = {.from = bytes};

    return (struct iovec){.iov_base = start.to, .iov_len = length};
}

bool
journal_send(int fd, const struct journal_entry *entry)
{
    struct iovec parts[2 + 2 * JOURNAL_FIELDS_MAX + 1];
    char keys[JOURNAL_FIELDS_MAX][sizeof(PREFIX) + JOURNAL_KEY_BYTES];
    char head[HEAD_BYTES];
    size_t count = 0;
    int length = snprintf(head, sizeof(head),
                          "PRIORITY=%d\nSYSLOG_IDENTIFIER=qga-exporter\n"
                          "CODE_FILE=%.100s\nCODE_LINE=%d\nMESSAGE=",
                          entry->priority, entry->source_file, entry->source_line);

    parts[count++] = part(head, (size_t)length);
    parts[count++] = part(entry->message.bytes, entry->message.length);
    for (size_t i = 0; i < entry->fields_count; i++) {
        parts[count++] = part(keys[i], render_key(entry->fields[i].key, keys[i]));
        parts[count++] =
            part(entry->fields[i].value.bytes, entry->fields[i].value.length);
    }
    parts[count++] = part("\n", 1);
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};

    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}
