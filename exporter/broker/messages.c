/* Structs, field by field: those of integers alone as they are, since all that can
 * come is a value. */
#include "broker/messages.h"

#include "kit/memory.h"
#include "source/domain_facts.h"

#include <stdlib.h>
#include <string.h>

/* --- sources --- */

void
message_put_source(struct text *out, const struct source_config *config)
{
    bytes_put_number(out, config->kind);
    bytes_put_string(out, config->name);
    bytes_put_string(out, config->libvirt.uri);
    bytes_put_number(out, config->libvirt.lanes);
    bytes_put_number(out, config->libvirt.ask_without_definition);
    bytes_put_number(out, config->libvirt.balloon.enabled);
    bytes_put_number(out, config->libvirt.balloon.interval_ns);
    bytes_put_number(out, config->libvirt.balloon.max_age_ns);
    bytes_put_string(out, config->socket.path);
    bytes_put_string(out, config->socket.guest_name);
    bytes_put_number(out, config->socket.use);
    bytes_put_string(out, config->proxmox.sockets);
    bytes_put_string(out, config->proxmox.pid_files);
    bytes_put_string(out, config->proxmox.configurations);
    bytes_put_number(out, config->proxmox.names);
    bytes_put_number(out, config->proxmox.ask_without_definition);
}

static char *
own_string(struct bytes *bytes)
{
    return memory_string(bytes_string(bytes));
}

void
message_source(struct bytes *bytes, struct source_config *config)
{
    *config = (struct source_config){.kind = bytes_choice(bytes, SOURCE_PROXMOX + 1)};
    config->name = own_string(bytes);
    config->libvirt.uri = own_string(bytes);
    config->libvirt.lanes = (unsigned int)bytes_number(bytes);
    config->libvirt.ask_without_definition = bytes_bool(bytes);
    config->libvirt.balloon.enabled = bytes_bool(bytes);
    config->libvirt.balloon.interval_ns = bytes_number(bytes);
    config->libvirt.balloon.max_age_ns = bytes_number(bytes);
    config->socket.path = own_string(bytes);
    config->socket.guest_name = own_string(bytes);
    config->socket.use = bytes_choice(bytes, SOCKET_KEPT + 1);
    config->proxmox.sockets = own_string(bytes);
    config->proxmox.pid_files = own_string(bytes);
    config->proxmox.configurations = own_string(bytes);
    config->proxmox.names = bytes_bool(bytes);
    config->proxmox.ask_without_definition = bytes_bool(bytes);
}

/* --- guests --- */

static void
put_nic(struct text *out, const struct host_nic *nic)
{
    bytes_put_string(out, nic->mac);
    bytes_put_string(out, nic->target);
    bytes_put_string(out, nic->network);
    bytes_put_string(out, nic->model);
}

static void
read_nic(struct bytes *bytes, struct domain_facts *facts)
{
    struct host_nic nic = {.mac = bytes_string(bytes)};

    nic.target = bytes_string(bytes);
    nic.network = bytes_string(bytes);
    nic.model = bytes_string(bytes);
    domain_facts_add_nic(facts, &nic);
}

static void
put_disk(struct text *out, const struct host_disk *disk)
{
    bytes_put_string(out, disk->target);
    bytes_put_string(out, disk->alias);
    bytes_put_string(out, disk->source);
    bytes_put_string(out, disk->serial);
    bytes_put_string(out, disk->place.pci_address);
    bytes_put_number(out, disk->place.bus);
    bytes_put_number(out, disk->place.target);
    bytes_put_number(out, disk->place.unit);
    bytes_put_number(out, disk->shares_place);
}

static void
read_disk(struct bytes *bytes, struct domain_facts *facts)
{
    struct host_disk disk = {.target = bytes_string(bytes)};

    disk.alias = bytes_string(bytes);
    disk.source = bytes_string(bytes);
    disk.serial = bytes_string(bytes);
    disk.place.pci_address = bytes_string(bytes);
    disk.place.bus = bytes_number(bytes);
    disk.place.target = bytes_number(bytes);
    disk.place.unit = bytes_number(bytes);
    disk.shares_place = bytes_bool(bytes);
    domain_facts_add_disk(facts, &disk);
}

static void
read_metadata(struct bytes *bytes, struct domain_facts *facts)
{
    const char *namespace = bytes_string(bytes), *path = bytes_string(bytes);

    domain_facts_add_metadata(facts, namespace, path, bytes_string(bytes));
}

static void
put_definition(struct text *out, const struct domain_facts *facts)
{
    bytes_put_number(out, !!facts);
    if (!facts)
        return;
    bytes_put_number(out, (int64_t)facts->digest);
    bytes_put_string(out, facts->title);
    bytes_put_string(out, facts->tags);
    bytes_put_string(out, facts->ostype);
    bytes_put_block(out, &facts->vcpus, sizeof(facts->vcpus));
    bytes_put_block(out, &facts->memory_bytes, sizeof(facts->memory_bytes));
    bytes_put_number(out, facts->lacks_balloon);
    bytes_put_number(out, (int64_t)facts->host.nics_count);
    for (size_t i = 0; i < facts->host.nics_count; i++)
        put_nic(out, &facts->host.nics[i]);
    bytes_put_number(out, (int64_t)facts->host.disks_count);
    for (size_t i = 0; i < facts->host.disks_count; i++)
        put_disk(out, &facts->host.disks[i]);
    bytes_put_number(out, (int64_t)facts->metadata_count);
    for (size_t i = 0; i < facts->metadata_count; i++) {
        bytes_put_string(out, facts->metadata[i].namespace);
        bytes_put_string(out, facts->metadata[i].path);
        bytes_put_string(out, facts->metadata[i].value);
    }
}

static void
read_text(struct bytes *bytes, char **text)
{
    free(*text);
    *text = domain_facts_text(bytes_string(bytes));
}

static struct domain_facts *
read_definition(struct bytes *bytes)
{
    if (!bytes_bool(bytes))
        return NULL;
    struct domain_facts *facts = domain_facts_new();

    facts->digest = (uint64_t)bytes_number(bytes);
    read_text(bytes, &facts->title);
    read_text(bytes, &facts->tags);
    read_text(bytes, &facts->ostype);
    bytes_copy(bytes, &facts->vcpus, sizeof(facts->vcpus));
    bytes_copy(bytes, &facts->memory_bytes, sizeof(facts->memory_bytes));
    facts->lacks_balloon = bytes_bool(bytes);
    for (size_t i = bytes_choice(bytes, DOMAIN_DEVICES_MAX + 1); i > 0; i--)
        read_nic(bytes, facts);
    for (size_t i = bytes_choice(bytes, DOMAIN_DEVICES_MAX + 1); i > 0; i--)
        read_disk(bytes, facts);
    for (size_t i = bytes_choice(bytes, DOMAIN_METADATA_MAX + 1); i > 0; i--)
        read_metadata(bytes, facts);
    return facts;
}

void
message_put_facts(struct text *out, const struct guest_facts *facts, bool is_news)
{
    bytes_put_string(out, facts->key);
    bytes_put_string(out, facts->name);
    bytes_put_string(out, facts->uuid);
    bytes_put_number(out, facts->incarnation);
    bytes_put_number(out, facts->domain);
    bytes_put_number(out, facts->pause);
    bytes_put_number(out, facts->channel);
    bytes_put_number(out, is_news && facts->just_started);
    bytes_put_number(out, is_news && facts->agent_connected);
    bytes_put_number(out, is_news && facts->agent_disconnected);
    bytes_put_number(out, is_news && facts->agent_recovered);
    bytes_put_number(out, facts->opted_out);
    bytes_put_number(out, facts->channel_is_shared);
    bytes_put_string(out, facts->definition_error);
    bytes_put_string(out, facts->definition_xml);
    put_definition(out, facts->definition);
    bytes_put_block(out, &facts->socket, sizeof(facts->socket));
    bytes_put_string(out, facts->os_hint);
}

void
message_facts(struct bytes *bytes, struct guest_facts *facts)
{
    *facts = (struct guest_facts){.key = bytes_string(bytes)};
    facts->name = bytes_string(bytes);
    facts->uuid = bytes_string(bytes);
    facts->incarnation = bytes_number(bytes);
    facts->domain = bytes_choice(bytes, DOMAIN_MIGRATING + 1);
    facts->pause = bytes_choice(bytes, PAUSE_REASONS);
    facts->channel = bytes_choice(bytes, CHANNEL_UNKNOWN + 1);
    facts->just_started = bytes_bool(bytes);
    facts->agent_connected = bytes_bool(bytes);
    facts->agent_disconnected = bytes_bool(bytes);
    facts->agent_recovered = bytes_bool(bytes);
    facts->opted_out = bytes_bool(bytes);
    facts->channel_is_shared = bytes_bool(bytes);
    facts->definition_error = bytes_string_or_null(bytes);
    facts->definition_xml = bytes_string_or_null(bytes);
    facts->definition = read_definition(bytes);
    bytes_copy(bytes, &facts->socket, sizeof(facts->socket));
    facts->os_hint = bytes_string_or_null(bytes);
}

/* --- answers --- */

void
message_put_answer(struct text *out, const struct answer *answer)
{
    bytes_put_number(out, answer->failure.kind);
    bytes_put_string(out, answer->failure.text);
    bytes_put_number(out, answer->channel);
    bytes_put_number(out, answer->qemu_hangs);
    bytes_put_number(out, answer->sent_ns);
    bytes_put_number(out, answer->received_ns);
    bytes_put_number(out, answer->sent_mono_ns);
    bytes_put_number(out, answer->received_mono_ns);
    bytes_put_number(out, !!answer->reply);
    if (answer->reply)
        bytes_put_block(out, answer->reply, answer->reply_length);
}

static void
read_reply(struct bytes *bytes, struct answer *answer)
{
    const char *reply = bytes_block(bytes, &answer->reply_length);

    if (!reply)
        return;
    answer->reply = memory_new(answer->reply_length + 1, 1);
    memcpy(answer->reply, reply, answer->reply_length);
}

void
message_answer(struct bytes *bytes, struct answer *answer)
{
    *answer = (struct answer){.failure.kind = bytes_choice(bytes, FAILURE_KINDS)};
    failure_set(&answer->failure, answer->failure.kind, "%s", bytes_string(bytes));
    answer->channel = bytes_choice(bytes, CALL_FOUND_CHANNEL_BROKEN + 1);
    answer->qemu_hangs = bytes_choice(bytes, 2) == 1;
    answer->sent_ns = bytes_number(bytes);
    answer->received_ns = bytes_number(bytes);
    answer->sent_mono_ns = bytes_number(bytes);
    answer->received_mono_ns = bytes_number(bytes);
    if (bytes_bool(bytes))
        read_reply(bytes, answer);
}
