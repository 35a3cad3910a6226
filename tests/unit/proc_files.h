/* Files below /proc of a guest that does not exist, and its agent's answers about them.
 * For the file of a test's main() alone. */
#ifndef UNIT_PROC_FILES_H
#define UNIT_PROC_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* More than the collector asks for. */
#define PROC_REPLY_BYTES 131072

/* `text` NULL: there is no such file. */
static struct proc_file {
    const char *path, *text;
} proc_files[] = {
    {"/proc/meminfo", "MemTotal: 1000 kB\n"},
    {"/proc/stat", "cpu  1 2 3\nbtime 1795000000\nprocs_running 2\nprocs_blocked 1\n"},
    {"/proc/vmstat", "pgmajfault 77\noom_kill 3\n"},
    {"/proc/loadavg", "0.50 0.25 0.125 1/100 4711\n"},
    {"/proc/self/mountinfo", "1 0 252:1 / / ro,relatime - ext4 /dev/vda1 rw\n"},
    {"/proc/sys/fs/file-nr", "608\t0\t9223\n"},
    {"/proc/net/dev", "  br0: 11 12 13 14 0 0 0 0 21 22 23 24 0 0 0 0\n"},
    {"/proc/net/sockstat",
     "sockets: used 5\nTCP: inuse 1 orphan 0 tw 0 alloc 2 mem 0\n"},
    {NULL, NULL}, /* any other */
};

/* The one that was opened last. */
static const struct proc_file *proc_opened;

static inline struct proc_file *
proc_file(const char *path)
{
    struct proc_file *file = proc_files;

    while (file->path && strcmp(file->path, path) != 0)
        file++;
    return file;
}

static inline void
proc_encode(const char *text, char *out)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i < 3 ? length - i : 3;
        uint32_t bits = 0;

        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < left ? (unsigned char)text[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            *out++ = j <= left ? digits[bits >> (18 - 6 * j) & 63] : '=';
    }
    *out = '\0';
}

static inline void
proc_open(const char *arguments, char reply[PROC_REPLY_BYTES])
{
    char path[128] = "";

    (void)sscanf(arguments, "{\"path\":\"%127[^\"]\"", path);
    proc_opened = proc_file(path);
    (void)snprintf(
        reply, PROC_REPLY_BYTES, "%s",
        proc_opened->text
            ? "{\"return\":7}"
            : "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no file\"}}");
}

/* What the agent says. */
static inline void
proc_answer(const char *command, const char *arguments, char reply[PROC_REPLY_BYTES])
{
    char encoded[PROC_REPLY_BYTES - 64];

    if (strcmp(command, "guest-file-open") == 0) {
        proc_open(arguments, reply);
        return;
    }
    if (strcmp(command, "guest-file-close") == 0) {
        (void)snprintf(reply, PROC_REPLY_BYTES, "{\"return\":{}}");
        return;
    }
    proc_encode(proc_opened->text, encoded);
    (void)snprintf(reply, PROC_REPLY_BYTES,
                   "{\"return\":{\"count\":1,\"buf-b64\":\"%s\",\"eof\":true}}",
                   encoded);
}

#endif
