/* Targets from what guests say of their addresses. */
#include "store/discovery_page.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define META "__meta_qga_"
#define NAME_BYTES 128
#define TARGET_BYTES (INET6_ADDRSTRLEN + 16)
/* The brackets of the list, and the comma before a guest. */
#define FRAME_BYTES 8
/* All device names of a guest between commas. */
#define INTERFACES_BYTES (DISCOVERY_ADDRESSES_MAX * (DISCOVERY_DEVICE_BYTES + 1) + 2)

/* Text that may not be UTF-8, since it was cut or came from who knows where. */
static void
set_label(json_t *labels, const char *name, const char *value)
{
    char full[NAME_BYTES], clean[INTERFACES_BYTES];
    json_t *string = json_string(value);

    if (!string) {
        snprintf(clean, sizeof(clean), "%s", value);
        for (char *c = clean; *c; c++) {
            if ((unsigned char)*c >= 0x80)
                *c = '?';
        }
        string = json_string(clean);
    }
    snprintf(full, sizeof(full), META "%s", name);
    json_object_set_new(labels, full, string);
}

static bool
is_earlier(const struct discovery_guest *guest, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(guest->addresses[i].device, guest->addresses[index].device) == 0)
            return true;
    }
    return false;
}

/* ",eth0,eth1,": so that a pattern finds one without knowing where it stands. */
static void
list_interfaces(const struct discovery_guest *guest, char list[INTERFACES_BYTES])
{
    size_t length = (size_t)snprintf(list, INTERFACES_BYTES, ",");

    for (size_t i = 0; i < guest->addresses_count; i++) {
        const char *device = guest->addresses[i].device;

        if (is_earlier(guest, i) || strchr(device, ',') ||
            strlen(device) + 2 > INTERFACES_BYTES - length)
            continue;
        length +=
            (size_t)snprintf(list + length, INTERFACES_BYTES - length, "%s,", device);
    }
}

static int
append(const char *bytes, size_t length, void *out)
{
    text_add(out, bytes, length);
    return 0;
}

/* What all targets of a guest have; caller frees. */
static json_t *
labels_of(const struct discovery_guest *guest)
{
    char interfaces[INTERFACES_BYTES];
    json_t *labels = json_object();

    for (size_t i = 0; i < guest->labels_count; i++)
        set_label(labels, guest->labels[i].name, guest->labels[i].value);
    list_interfaces(guest, interfaces);
    set_label(labels, "interfaces", interfaces);
    return labels;
}

/* false: there was no room for it. */
static bool
add_target(const struct discovery_query *query, const struct discovery_address *address,
           json_t *labels, struct text *out)
{
    bool six = address->family == AF_INET6;
    char text[INET6_ADDRSTRLEN] = "", target[TARGET_BYTES];
    size_t before = out->length;

    inet_ntop(address->family, address->bytes, text, sizeof(text));
    snprintf(target, sizeof(target), six ? "[%s]:%u" : "%s:%u", text, query->port);
    set_label(labels, "interface", address->device);
    set_label(labels, "address", text);
    set_label(labels, "address_family", six ? "ipv6" : "ipv4");
    json_auto_t *group =
        json_pack("{s: [s], s: O}", "targets", target, "labels", labels);

    text_add_string(out, before > 0 ? ",\n " : "\n ");
    (void)json_dump_callback(group, append, out, JSON_COMPACT);
    if (!out->overflow)
        return true;
    out->length = before;
    return false;
}

/* IPv4 before IPv6, where addresses come and go by themselves; then as the guest lists
 * them. */
static void
add_guest(const struct discovery_query *query, const struct discovery_guest *guest,
          struct text *out)
{
    static const int families[] = {AF_INET, AF_INET6};
    json_auto_t *labels = labels_of(guest);

    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < guest->addresses_count; i++) {
            const struct discovery_address *address = &guest->addresses[i];

            if (address->family != families[f] ||
                !discovery_query_takes(query, address))
                continue;
            if (!add_target(query, address, labels, out) || !query->all)
                return;
        }
    }
}

/* Of the room that is left, as much for each guest as for those behind it: one that
 * says much of itself cuts itself short. */
void
discovery_render(const struct discovery_query *query,
                 struct discovery_guest *const *guests, size_t guests_count,
                 struct text *out)
{
    size_t written = 0;

    text_add_string(out, "[");
    for (size_t i = 0; i < guests_count; i++) {
        size_t room = out->max - out->length;
        size_t share =
            (room > FRAME_BYTES ? room - FRAME_BYTES : 0) / (guests_count - i);
        struct text targets = TEXT_INIT(share);

        add_guest(query, guests[i], &targets);
        if (targets.length > 0) {
            text_add_string(out, written > 0 ? "," : "");
            text_add(out, targets.bytes, targets.length);
        }
        written += targets.length;
        text_free(&targets);
    }
    text_add_string(out, written > 0 ? "\n]\n" : "]\n");
}
