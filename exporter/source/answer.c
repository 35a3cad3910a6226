/* The times are those of the refusal. */
#include "source/answer.h"

#include "base/clock.h"

struct answer
answer_unsent(enum failure_kind kind, const char *why)
{
    struct answer answer = {.sent_ns = clock_realtime_ns(),
                            .sent_mono_ns = clock_monotonic_ns()};

    answer.received_ns = answer.sent_ns;
    answer.received_mono_ns = answer.sent_mono_ns;
    failure_set(&answer.failure, kind, "%s", why);
    return answer;
}
