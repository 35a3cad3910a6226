/* From arguments to a guest. */
#include "source/qemu/command.h"

#include "kit/hash.h"
#include "kit/memory.h"
#include "source/qemu/devices.h"
#include "source/qemu/options.h"
#include "source/qemu/readconfig.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VCPUS_MAX INT64_C(1000000)
#define MEMORY_BYTES_MAX (INT64_C(1) << 60) /* more than QEMU takes */

struct reading {
    struct qemu_command *command;
    struct qemu_devices devices;
};

/* --- numbers --- */

static int64_t
number_of(const char *text, int64_t if_none)
{
    char *end;
    long long number = strtoll(text, &end, 10);

    return *text && !*end && number >= 0 && number <= VCPUS_MAX ? number : if_none;
}

/* "2048", "2G": without a unit, MiB; 0: it does not say. */
static int64_t
memory_of(const char *text)
{
    static const char units[] = "kmgt";
    char *end;
    long long number = strtoll(text, &end, 10);
    const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : units + 1;
    int64_t bytes = INT64_C(1024);

    if (end == text || number <= 0 || !unit || (*end && end[1] != '\0'))
        return 0;
    for (; unit > units; unit--)
        bytes *= 1024;
    return number <= MEMORY_BYTES_MAX / bytes ? number * bytes : 0;
}

static void
read_vcpus(const char *value, struct domain_range *vcpus)
{
    static const char *const levels[] = {"sockets", "dies", "cores", "threads"};
    struct qemu_options options = qemu_options_read(value, "cpus");
    int64_t cpus = number_of(qemu_options_get(&options, "cpus"), 0), product = 1;

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (product <= VCPUS_MAX)
            product *= number_of(qemu_options_get(&options, levels[i]), 1);
    }
    int64_t maximum = number_of(qemu_options_get(&options, "maxcpus"),
                                cpus > product ? cpus : product);

    qemu_options_clear(&options);
    vcpus->maximum = maximum <= VCPUS_MAX ? maximum : 0;
    /* Those that were plugged in later are not seen here. */
    vcpus->current = cpus == 0 || cpus == maximum ? vcpus->maximum : 0;
}

static void
read_memory(const char *value, struct domain_range *bytes)
{
    struct qemu_options options = qemu_options_read(value, "size");

    if (!*qemu_options_get(&options, "maxmem")) /* else some may have been plugged in */
        bytes->maximum = memory_of(qemu_options_get(&options, "size"));
    qemu_options_clear(&options);
}

/* --- who it is --- */

bool
qemu_command_uuid(const char *value, char uuid[QEMU_COMMAND_UUID_BYTES])
{
    if (strlen(value) != QEMU_COMMAND_UUID_BYTES - 1 ||
        strspn(value, "0123456789abcdefABCDEF-") != QEMU_COMMAND_UUID_BYTES - 1)
        return false;
    for (size_t i = 0; i < QEMU_COMMAND_UUID_BYTES; i++)
        uuid[i] = (char)tolower((unsigned char)value[i]);
    return true;
}

/* Proxmox VE has it in the firmware's tables alone. */
static void
read_smbios(const char *value, char uuid[QEMU_COMMAND_UUID_BYTES])
{
    struct qemu_options options = qemu_options_read(value, NULL);

    if (strcmp(qemu_options_get(&options, "type"), "1") == 0)
        (void)qemu_command_uuid(qemu_options_get(&options, "uuid"), uuid);
    qemu_options_clear(&options);
}

static void
read_name(const char *value, struct domain_facts *facts)
{
    struct qemu_options options = qemu_options_read(value, "guest");

    free(facts->title);
    facts->title = domain_facts_text(qemu_options_get(&options, "guest"));
    qemu_options_clear(&options);
}

static void
read_machine(struct reading *reading, const char *value)
{
    struct qemu_options options = qemu_options_read(value, "type");

    reading->devices.pci.is_q35 = reading->devices.pci.is_q35 ||
                                  strstr(qemu_options_get(&options, "type"), "q35");
    qemu_options_clear(&options);
}

/* --- arguments --- */

/* Returns whether the option is one that has this value. */
static bool
take_option(struct reading *reading, const char *name, const char *value)
{
    struct qemu_command *command = reading->command;

    if (strcmp(name, "device") == 0)
        qemu_options_list_add(&reading->devices.pci.devices, value, "driver");
    else if (strcmp(name, "drive") == 0)
        qemu_options_list_add(&reading->devices.drives, value, NULL);
    else if (strcmp(name, "blockdev") == 0)
        qemu_options_list_add(&reading->devices.nodes, value, "driver");
    else if (strcmp(name, "netdev") == 0 || strcmp(name, "nic") == 0)
        qemu_options_list_add(&reading->devices.nets, value, "type");
    else if (strcmp(name, "machine") == 0 || strcmp(name, "M") == 0)
        read_machine(reading, value);
    else if (strcmp(name, "name") == 0)
        read_name(value, command->facts);
    else if (strcmp(name, "uuid") == 0)
        (void)qemu_command_uuid(value, command->uuid);
    else if (strcmp(name, "smbios") == 0)
        read_smbios(value, command->uuid);
    else if (strcmp(name, "smp") == 0)
        read_vcpus(value, &command->facts->vcpus);
    else if (strcmp(name, "m") == 0)
        read_memory(value, &command->facts->memory_bytes);
    else if (strcmp(name, "pidfile") == 0)
        (void)snprintf(command->pid_file, sizeof(command->pid_file), "%s",
                       basename(value));
    else if (strcmp(name, "incoming") == 0)
        command->is_incoming = true;
    else if (strcmp(name, "readconfig") == 0)
        reading->devices.pci.has_more |=
            !qemu_readconfig_add_bridges(value, &reading->devices.pci.devices);
    else
        return false;
    return true;
}

static void
read_arguments(struct reading *reading, const char *bytes, const char *end)
{
    const char *next;

    for (const char *one = bytes; one < end; one = next) {
        next = one + strlen(one) + 1;
        if (*one != '-')
            continue;
        const char *name = one + strspn(one, "-");

        if (strcmp(name, "S") == 0)
            reading->command->is_stopped = true;
        else if (next < end && take_option(reading, name, next))
            next += strlen(next) + 1;
    }
}

/* --- the whole --- */

/* qemu-system-x86_64, qemu-kvm, kvm. */
static bool
is_qemu(const char *program)
{
    const char *name = basename(program);

    return strncmp(name, "qemu-system-", 12) == 0 || strcmp(name, "qemu-kvm") == 0 ||
           strcmp(name, "kvm") == 0;
}

bool
qemu_command_parse(const char *bytes, size_t length, struct qemu_command *command)
{
    char *copy = memory_new(length + 1, 1); /* so that the last one is closed too */

    memcpy(copy, bytes, length);
    *command = (struct qemu_command){.facts = NULL};
    if (!is_qemu(copy)) {
        free(copy);
        return false;
    }
    struct reading reading = {.command = command};

    command->facts = domain_facts_new();
    command->facts->digest = hash_bytes(HASH_START, bytes, length);
    read_arguments(&reading, copy, copy + length);
    qemu_devices_read(&reading.devices, command->facts);
    qemu_options_list_clear(&reading.devices.pci.devices);
    qemu_options_list_clear(&reading.devices.drives);
    qemu_options_list_clear(&reading.devices.nodes);
    qemu_options_list_clear(&reading.devices.nets);
    free(copy);
    return true;
}
