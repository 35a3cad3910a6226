/* Puts fragments together. */
#include "store/body.h"

#include "kit/memory.h"
#include "store/gzip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES_MAX ((size_t)64 << 10)

/* Memory is had in such steps, so that it serves again though numbers get longer, and
 * for a body of so much less at most. */
#define ROOM_STEP_BYTES ((size_t)64 << 10)
#define WASTE_PART 4

void
body_slot_init(struct body_slot *slot, const struct metric *const *families)
{
    slot->families = families_count(families);
    slot->headers =
        memory_new(EXPOSITION_FORMATS * slot->families, sizeof(*slot->headers));
    for (size_t i = 0; i < EXPOSITION_FORMATS * slot->families; i++) {
        slot->headers[i] = TEXT_INIT(HEADER_BYTES_MAX);
        exposition_header(&slot->headers[i], families[i % slot->families],
                          (enum exposition_format)(i / slot->families));
    }
}

void
body_slot_clear(struct body_slot *slot)
{
    for (size_t i = 0; i < EXPOSITION_FORMATS * slot->families; i++)
        text_free(&slot->headers[i]);
    free(slot->headers);
}

static const struct text *
header_of(const struct body_recipe *recipe, size_t slot, size_t family)
{
    const struct body_slot *of = &recipe->slots[slot];

    return &of->headers[(size_t)recipe->format * of->families + family];
}

static size_t
bytes_max(const struct body_recipe *recipe)
{
    size_t bytes = strlen(exposition_end(recipe->format)), start = 0;

    for (size_t slot = 0; slot < recipe->slots_count; slot++) {
        for (size_t family = 0; family < recipe->slots[slot].families; family++)
            bytes += header_of(recipe, slot, family)->length;
        for (size_t i = start; i < recipe->slot_ends[slot]; i++)
            bytes += recipe->fragments[i]->offsets[recipe->fragments[i]->families];
        start = recipe->slot_ends[slot];
    }
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

static bool
has_room(const struct body *spare, size_t bytes)
{
    return spare && spare->room >= bytes && spare->room - bytes <= bytes / WASTE_PART &&
           atomic_load_explicit(&spare->references, memory_order_acquire) == 1;
}

/* Takes the spare. */
static void
body_reserve(struct body *body, size_t bytes, struct body *spare)
{
    if (has_room(spare, bytes)) {
        body->bytes = spare->bytes;
        body->room = spare->room;
        spare->bytes = NULL;
    }
    body_unref(spare);
    if (body->bytes)
        return;
    body->room = (bytes / ROOM_STEP_BYTES + 1) * ROOM_STEP_BYTES;
    body->bytes = memory_resize(NULL, body->room, 1);
}

struct body *
body_new(const struct body_recipe *recipe, struct body *spare)
{
    struct body *body = memory_new(1, sizeof(*body));
    const char *end = exposition_end(recipe->format);
    const bool *wanted = recipe->wanted;
    size_t start = 0;

    atomic_init(&body->references, 1);
    body_reserve(body, bytes_max(recipe), spare);
    char *out = body->bytes;

    for (size_t slot = 0; slot < recipe->slots_count; slot++) {
        size_t families = recipe->slots[slot].families;
        size_t count = recipe->slot_ends[slot] - start;

        for (size_t family = 0; family < families && count > 0; family++)
            if (!wanted || wanted[family])
                out = copy_family(out, header_of(recipe, slot, family),
                                  recipe->fragments + start, count, family);
        wanted = wanted ? wanted + families : NULL;
        start = recipe->slot_ends[slot];
    }
    out = mempcpy(out, end, strlen(end));
    body->length = (size_t)(out - body->bytes);
    return body;
}

struct body *
body_new_gzip(const struct body *plain)
{
    struct body *body = memory_new(1, sizeof(*body));

    atomic_init(&body->references, 1);
    body->bytes = gzip_compress(plain->bytes, plain->length, &body->length);
    return body;
}

struct body *
body_new_text(struct text *text)
{
    struct body *body = memory_new(1, sizeof(*body));

    atomic_init(&body->references, 1);
    body->bytes = text_take(text, &body->length);
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
    shelf_take(&body->place);
    free(body->bytes);
    free(body);
}
