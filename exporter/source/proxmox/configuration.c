/* Lines of "key: value", up to the first [section]: those are of snapshots and of what
 * is pending. */
#include "source/proxmox/configuration.h"

#include "kit/failure.h"
#include "kit/hash.h"
#include "kit/memory.h"
#include "kit/utf8.h"
#include "source/qemu/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAC_BYTES 17
#define TARGET_BYTES 40

struct reading {
    const char *vmid;
    const struct domain_facts *process;
    struct proxmox_configuration *out;
};

/* --- single settings --- */

static bool
is_true(const char *value)
{
    static const char *const words[] = {"1", "on", "yes", "true"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(value, words[i]) == 0)
            return true;
    }
    return false;
}

/* False: it does not fit. */
static bool
copy(char *out, size_t bytes, const char *value)
{
    if (strlen(value) >= bytes)
        return false;
    memcpy(out, value, strlen(value) + 1);
    return true;
}

static bool
read_smbios(struct reading *reading, const char *value)
{
    struct qemu_options options = qemu_options_read(value, NULL);
    const char *uuid = qemu_options_get(&options, "uuid");
    bool fits = !*uuid || qemu_command_uuid(uuid, reading->out->uuid);

    qemu_options_clear(&options);
    return fits;
}

/* Of Linux it says the kernel at most. */
static bool
read_ostype(struct reading *reading, const char *value)
{
    static const char *const windows[] = {"w2k", "wvista", "wxp", "win"};

    free(reading->out->facts->ostype);
    reading->out->facts->ostype = domain_facts_text(value);
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        if (strncmp(value, windows[i], strlen(windows[i])) == 0)
            (void)copy(reading->out->os, PROXMOX_OS_BYTES, "mswindows");
    }
    return true;
}

static bool
read_name(struct reading *reading, const char *value)
{
    if (!copy(reading->out->name, PROXMOX_NAME_BYTES, value))
        return false;
    free(reading->out->facts->title);
    reading->out->facts->title = domain_facts_text(value);
    return true;
}

static bool
has_tag(const char *tags, const char *tag)
{
    static const char separators[] = ";, ";

    for (const char *one = tags; *one;) {
        size_t length = strcspn(one, separators);

        if (length == strlen(tag) && strncasecmp(one, tag, length) == 0)
            return true;
        one += length;
        one += strspn(one, separators);
    }
    return false;
}

/* --- devices --- */

static bool
is_mac(const char *text)
{
    for (size_t i = 0; i < MAC_BYTES; i++) {
        bool fits = i % 3 == 2 ? text[i] == ':' : isxdigit((unsigned char)text[i]) != 0;

        if (!fits)
            return false;
    }
    return text[MAC_BYTES] == '\0';
}

/* "virtio=BC:24:11:00:00:01,bridge=vmbr0", or "model=virtio,macaddr=..." */
static bool
read_nic(struct reading *reading, const char *number, const char *value)
{
    struct qemu_options options = qemu_options_read(value, "model");
    const char *mac = qemu_options_get(&options, "macaddr"),
               *model = qemu_options_get(&options, "model");
    char target[TARGET_BYTES];

    for (size_t i = 0; i < options.count && !*mac; i++) {
        if (!is_mac(options.pairs[i].value))
            continue;
        mac = options.pairs[i].value;
        model = options.pairs[i].key;
    }
    bool fits = is_mac(mac);

    (void)snprintf(target, sizeof(target), "tap%si%s", reading->vmid, number);
    if (fits)
        domain_facts_add_nic(reading->out->facts,
                             &(struct host_nic){
                                 .mac = mac,
                                 .target = target,
                                 .network = qemu_options_get(&options, "bridge"),
                                 .model = model,
                             });
    qemu_options_clear(&options);
    return fits;
}

static const struct host_disk *
find_disk(const struct domain_facts *facts, const char *target)
{
    for (size_t i = 0; facts && i < facts->host.disks_count; i++) {
        if (strcmp(facts->host.disks[i].target, target) == 0)
            return &facts->host.disks[i];
    }
    return NULL;
}

/* One that was plugged in later has only its serial: SCSI disks have their drive's name
 * where nobody has given them one. */
static void
add_disk(struct reading *reading, const char *key, const char *volume,
         const char *serial)
{
    static const struct disk_place nowhere = {"", DISK_PLACE_ANY, DISK_PLACE_ANY,
                                              DISK_PLACE_ANY};
    const struct host_disk *of_process = find_disk(reading->process, key);
    char name[TARGET_BYTES] = "";

    if (strncmp(key, "scsi", 4) == 0)
        (void)snprintf(name, sizeof(name), "drive-%s", key);
    domain_facts_add_disk(reading->out->facts,
                          &(struct host_disk){
                              .target = key,
                              .source = volume,
                              .serial = of_process ? of_process->serial
                                        : *serial  ? serial
                                                   : name,
                              .place = of_process ? of_process->place : nowhere,
                          });
}

static bool
read_disk(struct reading *reading, const char *key, const char *value)
{
    struct qemu_options options = qemu_options_read(value, "file");
    const char *volume = qemu_options_get(&options, "file");

    if (*volume && strcmp(qemu_options_get(&options, "media"), "cdrom") != 0)
        add_disk(reading, key, volume, qemu_options_get(&options, "serial"));
    bool fits = *volume;

    qemu_options_clear(&options);
    return fits;
}

/* The number behind a name, or NULL if that is not all. */
static const char *
number_behind(const char *key, const char *name)
{
    const char *number = key + strlen(name);

    if (strncmp(key, name, strlen(name)) != 0 || !*number || strlen(number) > 3 ||
        number[strspn(number, "0123456789")])
        return NULL;
    return number;
}

/* False: it is not to be understood. */
static bool
take_device(struct reading *reading, const char *key, const char *value)
{
    static const char *const disks[] = {"scsi", "virtio", "sata", "ide"};

    if (number_behind(key, "net"))
        return read_nic(reading, number_behind(key, "net"), value);
    for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
        if (number_behind(key, disks[i]))
            return read_disk(reading, key, value);
    }
    return true; /* what the exporter does not need */
}

/* --- lines --- */

/* False: it is not to be understood. */
static bool
take_setting(struct reading *reading, const char *key, const char *value)
{
    struct proxmox_configuration *out = reading->out;

    if (strcmp(key, "name") == 0)
        return read_name(reading, value);
    if (strcmp(key, "smbios1") == 0)
        return read_smbios(reading, value);
    if (strcmp(key, "ostype") == 0)
        return read_ostype(reading, value);
    if (strcmp(key, "lock") == 0)
        return copy(out->lock, sizeof(out->lock), value);
    if (strcmp(key, "template") == 0)
        out->is_template = is_true(value);
    if (strcmp(key, "tags") == 0) {
        free(out->facts->tags);
        out->facts->tags = domain_facts_text(value);
    }
    return take_device(reading, key, value);
}

static bool
is_utf8(const char *text)
{
    while (*text) {
        size_t length = utf8_decode(text, NULL);

        if (length == 0)
            return false;
        text += length;
    }
    return true;
}

/* In place. */
static char *
trim(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);

    while (length > 0 && strchr(" \t\r", text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* Whether it is to be understood.  Lines of a description begin with #. */
static bool
take_line(struct reading *reading, char *line)
{
    char *colon = strchr(line, ':');

    if (*line == '#' || !*trim(line))
        return true;
    if (!colon)
        return false;
    *colon = '\0';
    char *key = trim(line), *value = trim(colon + 1);

    /* Somebody may have written it who writes no UTF-8 otherwise. */
    if (strcmp(key, "tags") == 0)
        reading->out->opted_out = has_tag(value, PROXMOX_TAG_OFF);
    return is_utf8(value) && take_setting(reading, key, value);
}

/* The settings, without sections; a copy, closed by a NUL. */
static char *
settings_of(const char *bytes, size_t length)
{
    char *settings = memory_new(length + 1, 1);
    char *section;

    memcpy(settings, bytes, length);
    section = *settings == '[' ? settings : strstr(settings, "\n[");
    if (section)
        section[section == settings ? 0 : 1] = '\0';
    return settings;
}

bool
proxmox_configuration_is_enough(const char *bytes, size_t length)
{
    return length > 0 && (*bytes == '[' || memmem(bytes, length, "\n[", 2));
}

static int
check(const char *bytes, size_t length, const char *settings, struct failure *why)
{
    const char *wrong = NULL;

    if (length == 0)
        wrong = "it is empty";
    else if (memchr(bytes, '\0', length))
        wrong = "it has NUL bytes";
    /* What was cut off may have said to leave the guest alone. */
    else if (*settings && settings[strlen(settings) - 1] != '\n')
        wrong = "it is cut: its last line has no end";
    if (wrong)
        failure_set(why, FAILURE_MALFORMED, "%s", wrong);
    return wrong ? -1 : 0;
}

int
proxmox_configuration_parse(const char *vmid, const char *bytes, size_t length,
                            const struct domain_facts *process,
                            struct proxmox_configuration *configuration,
                            struct failure *why)
{
    char *settings = settings_of(bytes, length), *rest = settings, *line;
    struct reading reading = {vmid, process, configuration};

    *configuration = (struct proxmox_configuration){.facts = NULL};
    if (check(bytes, length, settings, why) < 0) {
        free(settings);
        return -1;
    }
    struct domain_facts *facts = domain_facts_new();

    configuration->facts = facts;
    facts->digest = hash_bytes(HASH_START, settings, strlen(settings));
    if (process) {
        facts->vcpus = process->vcpus;
        facts->memory_bytes = process->memory_bytes;
        facts->digest = hash_bytes(facts->digest, (const char *)&process->digest,
                                   sizeof(process->digest));
    }
    while ((line = strsep(&rest, "\n")))
        configuration->strange += !take_line(&reading, line);
    free(settings);
    return 0;
}
