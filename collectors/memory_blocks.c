/* Collector memory_blocks: guest-get-memory-block-info and guest-get-memory-blocks, how
 * much of its memory the guest has online.  Not how much is free: the agent cannot
 * tell. */
#include "collector.h"
#include "kit/guest_json.h"
#include "kit/request.h"

static const struct metric memory_block_bytes = {
    .name = "qga_memory_block_size_bytes",
    .help = "Size of one memory block (guest-get-memory-block-info size, cached).",
    .type = METRIC_GAUGE,
};
static const struct metric memory_blocks_bytes = {
    .name = "qga_memory_blocks_bytes",
    .help = "Memory that the guest has in blocks, by state (guest-get-memory-blocks "
            "online × guest-get-memory-block-info size, cached).",
    .type = METRIC_GAUGE,
    .labels = {"state"},
    .series = "2",
};
static const struct metric *const memory_blocks_metrics[] = {
    &memory_block_bytes,
    &memory_blocks_bytes,
    NULL,
};

enum { BLOCK_INFO, BLOCKS };

static const struct query memory_blocks_queries[] = {
    [BLOCK_INFO] = {"guest-get-memory-block-info", ""},
    [BLOCKS] = {"guest-get-memory-blocks", ""},
    {NULL, NULL},
};

/* A reading in progress. */
struct memory_blocks {
    bool have_size;
    double block_bytes;
};

static enum next
memory_blocks_next(enum step step, const json_t *answer, void *memory,
                   struct request *request)
{
    struct memory_blocks *blocks = memory;
    struct failure ignored;
    struct guest_json root;

    request_make(request, &memory_blocks_queries[BLOCK_INFO], 0);
    if (step == STEP_FIRST) {
        *blocks = (struct memory_blocks){.have_size = false};
        return NEXT_REQUEST;
    }
    if (step != STEP_ANSWERED || blocks->have_size)
        return NEXT_OVER;
    guest_json_root(&root, answer, &ignored);
    blocks->have_size =
        guest_json_number(&root, "size", GUEST_REQUIRED, &blocks->block_bytes);
    request_make(request, &memory_blocks_queries[BLOCKS], 0);
    return blocks->have_size ? NEXT_REQUEST : NEXT_OVER;
}

static int
memory_blocks_parse(const json_t *reply, const struct exchange *when,
                    struct samples *out, struct failure *why)
{
    const struct memory_blocks *blocks = when->memory;
    struct guest_json list, block;
    double online_count = 0, offline_count = 0;

    if (!blocks->have_size || !reply) {
        failure_set(why, FAILURE_WRONG_SHAPE,
                    "size: missing, or the agent does not list its memory blocks");
        return -1;
    }
    guest_json_root(&list, reply, why);
    for (size_t i = 0; guest_json_entry(&list, i, &block); i++) {
        bool online;

        guest_json_bool(&block, "online", GUEST_REQUIRED, &online);
        *(online ? &online_count : &offline_count) += 1;
    }
    if (!guest_json_is_whole(&list))
        guest_json_refuse(&list, "memory blocks alone");
    samples_add(out, &memory_block_bytes, blocks->block_bytes, NO_LABELS);
    samples_add(out, &memory_blocks_bytes, online_count * blocks->block_bytes,
                LABELS("online"));
    samples_add(out, &memory_blocks_bytes, offline_count * blocks->block_bytes,
                LABELS("offline"));
    return guest_json_result(&list, out);
}

const struct collector memory_blocks_collector = {
    .name = "memory_blocks",
    .help = "how much of its memory the guest has online",
    .command = "guest-get-memory-block-info",
    .since = "2.3",
    .series = "3",
    .default_interval_s = 600,
    .default_disabled = true, /* a terabyte is 8192 blocks, one by one */
    .metrics = memory_blocks_metrics,
    .memory_bytes = sizeof(struct memory_blocks),
    .parse = memory_blocks_parse,
    .next = memory_blocks_next,
    .queries = memory_blocks_queries,
    .calls = 2,
};
