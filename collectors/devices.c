/* Collector devices: guest-get-devices, the drivers of a Windows guest's PCI devices.
 */
#include "collector.h"
#include "kit/filter.h"
#include "kit/guest_json.h"

#include <stdio.h>

#define DEVICE_LABELS "driver_name", "driver_version", "vendor_id", "device_id"

static const struct metric driver_info = {
    .name = "qga_device_driver_info",
    .help =
        "The driver of a PCI device of a Windows guest (guest-get-devices driver-name, "
        "driver-version, id: vendor-id, device-id, from QEMU 5.2 on, cached); one "
        "series for all devices of a kind, a label is empty where the agent does not "
        "say.",
    .type = METRIC_GAUGE,
    .labels = {DEVICE_LABELS},
    .series = "1 per kind of PCI device",
};
static const struct metric driver_date = {
    .name = "qga_device_driver_date_timestamp_seconds",
    .help = "When the driver of a PCI device of a Windows guest was released, in "
            "seconds since 1970 (guest-get-devices driver-date, from QEMU 5.2 on, "
            "cached).",
    .type = METRIC_GAUGE,
    .labels = {DEVICE_LABELS},
    .series = "1 per kind of PCI device",
};
static const struct metric *const devices_metrics[] = {
    &driver_info,
    &driver_date,
    NULL,
};

enum { FILTER_DRIVERS };
static const struct filter_spec devices_filters[] = {
    [FILTER_DRIVERS] =
        {
            .key = "drivers",
            .default_exclude = NULL,
            .help = "drivers by name, as Windows shows them in the guest's language; "
                    "none is "
                    "excluded",
        },
    {.key = NULL},
};

#define PCI_ID_BYTES 8 /* 0x1af4 */

/* As node_pcidevice_info has it; "" if it is not there. */
static void
devices_pci_id(const struct guest_json *id, const char *key, char text[PCI_ID_BYTES])
{
    int64_t value;

    text[0] = '\0';
    if (guest_json_int64(id, key, GUEST_OPTIONAL, &value) && value >= 0 &&
        value <= 0xffff)
        (void)snprintf(text, PCI_ID_BYTES, "0x%04x", (unsigned int)value);
}

static void
devices_one(const struct guest_json *device, const char *driver, struct samples *out)
{
    struct guest_json id;
    char vendor_id[PCI_ID_BYTES], device_id[PCI_ID_BYTES];
    int64_t date_ns;

    guest_json_object(device, "id", GUEST_OPTIONAL, &id);
    devices_pci_id(&id, "vendor-id", vendor_id);
    devices_pci_id(&id, "device-id", device_id);
    struct label_values labels =
        LABELS(driver, guest_json_string(device, "driver-version", GUEST_OPTIONAL),
               vendor_id, device_id);
    /* Once: two network cards of a kind have one driver. */
    samples_add_once(out, &driver_info, 1, labels);
    if (guest_json_int64(device, "driver-date", GUEST_OPTIONAL, &date_ns))
        samples_add_once(out, &driver_date, (double)date_ns / 1e9, labels);
}

static int
devices_parse(const json_t *reply, const struct exchange *when, struct samples *out,
              struct failure *why)
{
    struct guest_json list, device;

    guest_json_root(&list, reply, why);
    for (size_t i = 0; guest_json_entry(&list, i, &device); i++) {
        const char *driver = guest_json_string(&device, "driver-name", GUEST_REQUIRED);

        if (guest_json_is_usable(&device) &&
            filter_passes(when->filters[FILTER_DRIVERS], driver))
            devices_one(&device, driver, out);
    }
    return guest_json_result(&list, out);
}

const struct collector devices_collector = {
    .name = "devices",
    .help = "the drivers of a Windows guest's PCI devices, with version and date",
    .command = "guest-get-devices",
    .since = "5.2",
    .series = "2 per kind of PCI device, some 20 to 40",
    .default_interval_s = 3600,
    .default_disabled = true,
    .metrics = devices_metrics,
    .filters = devices_filters,
    .parse = devices_parse,
};
