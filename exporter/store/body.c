/* Puts fragments together. */
#include "store/body.h"

#include "kit/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES_MAX ((size_t)64 << 10)

void
body_slot_init(struct body_slot *slot, const struct metric *const *families)
{
    while (families[slot->families])
        slot->families++;
    slot->headers = memory_new(slot->families, sizeof(*slot->headers));
    for (size_t i = 0; i < slot->families; i++) {
        slot->headers[i] = TEXT_INIT(HEADER_BYTES_MAX);
        exposition_header(&slot->headers[i], families[i]);
    }
}

void
body_slot_clear(struct body_slot *slot)
{
    for (size_t i = 0; i < slot->families; i++)
        text_free(&slot->headers[i]);
    free(slot->headers);
}

static size_t
bytes_max(const struct body_slot *slots, size_t slots_count,
          struct fragment *const *fragments, size_t fragments_count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < slots_count; i++)
        for (size_t family = 0; family < slots[i].families; family++)
            bytes += slots[i].headers[family].length;
    for (size_t i = 0; i < fragments_count; i++)
        bytes += fragments[i]->offsets[fragments[i]->families];
    return bytes;
}

/* The header and all guests' slices of one family; nothing if there is no series. */
static char *
copy_family(char *out, const struct text *header, struct fragment *const *fragments,
            size_t count, size_t family)
{
    bool started = false;

    for (size_t i = 0; i < count; i++) {
        const size_t *offsets = fragments[i]->offsets + family;
        size_t length = offsets[1] - offsets[0];

        if (length == 0)
            continue;
        if (!started)
            out = mempcpy(out, header->bytes, header->length);
        started = true;
        out = mempcpy(out, fragments[i]->text + offsets[0], length);
    }
    return out;
}

struct body *
body_new(const struct body_slot *slots, size_t slots_count,
         struct fragment *const *fragments, const size_t *slot_ends,
         const struct text *trailer)
{
    size_t count = slots_count > 0 ? slot_ends[slots_count - 1] : 0, start = 0;
    struct body *body = memory_new(1, sizeof(*body));

    atomic_init(&body->references, 1);
    body->bytes = memory_resize(
        NULL, bytes_max(slots, slots_count, fragments, count) + trailer->length, 1);
    char *out = body->bytes;

    for (size_t slot = 0; slot < slots_count; slot++) {
        size_t shown = slot_ends[slot] - start;

        for (size_t family = 0; shown > 0 && family < slots[slot].families; family++)
            out = copy_family(out, &slots[slot].headers[family], fragments + start,
                              shown, family);
        start = slot_ends[slot];
    }
    if (trailer->length > 0)
        out = mempcpy(out, trailer->bytes, trailer->length);
    body->length = (size_t)(out - body->bytes);
    return body;
}

struct body *
body_ref(struct body *body)
{
    atomic_fetch_add_explicit(&body->references, 1, memory_order_relaxed);
    return body;
}

void
body_unref(struct body *body)
{
    if (!body)
        return;
    if (atomic_fetch_sub_explicit(&body->references, 1, memory_order_acq_rel) != 1)
        return;
    free(body->bytes);
    free(body);
}
