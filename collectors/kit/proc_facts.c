/* Lines of /proc/self/mountinfo and /proc/net/dev. */
#include "kit/proc_facts.h"

#include <stdlib.h>
#include <string.h>

/* A word of a line; lines end where their text does. */
struct word {
    const char *at;
    size_t length;
};

/* The next word of the line, or one of no length at its end; returns what is behind. */
static const char *
next_word(const char *line, struct word *word)
{
    line += strspn(line, " ");
    word->at = line;
    word->length = strcspn(line, " \n");
    return line + word->length;
}

static bool
word_is(struct word word, const char *text)
{
    return word.length == strlen(text) && memcmp(word.at, text, word.length) == 0;
}

/* Whether a word is among those with commas in between. */
static bool
has_option(struct word options, const char *option)
{
    size_t length = strlen(option);
    const char *at = options.at, *end = options.at + options.length;

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;

        if ((size_t)(stop - at) == length && memcmp(at, option, length) == 0)
            return true;
        at = stop + 1;
    }
    return false;
}

static bool
is_octal(const char *text, size_t left)
{
    return left >= 4 && text[0] == '\\' && text[1] >= '0' && text[1] <= '3' &&
           text[2] >= '0' && text[2] <= '7' && text[3] >= '0' && text[3] <= '7' &&
           memcmp(text + 1, "000", 3) != 0;
}

/* The kernel writes a space, a tab, a newline and a backslash as \040 and the like.
 * Returns the length, or 0 if there is no room. */
static size_t
unescape(struct word word, char *out, size_t bytes)
{
    size_t used = 0;

    for (size_t i = 0; i < word.length; i++) {
        if (used + 1 >= bytes)
            return 0;
        if (!is_octal(word.at + i, word.length - i)) {
            out[used++] = word.at[i];
            continue;
        }
        out[used++] = (char)((word.at[i + 1] - '0') << 6 | (word.at[i + 2] - '0') << 3 |
                             (word.at[i + 3] - '0'));
        i += 3;
    }
    out[used] = '\0';
    return used;
}

/* What of a line of mountinfo matters:
 *     36 35 98:0 / /srv rw,noatime shared:1 - ext4 /dev/vdb rw,errors=continue
 * A filesystem that its kernel has made read-only says so in the options behind. */
struct mount {
    struct word point, options, device, super_options;
};

static bool
read_mount(const char *line, struct mount *mount)
{
    struct word word;

    for (int i = 0; i < 4; i++)
        line = next_word(line, &word);
    line = next_word(line, &mount->point);
    line = next_word(line, &mount->options);
    do
        line = next_word(line, &word);
    while (word.length > 0 && !word_is(word, "-"));
    line = next_word(line, &word); /* the type */
    line = next_word(line, &mount->device);
    (void)next_word(line, &mount->super_options);
    return mount->super_options.length > 0;
}

static void
keep_mount(struct proc_facts *facts, const struct mount *mount)
{
    char point[PROC_MOUNT_POINT_BYTES];
    size_t length = unescape(mount->point, point, sizeof(point));
    bool readonly =
        has_option(mount->options, "ro") || has_option(mount->super_options, "ro");

    if (length == 0 || length + 2 > sizeof(facts->mounts) - facts->mounts_used) {
        facts->mounts_left_out++;
        return;
    }
    facts->mounts[facts->mounts_used++] = readonly ? 'r' : 'w';
    memcpy(facts->mounts + facts->mounts_used, point, length + 1);
    facts->mounts_used += length + 1;
}

static const char *
next_line(const char *line)
{
    line += strcspn(line, "\n");
    return *line != '\0' ? line + 1 : line;
}

/* What stands on no device the agent does not list either. */
void
proc_facts_read_mounts(struct proc_facts *facts, const char *text)
{
    facts->mounts_used = 0;
    facts->mounts_left_out = 0;
    for (; *text != '\0'; text = next_line(text)) {
        struct mount mount;

        if (!read_mount(text, &mount))
            facts->mounts_left_out++;
        else if (mount.device.at[0] == '/')
            keep_mount(facts, &mount);
    }
}

/* Sixteen numbers; false if one of those that count is none. */
static bool
read_counters(const char *line, double counters[PROC_COUNTERS])
{
    static const int columns[] = {0, 1, 2, 3, 8, 9, 10, 11};
    size_t found = 0;

    for (int column = 0; found < PROC_COUNTERS; column++) {
        struct word word;
        char *end;

        line = next_word(line, &word);
        if (word.length == 0 || strspn(word.at, "0123456789") != word.length)
            return false;
        if (column == columns[found])
            counters[found++] = strtod(word.at, &end);
    }
    return true;
}

/*     eth0: 1296 12 0 0 0 0 0 0 936 11 0 0 0 0 0 0 */
static void
keep_device(struct proc_facts *facts, const char *line)
{
    const char *name = line + strspn(line, " ");
    size_t length = strcspn(name, ": \n");
    struct proc_device *device = &facts->devices[facts->devices_count];

    if (length == 0 || length >= PROC_DEVICE_NAME_BYTES || name[length] != ':' ||
        facts->devices_count == PROC_DEVICES_MAX ||
        !read_counters(name + length + 1, device->counters)) {
        facts->devices_left_out++;
        return;
    }
    memcpy(device->name, name, length);
    device->name[length] = '\0';
    facts->devices_count++;
}

void
proc_facts_read_devices(struct proc_facts *facts, const char *text)
{
    facts->devices_count = 0;
    facts->devices_left_out = 0;
    for (; *text != '\0'; text = next_line(text))
        if (!memchr(text, '|', strcspn(text, "\n"))) /* two lines above the table */
            keep_device(facts, text);
}

bool
proc_facts_is_readonly(const struct proc_facts *facts, const char *mount_point,
                       bool *readonly)
{
    bool found = false;

    for (size_t at = 0; facts && at < facts->mounts_used;
         at += strlen(facts->mounts + at) + 1) {
        if (strcmp(facts->mounts + at + 1, mount_point) != 0)
            continue;
        found = true;
        *readonly = facts->mounts[at] == 'r';
    }
    return found;
}

const double *
proc_facts_counters(const struct proc_facts *facts, const char *device)
{
    for (size_t i = 0; facts && i < facts->devices_count; i++)
        if (strcmp(facts->devices[i].name, device) == 0)
            return facts->devices[i].counters;
    return NULL;
}

size_t
proc_facts_left_out(const struct proc_facts *facts)
{
    return facts->mounts_left_out + facts->devices_left_out;
}
