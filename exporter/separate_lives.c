/* Ends are counted, whatever they were. */
#include "separate_lives.h"

#include <sys/wait.h>

void
lives_start(struct lives *lives)
{
    lives->has_begun = false;
}

void
lives_begin(struct lives *lives)
{
    lives->has_begun = lives->has_ever_begun = true;
}

static bool
ends_too_often(struct lives *lives, int64_t now_ns)
{
    int64_t *oldest_ns = &lives->ended_ns[lives->ends % LIVES_ENDS_MAX];
    bool too_often =
        lives->ends >= LIVES_ENDS_MAX && now_ns - *oldest_ns < LIVES_ENDS_NS;

    *oldest_ns = now_ns;
    lives->ends++;
    return too_often;
}

enum fate
lives_end(struct lives *lives, int status, int64_t now_ns)
{
    bool could_not_begin = WIFEXITED(status) && !lives->has_begun;

    if (could_not_begin && !lives->has_ever_begun)
        return FATE_ALL_END;
    if (ends_too_often(lives, now_ns))
        return FATE_NO_MORE;
    return could_not_begin ? FATE_AGAIN_LATER : FATE_AGAIN;
}

const char *
lives_message(enum fate fate)
{
    static const char *const messages[] = {
        [FATE_ALL_END] = NULL, /* it has told its reason */
        [FATE_AGAIN] = "a part of the exporter has died; it is started anew",
        [FATE_AGAIN_LATER] =
            "a part of the exporter cannot begin; it is tried again in 3 s",
        [FATE_NO_MORE] = "a part of the exporter has died too often",
    };

    return messages[fate];
}
