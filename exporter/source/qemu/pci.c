/* Buses, numbered as firmware does it: depth first, in the order of slots. */
#include "source/qemu/pci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 32
#define FUNCTIONS 8
#define DEPTH_MAX 8
#define BUSES_MAX 255
#define UNKNOWN (-1)

/* Slot and function as one number, or UNKNOWN. */
static int
place_of(const struct qemu_options *device)
{
    const char *text = qemu_options_get(device, "addr");
    char *end;
    unsigned long slot = strtoul(text, &end, 16), function = 0;

    if (end == text)
        return UNKNOWN;
    if (*end == '.')
        function = strtoul(end + 1, &end, 16);
    if (*end || slot >= SLOTS || function >= FUNCTIONS)
        return UNKNOWN;
    return (int)(slot * FUNCTIONS + function);
}

static bool
is_bridge(const struct qemu_options *device)
{
    static const char *const names[] = {"pci-bridge", "root-port", "ioh3420",
                                        "downstream", "upstream",  "pcie-pci-bridge",
                                        "i82801b11",  "pcie-port"};
    const char *driver = qemu_options_get(device, "driver");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strstr(driver, names[i]))
            return true;
    }
    return false;
}

static bool
is_root(const struct qemu_pci *pci, const char *bus)
{
    return strcmp(bus, "pcie.0") == 0 || (!pci->is_q35 && strcmp(bus, "pci.0") == 0);
}

static bool
is_same_bus(const struct qemu_pci *pci, const char *a, const char *b)
{
    return strcmp(a, b) == 0 || (is_root(pci, a) && is_root(pci, b));
}

/* Whether the order of all bridges is known. */
static bool
is_numbered(const struct qemu_pci *pci)
{
    for (size_t i = 0; i < pci->devices.count; i++) {
        const struct qemu_options *device = &pci->devices.items[i];

        if (strncmp(qemu_options_get(device, "driver"), "pxb", 3) == 0 ||
            (is_bridge(device) &&
             (place_of(device) == UNKNOWN || !*qemu_options_get(device, "bus"))))
            return false;
    }
    return !pci->has_more;
}

/* The next bridge on a bus behind a place; NULL: none. */
static const struct qemu_options *
next_bridge(const struct qemu_pci *pci, const char *bus, int behind)
{
    const struct qemu_options *next = NULL;

    for (size_t i = 0; i < pci->devices.count; i++) {
        const struct qemu_options *device = &pci->devices.items[i];

        if (!is_bridge(device) ||
            !is_same_bus(pci, qemu_options_get(device, "bus"), bus) ||
            place_of(device) <= behind)
            continue;
        if (!next || place_of(device) < place_of(next))
            next = device;
    }
    return next;
}

/* Counts the buses below `bus` in `number`, until it has come to `wanted`. */
static bool
count_to(const struct qemu_pci *pci, const char *bus, const char *wanted, size_t depth,
         int *number)
{
    const struct qemu_options *bridge = next_bridge(pci, bus, UNKNOWN);

    for (; bridge && depth < DEPTH_MAX && *number < BUSES_MAX;
         bridge = next_bridge(pci, bus, place_of(bridge))) {
        const char *id = qemu_options_get(bridge, "id");

        ++*number;
        if (strcmp(id, wanted) == 0 || count_to(pci, id, wanted, depth + 1, number))
            return true;
    }
    return false;
}

void
qemu_pci_address(const struct qemu_pci *pci, const struct qemu_options *device,
                 char address[QEMU_PCI_ADDRESS_BYTES])
{
    const char *bus = qemu_options_get(device, "bus");
    int place = place_of(device), number = 0;

    address[0] = '\0';
    if (place == UNKNOWN || !*bus)
        return;
    if (!is_root(pci, bus) &&
        (!is_numbered(pci) ||
         !count_to(pci, pci->is_q35 ? "pcie.0" : "pci.0", bus, 0, &number)))
        return;
    (void)snprintf(address, QEMU_PCI_ADDRESS_BYTES, "0000:%02x:%02x.%x",
                   (unsigned int)number, (unsigned int)(place / FUNCTIONS),
                   (unsigned int)(place % FUNCTIONS));
}
