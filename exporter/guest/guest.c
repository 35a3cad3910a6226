/* A guest's life. */
#include "guest/guest.h"

#include "kit/memory.h"
#include "store/exposition.h"

#include <stdlib.h>
#include <string.h>

struct guest *
guest_new(const struct guest_facts *facts, const char *source_name)
{
    struct guest *guest = memory_new(1, sizeof(*guest));

    guest->key = memory_string(facts->key);
    guest->name = memory_string(facts->name);
    guest->uuid = memory_string(facts->uuid);
    guest->identity = exposition_identity(facts->name, source_name);
    guest->source_name = memory_string(source_name ? source_name : "");
    guest->last_state = AGENT_UNKNOWN;
    guest->last_collector = SIZE_MAX;
    for (size_t i = 0; i < collectors_count; i++) {
        if (collectors[i]->memory_bytes > 0 && !collectors[i]->next)
            guest->collectors[i].memory = memory_new(1, collectors[i]->memory_bytes);
    }
    return guest;
}

void
guest_free(struct guest *guest)
{
    if (!guest)
        return;
    for (size_t i = 0; i < collectors_count; i++) {
        novelty_clear(&guest->collectors[i].known);
        free(guest->collectors[i].memory);
        free(guest->collectors[i].words);
    }
    events_clear(&guest->events);
    domain_facts_unref(guest->definition);
    free(guest->addresses);
    free(guest->source_name);
    free(guest->identity);
    free(guest->uuid);
    free(guest->listed_name);
    free(guest->name);
    free(guest->key);
    free(guest);
}

unsigned int
guest_identify(struct guest *guest, const char *uuid)
{
    if (strcmp(guest->uuid, uuid) == 0)
        return 0;
    free(guest->uuid);
    guest->uuid = memory_string(uuid);
    return GUEST_DEFINITION | GUEST_RECORD;
}

unsigned int
guest_define(struct guest *guest, struct domain_facts *definition)
{
    if (!definition || domain_facts_are_same(guest->definition, definition))
        return 0;
    domain_facts_unref(guest->definition);
    guest->definition = domain_facts_ref(definition);
    for (size_t i = 0; i < collectors_count; i++)
        guest->collectors[i].reply_hash = 0; /* what joins with it is read again */
    return GUEST_DEFINITION | GUEST_RECORD;
}

unsigned int
guest_locate(struct guest *guest, const struct discovery_address *addresses,
             size_t count)
{
    guest->addresses =
        memory_resize(guest->addresses, count > 0 ? count : 1, sizeof(*addresses));
    if (count > 0)
        memcpy(guest->addresses, addresses, count * sizeof(*addresses));
    guest->addresses_count = count;
    return GUEST_RECORD;
}

const char *
guest_os_id(const struct guest *guest)
{
    return *guest->software.os_id ? guest->software.os_id : guest->os_hint;
}

bool
guest_facts_are_called(const struct guest_facts *facts, const char *word)
{
    return strcmp(facts->name, word) == 0 || strcmp(facts->uuid, word) == 0 ||
           strcmp(facts->key, word) == 0 ||
           strcmp(domain_facts_title(facts->definition), word) == 0;
}

bool
guest_is_called(const struct guest *guest, const char *word)
{
    const struct guest_facts facts = {
        .key = guest->key,
        .name = guest->name,
        .uuid = guest->uuid,
        .definition = guest->definition,
    };

    return guest_facts_are_called(&facts, word);
}

bool
guest_is_askable(const struct guest *guest)
{
    return guest->source_is_up && guest->domain == DOMAIN_RUNNING &&
           guest->channel == CHANNEL_CONNECTED && !guest->opted_out;
}

const struct request *
guest_converse(struct guest *guest, size_t index)
{
    struct guest_collector *state = &guest->collectors[index];

    if (!state->memory)
        state->memory = memory_new(1, collectors[index]->memory_bytes);
    return conversation_request(collectors[index], &state->conversation, state->memory);
}

void
guest_note_words(struct guest_collector *collector, const char *words)
{
    free(collector->words);
    collector->words = *words ? memory_string(words) : NULL;
}

/* What a conversation has left open in the guest is tidied up first, in case it is the
 * same agent after all. */
static void
forget_collector(const struct collector *collector, struct guest_collector *state,
                 bool is_new, int64_t now_ns)
{
    if (is_new && now_ns - state->quarantined_ns >= GUEST_QUARANTINE_NS)
        state->quarantined = false;
    state->asked = false;
    guest_note_words(state, "");
    state->unsettled = state->unsettled && !is_new;
    state->status = COMMAND_UNKNOWN;
    state->reply_hash = 0;
    if (!conversation_interrupt(collector, &state->conversation, state->memory, is_new))
        return;
    if (state->memory && !collector->next) {
        memset(state->memory, 0, collector->memory_bytes);
        return;
    }
    free(state->memory); /* the next conversation makes it anew */
    state->memory = NULL;
}

void
guest_forget_agent(struct guest *guest, bool is_new, int64_t now_ns)
{
    guest->answered = false;
    guest->last_collector = SIZE_MAX;
    guest->freeze = (struct freeze){.frozen = false};
    guest->last_failure.kind = FAILURE_NONE;
    guest->qemu_hangs = false;
    for (size_t i = 0; i < collectors_count; i++)
        forget_collector(collectors[i], &guest->collectors[i], is_new, now_ns);
}
