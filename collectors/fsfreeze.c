/* Collector fsfreeze: guest-fsfreeze-status, whether a backup has frozen the guest. */
#include "collector.h"
#include "kit/guest_json.h"

#include <string.h>

static const struct metric filesystems_frozen = {
    .name = "qga_filesystems_frozen",
    .help = "Whether the guest's filesystems are frozen through its agent, so that "
            "nothing else is asked (guest-fsfreeze-status, cached). A freeze by other "
            "means is not seen.",
    .type = METRIC_GAUGE,
};
static const struct metric *const fsfreeze_metrics[] = {
    &filesystems_frozen,
    NULL,
};

static bool
fsfreeze_is_frozen(const json_t *reply)
{
    const char *status = json_string_value(reply);

    return status && strcmp(status, "frozen") == 0;
}

static int
fsfreeze_parse(const json_t *reply, const struct exchange *when, struct samples *out,
               struct failure *why)
{
    (void)when;
    struct guest_json status;
    guest_json_root(&status, reply, why);
    const char *word = guest_json_as_string(&status);
    if (strcmp(word, "frozen") != 0 && strcmp(word, "thawed") != 0)
        guest_json_refuse(&status, "\"frozen\" or \"thawed\"");
    samples_add(out, &filesystems_frozen, fsfreeze_is_frozen(reply) ? 1 : 0, NO_LABELS);
    return guest_json_result(&status, out);
}

const struct collector fsfreeze_collector = {
    .name = "fsfreeze",
    .help = "whether a backup has frozen the guest's filesystems",
    .command = "guest-fsfreeze-status",
    .since = "0.15",
    .series = "1",
    .default_interval_s = 60,
    .metrics = fsfreeze_metrics,
    .parse = fsfreeze_parse,
    .is_frozen = fsfreeze_is_frozen,
};
