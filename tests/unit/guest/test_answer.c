/* What an answer says of its guest: each situation of a guest, and in it each kind of
 * answer that can come. */
#include "guest/answer.h"

#include "guest/state.h"
#include "kit/hash.h"
#include "unit/guest/answers.h"

/* --- guests --- */

enum situation {
    NEW,         /* never asked */
    STARTING,    /* ... and only just started */
    WELL,        /* it answers, vcpu as VCPUS; was thawed a minute ago */
    OFF,         /* ... and its collectors are off: it is only probed */
    SILENT,      /* the last call was not answered */
    FROZEN,      /* by its own word; only asked for that */
    HELD,        /* ... and not even that */
    REFUSED,     /* vcpu was called disabled; it is asked whether it is frozen */
    DENIED,      /* ... and it has denied that */
    REFUSED_2,   /* vcpu was called disabled twice; it has denied a freeze long ago */
    REFUSED_3,   /* ... three times */
    RESTARTED,   /* it was well; its agent has restarted */
    OVERTAKEN,   /* ... while the call was on its way */
    TALKING,     /* procfs waits for its first handle */
    READING,     /* ... has it, and waits for what is in the file */
    INTERRUPTED, /* ... and the agent may be another now */
    GONE,
};

static void
be_well(struct guest *guest)
{
    size_t vcpu = index_of("vcpu");

    guest->answered = true;
    guest->freeze.thawed_ns = NOW - 60 * S;
    guest->last_collector = vcpu;
    guest->collectors[vcpu].asked = guest->collectors[vcpu].success = true;
    guest->collectors[vcpu].status = COMMAND_ENABLED;
    guest->collectors[vcpu].series = 1;
    guest->collectors[vcpu].reply_hash =
        hash_bytes(HASH_START, VCPUS, strlen(VCPUS)) | 1;
}

static void
be_refused(struct guest *guest, unsigned int times, int64_t first_ns, int64_t denied_ns)
{
    size_t vcpu = index_of("vcpu");

    be_well(guest);
    guest->collectors[vcpu].reply_hash = 0;
    guest->freeze.refusals[vcpu].count = times;
    guest->freeze.refusals[vcpu].first_ns = first_ns;
    guest->freeze.thawed_ns = denied_ns;
}

static void
talk(struct guest *guest)
{
    size_t procfs = index_of("procfs");

    be_well(guest);
    (void)guest_converse(guest, procfs);
}

/* The file is open; now it is to be read. */
static void
read_on(struct guest *guest)
{
    size_t procfs = index_of("procfs");
    struct guest_collector *state = &guest->collectors[procfs];
    json_auto_t *handle = json_integer(7);

    state->conversation.duration_ns = S / 100;
    (void)conversation_answer(collectors[procfs], &state->conversation, state->memory,
                              FAILURE_NONE, handle, false);
    (void)guest_converse(guest, procfs);
}

static void
put_into(struct guest *guest, enum situation situation)
{
    switch (situation) {
    case NEW:
        break;
    case STARTING:
        guest->started_ns = NOW - S;
        break;
    case WELL:
    case OFF:
        be_well(guest);
        break;
    case SILENT:
        be_well(guest);
        guest->last_failure.kind = FAILURE_TIMEOUT;
        guest->schedule.suspect = true;
        break;
    case FROZEN:
    case HELD:
        be_well(guest);
        guest->freeze.frozen = guest->schedule.restricted = true;
        guest->schedule.held = situation == HELD;
        break;
    case REFUSED:
        be_refused(guest, 1, NOW - S, NOW - 60 * S);
        guest->schedule.restricted = true;
        break;
    case DENIED:
        be_refused(guest, 1, NOW - 2 * S, NOW - S);
        break;
    case REFUSED_2:
    case REFUSED_3:
        be_refused(guest, situation == REFUSED_2 ? 2 : 3, NOW - 99 * S, NOW - 50 * S);
        break;
    case RESTARTED:
        be_well(guest);
        guest_forget_agent(guest, true, NOW);
        break;
    case OVERTAKEN:
        be_well(guest);
        guest->schedule.epoch++;
        break;
    case TALKING:
        talk(guest);
        break;
    case READING:
        talk(guest);
        read_on(guest);
        break;
    case INTERRUPTED:
        talk(guest);
        guest_forget_agent(guest, false, NOW);
        guest->schedule.epoch++;
        break;
    case GONE:
        be_well(guest);
        guest->gone = true;
        break;
    }
}

/* --- the table --- */

struct row {
    enum situation situation;
    const char *collector;
    const char *reply; /* or NULL, and why there is none */
    enum failure_kind failure;

    enum failure_kind outcome;
    enum answer_series series;
    enum freeze_step freeze;
    enum agent_state state;     /* of the guest from then on */
    enum command_status status; /* of the command from then on */
    bool goes_on, unsettled, record;
};

#define SAYS(reply) reply, FAILURE_NONE
#define LOST(kind) NULL, FAILURE_##kind
#define IS(what, fate, step, word, known)                                              \
    .outcome = FAILURE_##what, .series = SERIES_##fate, .freeze = FREEZE_##step,       \
    .state = AGENT_##word, .status = COMMAND_##known

/* clang-format off */
static const struct row rows[] = {
    {NEW, "vcpu", SAYS(VCPUS), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED)},
    {NEW, "vcpu", SAYS(NO_SHAPE), IS(WRONG_SHAPE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {NEW, "vcpu", SAYS(NOTHING), IS(WRONG_SHAPE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {NEW, "vcpu", SAYS(NO_REPLY), IS(MALFORMED, AS_BEFORE, NO_STEP, MALFORMED, UNKNOWN)},
    {NEW, "clock", SAYS(NOTHING), IS(WRONG_SHAPE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {NEW, "vcpu", SAYS(GARBAGE), IS(MALFORMED, AS_BEFORE, NO_STEP, MALFORMED, UNKNOWN)},
    {NEW, "vcpu", SAYS(HALF), IS(MALFORMED, AS_BEFORE, NO_STEP, MALFORMED, UNKNOWN)},
    {NEW, "vcpu", SAYS(""), IS(MALFORMED, AS_BEFORE, NO_STEP, MALFORMED, UNKNOWN)},
    {NEW, "vcpu", SAYS(NOT_FOUND), IS(UNSUPPORTED, WITHDRAWN, NO_STEP, RESPONSIVE, MISSING)},
    {NEW, "vcpu", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, ASK, UNKNOWN, UNKNOWN)},
    {NEW, "vcpu", SAYS(SAYS_FROZEN), IS(FROZEN, AS_BEFORE, ASK, FROZEN, UNKNOWN)},
    {NEW, "vcpu", SAYS(REFUSES), IS(AGENT_ERROR, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {NEW, "vcpu", LOST(TOO_LARGE), IS(TOO_LARGE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {NEW, "vcpu", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNRESPONSIVE, UNKNOWN)},
    {NEW, "vcpu", LOST(HELD), IS(HELD, AS_BEFORE, NO_STEP, UNRESPONSIVE, UNKNOWN)},
    {NEW, "vcpu", LOST(DISCONNECTED), IS(DISCONNECTED, AS_BEFORE, NO_STEP, DISCONNECTED, UNKNOWN)},
    {NEW, "vcpu", LOST(ABSENT), IS(ABSENT, AS_BEFORE, NO_STEP, UNCONFIGURED, UNKNOWN)},
    {NEW, "vcpu", LOST(BUSY), IS(BUSY, AS_BEFORE, NO_STEP, BUSY, UNKNOWN)},
    {NEW, "vcpu", LOST(DENIED), IS(DENIED, AS_BEFORE, NO_STEP, DENIED, UNKNOWN)},
    {NEW, "vcpu", LOST(NOT_RUNNING), IS(NOT_RUNNING, AS_BEFORE, NO_STEP, PAUSED, UNKNOWN)},
    {NEW, "vcpu", LOST(UNAVAILABLE), IS(UNAVAILABLE, AS_BEFORE, NO_STEP, UNKNOWN, UNKNOWN)},
    {NEW, "fsfreeze", SAYS(THAWED_STATUS), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED)},
    {NEW, "fsfreeze", SAYS(FROZEN_STATUS), IS(NONE, NEW, ASK, FROZEN, ENABLED)},
    {NEW, "fsfreeze", SAYS(NOT_FOUND), IS(UNSUPPORTED, WITHDRAWN, NO_STEP, RESPONSIVE, MISSING)},
    {NEW, "fsfreeze", SAYS(DISABLED), IS(DISABLED, WITHDRAWN, NO_STEP, RESPONSIVE, DISABLED)},
    {NEW, "os", SAYS(OS), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED), .record = true},
    {NEW, "os", SAYS(NOT_FOUND), IS(UNSUPPORTED, WITHDRAWN, NO_STEP, RESPONSIVE, MISSING)},

    {STARTING, "clock", SAYS(TIME), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED)},
    {STARTING, "clock", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, STARTING, UNKNOWN)},
    {STARTING, "clock", LOST(DISCONNECTED), IS(DISCONNECTED, AS_BEFORE, NO_STEP, STARTING, UNKNOWN)},
    {STARTING, "clock", SAYS(GARBAGE), IS(MALFORMED, AS_BEFORE, NO_STEP, STARTING, UNKNOWN)},

    {WELL, "vcpu", SAYS(VCPUS), IS(NONE, RENEWED, NO_STEP, RESPONSIVE, ENABLED)},
    {WELL, "vcpu", SAYS(OTHER_VCPUS), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED)},
    {WELL, "vcpu", SAYS(NO_SHAPE), IS(WRONG_SHAPE, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {WELL, "vcpu", SAYS(NOTHING), IS(WRONG_SHAPE, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {WELL, "vcpu", SAYS(NO_REPLY), IS(MALFORMED, AS_BEFORE, NO_STEP, MALFORMED, ENABLED)},
    {WELL, "vcpu", SAYS(GARBAGE), IS(MALFORMED, AS_BEFORE, NO_STEP, MALFORMED, ENABLED)},
    {WELL, "vcpu", SAYS(NOT_FOUND), IS(UNSUPPORTED, WITHDRAWN, NO_STEP, RESPONSIVE, MISSING)},
    {WELL, "vcpu", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, ASK, RESPONSIVE, ENABLED)},
    {WELL, "vcpu", SAYS(SAYS_FROZEN), IS(FROZEN, AS_BEFORE, ASK, FROZEN, ENABLED)},
    {WELL, "vcpu", SAYS(REFUSES), IS(AGENT_ERROR, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {WELL, "vcpu", LOST(FROZEN), IS(FROZEN, AS_BEFORE, ASK, FROZEN, ENABLED)},
    {WELL, "vcpu", LOST(DISABLED), IS(FROZEN, AS_BEFORE, ASK, RESPONSIVE, ENABLED)},
    {WELL, "vcpu", LOST(UNSUPPORTED), IS(UNSUPPORTED, WITHDRAWN, NO_STEP, RESPONSIVE, MISSING)},
    {WELL, "vcpu", LOST(MALFORMED), IS(MALFORMED, AS_BEFORE, NO_STEP, MALFORMED, ENABLED)},
    {WELL, "vcpu", LOST(TOO_LARGE), IS(TOO_LARGE, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {WELL, "vcpu", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNRESPONSIVE, ENABLED)},
    {WELL, "vcpu", LOST(HELD), IS(HELD, AS_BEFORE, NO_STEP, UNRESPONSIVE, ENABLED)},
    {WELL, "vcpu", LOST(DISCONNECTED), IS(DISCONNECTED, AS_BEFORE, NO_STEP, DISCONNECTED, ENABLED)},
    {WELL, "vcpu", LOST(BUSY), IS(BUSY, AS_BEFORE, NO_STEP, BUSY, ENABLED)},
    {WELL, "vcpu", LOST(DENIED), IS(DENIED, AS_BEFORE, NO_STEP, DENIED, ENABLED)},
    {WELL, "vcpu", LOST(NOT_RUNNING), IS(NOT_RUNNING, AS_BEFORE, NO_STEP, PAUSED, ENABLED)},
    {WELL, "vcpu", LOST(UNAVAILABLE), IS(UNAVAILABLE, AS_BEFORE, NO_STEP, UNKNOWN, ENABLED)},
    {WELL, "clock", SAYS(TIME), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED)},
    {WELL, "fsfreeze", SAYS(FROZEN_STATUS), IS(NONE, NEW, ASK, FROZEN, ENABLED)},
    {WELL, "fsfreeze", SAYS(NO_SHAPE), IS(WRONG_SHAPE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {WELL, "agent", SAYS(COMMANDS("true")), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED), .record = true},

    {OFF, "vcpu", SAYS(VCPUS), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {OFF, "clock", SAYS(TIME), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {OFF, "clock", SAYS(GARBAGE), IS(MALFORMED, AS_BEFORE, NO_STEP, MALFORMED, UNKNOWN)},
    {OFF, "clock", SAYS(NOT_FOUND), IS(UNSUPPORTED, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {OFF, "clock", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNRESPONSIVE, UNKNOWN)},
    {OFF, "fsfreeze", SAYS(FROZEN_STATUS), IS(NONE, AS_BEFORE, ASK, FROZEN, UNKNOWN)},

    {SILENT, "clock", SAYS(TIME), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED)},
    {SILENT, "clock", SAYS(NOTHING), IS(WRONG_SHAPE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {SILENT, "clock", SAYS(REFUSES), IS(AGENT_ERROR, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},
    {SILENT, "clock", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNRESPONSIVE, UNKNOWN)},
    {SILENT, "clock", LOST(BUSY), IS(BUSY, AS_BEFORE, NO_STEP, BUSY, UNKNOWN)},
    {SILENT, "clock", LOST(DISCONNECTED), IS(DISCONNECTED, AS_BEFORE, NO_STEP, DISCONNECTED, UNKNOWN)},
    /* Perhaps frozen, perhaps not: it still counts as what it was. */
    {SILENT, "clock", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, ASK, UNRESPONSIVE, UNKNOWN)},

    {FROZEN, "fsfreeze", SAYS(FROZEN_STATUS), IS(NONE, NEW, NO_STEP, FROZEN, ENABLED)},
    {FROZEN, "fsfreeze", SAYS(THAWED_STATUS), IS(NONE, NEW, OVER, RESPONSIVE, ENABLED)},
    {FROZEN, "fsfreeze", SAYS(NOT_FOUND), IS(UNSUPPORTED, WITHDRAWN, OVER, RESPONSIVE, MISSING)},
    {FROZEN, "fsfreeze", SAYS(DISABLED), IS(DISABLED, WITHDRAWN, OVER, RESPONSIVE, DISABLED)},
    {FROZEN, "fsfreeze", SAYS(REFUSES), IS(AGENT_ERROR, AS_BEFORE, OVER, RESPONSIVE, UNKNOWN)},
    {FROZEN, "fsfreeze", SAYS(NOTHING), IS(WRONG_SHAPE, AS_BEFORE, OVER, RESPONSIVE, UNKNOWN)},
    {FROZEN, "fsfreeze", SAYS(GARBAGE), IS(MALFORMED, AS_BEFORE, OVER, MALFORMED, UNKNOWN)},
    {FROZEN, "fsfreeze", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNRESPONSIVE, UNKNOWN)},
    {FROZEN, "fsfreeze", LOST(BUSY), IS(BUSY, AS_BEFORE, NO_STEP, BUSY, UNKNOWN)},
    {FROZEN, "vcpu", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, NO_STEP, FROZEN, ENABLED)},
    {FROZEN, "vcpu", SAYS(OTHER_VCPUS), IS(NONE, NEW, NO_STEP, FROZEN, ENABLED)},
    {HELD, "fsfreeze", SAYS(THAWED_STATUS), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED)},
    {HELD, "fsfreeze", SAYS(FROZEN_STATUS), IS(NONE, NEW, NO_STEP, FROZEN, ENABLED)},

    {REFUSED, "fsfreeze", SAYS(THAWED_STATUS), IS(NONE, NEW, OVER, RESPONSIVE, ENABLED)},
    {REFUSED, "fsfreeze", SAYS(FROZEN_STATUS), IS(NONE, NEW, NO_STEP, FROZEN, ENABLED)},
    {REFUSED, "fsfreeze", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNRESPONSIVE, UNKNOWN)},
    {REFUSED, "vcpu", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {DENIED, "vcpu", SAYS(DISABLED), IS(DISABLED, WITHDRAWN, NO_STEP, RESPONSIVE, DISABLED)},
    {DENIED, "vcpu", SAYS(VCPUS), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED)},
    {DENIED, "vcpu", SAYS(SAYS_FROZEN), IS(FROZEN, AS_BEFORE, ASK_LATER, FROZEN, ENABLED)},
    {DENIED, "os", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, ASK, RESPONSIVE, UNKNOWN)},
    {REFUSED_2, "vcpu", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, ASK, RESPONSIVE, ENABLED)},
    {REFUSED_3, "vcpu", SAYS(DISABLED), IS(DISABLED, WITHDRAWN, NO_STEP, RESPONSIVE, DISABLED)},

    {RESTARTED, "vcpu", SAYS(VCPUS), IS(NONE, NEW, NO_STEP, RESPONSIVE, ENABLED)},
    {RESTARTED, "vcpu", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, ASK, UNKNOWN, UNKNOWN)},
    {RESTARTED, "vcpu", SAYS(NOT_FOUND), IS(UNSUPPORTED, WITHDRAWN, NO_STEP, RESPONSIVE, MISSING)},
    {RESTARTED, "vcpu", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNRESPONSIVE, UNKNOWN)},

    {OVERTAKEN, "vcpu", SAYS(OTHER_VCPUS), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {OVERTAKEN, "vcpu", SAYS(NOT_FOUND), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {OVERTAKEN, "vcpu", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {OVERTAKEN, "vcpu", LOST(DISABLED), IS(DISABLED, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {OVERTAKEN, "fsfreeze", SAYS(FROZEN_STATUS), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN)},

    {TALKING, "procfs", SAYS(HANDLE), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN), .goes_on = true},
    {TALKING, "procfs", SAYS(REFUSES), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN), .goes_on = true},
    {TALKING, "procfs", SAYS(GARBAGE), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN), .goes_on = true},
    {TALKING, "procfs", SAYS(NOT_FOUND), IS(UNSUPPORTED, WITHDRAWN, NO_STEP, RESPONSIVE, MISSING)},
    {TALKING, "procfs", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, ASK, RESPONSIVE, UNKNOWN), .goes_on = true},
    {TALKING, "procfs", SAYS(SAYS_FROZEN), IS(FROZEN, AS_BEFORE, ASK, FROZEN, UNKNOWN), .goes_on = true},
    {TALKING, "procfs", LOST(BUSY), IS(BUSY, AS_BEFORE, NO_STEP, BUSY, UNKNOWN), .goes_on = true},
    /* Open, but by which handle? */
    {TALKING, "procfs", SAYS(NO_SHAPE), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN), .unsettled = true},
    {TALKING, "procfs", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNRESPONSIVE, UNKNOWN), .unsettled = true},
    {TALKING, "procfs", LOST(DISCONNECTED), IS(DISCONNECTED, AS_BEFORE, NO_STEP, DISCONNECTED, UNKNOWN), .unsettled = true},
    /* From here on it has a file to close, whatever it is told. */
    {READING, "procfs", SAYS(NO_SHAPE), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN), .goes_on = true},
    {READING, "procfs", SAYS(NOT_FOUND), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, UNKNOWN), .goes_on = true},
    {READING, "procfs", SAYS(DISABLED), IS(FROZEN, AS_BEFORE, ASK, RESPONSIVE, UNKNOWN), .goes_on = true},
    {READING, "procfs", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNRESPONSIVE, UNKNOWN), .goes_on = true},
    /* What it has opened is closed, though nobody wants to read it any more. */
    {INTERRUPTED, "procfs", SAYS(HANDLE), IS(NONE, AS_BEFORE, NO_STEP, UNKNOWN, UNKNOWN), .goes_on = true},
    {INTERRUPTED, "procfs", SAYS(REFUSES), IS(NONE, AS_BEFORE, NO_STEP, UNKNOWN, UNKNOWN)},
    {INTERRUPTED, "procfs", LOST(TIMEOUT), IS(TIMEOUT, AS_BEFORE, NO_STEP, UNKNOWN, UNKNOWN), .unsettled = true},

    {GONE, "vcpu", SAYS(OTHER_VCPUS), IS(NONE, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
    {GONE, "vcpu", LOST(FROZEN), IS(FROZEN, AS_BEFORE, NO_STEP, RESPONSIVE, ENABLED)},
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(ROWS >= 60, "each situation, and each kind of answer");

static unsigned int
changed_by(const struct row *row)
{
    unsigned int changed = GUEST_COUNTS;

    if (row->situation == GONE)
        return 0;
    if (row->outcome != FAILURE_NONE)
        changed |= GUEST_HEALTH;
    return row->record ? changed | GUEST_RECORD : changed;
}

static bool
is_as_expected(const struct row *row)
{
    struct guest *guest = new_guest();
    const struct guest_collector *state = &guest->collectors[index_of(row->collector)];

    put_into(guest, row->situation);
    for (size_t i = 0; i < collectors_count; i++)
        config.collectors[i].enabled = row->situation != OFF;
    struct verdict verdict =
        take(guest, row->collector, row->reply ? said(row->reply) : lost(row->failure));
    enum agent_state after = guest_state(guest, NOW, GRACE);
    bool is_right = verdict.outcome == row->outcome && verdict.series == row->series &&
                    verdict.freeze == row->freeze && after == row->state &&
                    state->status == row->status && verdict.goes_on == row->goes_on &&
                    state->unsettled == row->unsettled &&
                    verdict.changed == changed_by(row) && !verdict.broke_by;

    if (!is_right)
        print_error("row %zu (%s): outcome %s, series %d, freeze %d, state %s, status "
                    "%d, goes_on %d, unsettled %d, changed %u\n",
                    (size_t)(row - rows), row->collector,
                    failure_kind_name(verdict.outcome), (int)verdict.series,
                    (int)verdict.freeze, agent_state_names[after], (int)state->status,
                    verdict.goes_on, state->unsettled, verdict.changed);
    guest_free(guest);
    return is_right;
}

static void
test_the_table(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        wrong += !is_as_expected(&rows[i]);
    assert_int_equal(wrong, 0);
}

/* Of each freeze its first answer, by the host's clock. */
static void
test_since_when_it_is_frozen(void **state)
{
    static const char *const said_in_turn[] = {FROZEN_STATUS, FROZEN_STATUS,
                                               THAWED_STATUS, FROZEN_STATUS};
    static const int64_t since_s[] = {0, 0, 0, 15};
    struct guest *guest = new_guest();

    (void)state;
    for (size_t i = 0; i < sizeof(since_s) / sizeof(since_s[0]); i++) {
        (void)take(guest, "fsfreeze", said(said_in_turn[i]));
        assert_int_equal(guest->frozen_since_ns, NOW_REAL + since_s[i] * S);
        now_ns += 5 * S;
    }
    guest_free(guest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_since_when_it_is_frozen),
        TEST(test_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
