/* Frozen, or disabled? */
#include "guest/freeze.h"

/* A freeze seldom begins between two calls of one visit; it does between two visits. */
#define THAW_TRUST_NS (INT64_C(10) * 1000 * 1000 * 1000)

/* So many refusals in a row are believed however long ago the guest said that it is
 * thawed: where calls are few, its word is never fresh. */
#define REFUSALS_BELIEVED 3

void
freeze_learn(struct freeze *freeze, bool frozen, int64_t now_ns)
{
    /* That explains what was refused: the next refusal may be another freeze's. */
    for (size_t i = 0; i < COLLECTORS_MAX && frozen; i++)
        freeze_worked(freeze, i);
    if (!frozen)
        freeze->thawed_ns = now_ns;
    freeze->frozen = frozen;
    freeze->cannot_tell = false;
}

void
freeze_learn_nothing(struct freeze *freeze, int64_t now_ns)
{
    freeze_learn(freeze, false, now_ns);
    freeze->cannot_tell = true;
}

void
freeze_may_be_asked(struct freeze *freeze, bool may_be)
{
    freeze->untold = !may_be;
    freeze->frozen = freeze->frozen && may_be;
}

void
freeze_worked(struct freeze *freeze, size_t collector)
{
    freeze->refusals[collector].first_ns = 0;
    freeze->refusals[collector].count = 0;
}

/* Whether the agent has denied it lately. */
static bool
is_ruled_out(const struct freeze *freeze, int64_t now_ns)
{
    return !freeze->frozen && freeze->thawed_ns != 0 &&
           now_ns - freeze->thawed_ns < THAW_TRUST_NS;
}

enum failure_kind
freeze_explain(const struct freeze *freeze, size_t collector, int64_t now_ns)
{
    int64_t first_ns = freeze->refusals[collector].first_ns;
    bool believed = freeze->refusals[collector].count >= REFUSALS_BELIEVED;

    if (!freeze->untold)
        believed = first_ns != 0 && freeze->thawed_ns > first_ns &&
                   (believed || is_ruled_out(freeze, now_ns));
    return believed ? FAILURE_DISABLED : FAILURE_FROZEN;
}

void
freeze_note_refusal(struct freeze *freeze, size_t collector, int64_t now_ns)
{
    if (freeze->refusals[collector].first_ns == 0)
        freeze->refusals[collector].first_ns = now_ns;
    freeze->refusals[collector].count++;
}

/* Hardly anybody disables the command by which a silent agent is probed. */
bool
freeze_lists(const struct collector *lister, const json_t *list)
{
    return lister->command_status(list, collector_probe->command) == COMMAND_DISABLED;
}

enum freeze_step
freeze_step(const struct freeze *freeze, enum failure_kind outcome, bool restricted,
            bool agent_said_so, int64_t now_ns)
{
    bool ruled_out = is_ruled_out(freeze, now_ns);

    if (freeze->untold)
        return FREEZE_NO_STEP;
    if (restricted)
        return ruled_out ? FREEZE_OVER : FREEZE_NO_STEP;
    if (!freeze->frozen && outcome != FAILURE_FROZEN)
        return FREEZE_NO_STEP;
    /* One that says both, frozen and not, may say both for ever. */
    return ruled_out && agent_said_so ? FREEZE_ASK_LATER : FREEZE_ASK;
}
