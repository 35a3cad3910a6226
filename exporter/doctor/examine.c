/* From what is known of a guest to its troubles. */
#include "doctor/examine.h"

#include "base/text.h"
#include "config/config.h"
#include "doctor/guest_os.h"
#include "doctor/remedies.h"
#include "doctor/words.h"
#include "guest/avoid.h"
#include "guest/balloon_metrics.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>

#define COMMANDS_BYTES_MAX 512

/* Besides those of single collectors: of the guest, and one for each kind. */
_Static_assert(COLLECTORS_MAX + 8 <= DOCTOR_FINDINGS_MAX, "room for all findings");

/* virsh takes a UUID as well, which needs no quotes and hides no other option. */
static char *
shell_name(const struct source_config *source, const struct guest *guest)
{
    const char *name = source->kind == SOURCE_LIBVIRT ? guest->name : guest->key;
    char *quoted = doctor_quote(name);
    char *shown = strcmp(quoted, name) != 0 && *guest->uuid ? memory_string(guest->uuid)
                                                            : doctor_escape(quoted);

    free(quoted);
    return shown;
}

/* --- the steps --- */

/* TROUBLES: none. */
static enum doctor_trouble
channel_trouble(const struct guest *guest)
{
    if (guest->channel == CHANNEL_ABSENT)
        return TROUBLE_NO_CHANNEL;
    return guest->channel == CHANNEL_UNUSABLE ? TROUBLE_UNUSABLE_CHANNEL : TROUBLES;
}

static void
mark_steps(enum doctor_mark steps[STEPS], const struct guest *guest,
           enum agent_state state)
{
    if (!guest->source_is_up || guest->channel == CHANNEL_UNKNOWN)
        return;
    if (channel_trouble(guest) < TROUBLES || state == AGENT_UNCONFIGURED) {
        steps[STEP_CHANNEL] = MARK_FAILED;
        return;
    }
    steps[STEP_CHANNEL] = MARK_PASSED;
    if (guest->domain != DOMAIN_RUNNING || state == AGENT_STARTING)
        return;
    if (guest->channel == CHANNEL_DISCONNECTED || state == AGENT_DISCONNECTED) {
        steps[STEP_SERVICE] = guest->opted_out ? MARK_UNTRIED : MARK_FAILED;
        return;
    }
    steps[STEP_SERVICE] = MARK_PASSED;
    if (state == AGENT_RESPONSIVE || state == AGENT_FROZEN)
        steps[STEP_ANSWER] = MARK_PASSED;
    else if (guest->last_failure.kind != FAILURE_NONE)
        steps[STEP_ANSWER] = MARK_FAILED;
}

/* --- the guest as a whole --- */

static enum doctor_trouble
disconnected_trouble(const struct guest *guest, const struct source_config *source)
{
    bool has_error = guest->last_failure.kind != FAILURE_NONE;

    if (source->kind != SOURCE_LIBVIRT && !(has_error && *guest->last_failure.text))
        return TROUBLE_NO_SOCKET;
    return guest->answered ? TROUBLE_LEFT : TROUBLE_NOT_CONNECTED;
}

/* TROUBLES: none. */
static const enum doctor_trouble troubles[REASONS] = {
    [REASON_ANSWERS] = TROUBLES,
    [REASON_STARTING] = TROUBLE_STARTING,
    [REASON_NO_ANSWER] = TROUBLE_NO_ANSWER,
    [REASON_HELD] = TROUBLE_HELD,
    [REASON_NOT_CONNECTED] = TROUBLE_NOT_CONNECTED, /* or another: see above */
    [REASON_NO_CHANNEL] = TROUBLE_NO_CHANNEL,
    [REASON_UNUSABLE_CHANNEL] = TROUBLE_UNUSABLE_CHANNEL,
    [REASON_FROZEN] = TROUBLE_FROZEN,
    [REASON_BUSY] = TROUBLE_BUSY,
    [REASON_INTERRUPTED] = TROUBLE_BUSY,
    [REASON_PAUSED] = TROUBLE_PAUSED, /* or another: likewise */
    [REASON_SHUTTING_DOWN] = TROUBLE_SHUTTING_DOWN,
    [REASON_MIGRATING] = TROUBLE_MIGRATING,
    [REASON_DENIED] = TROUBLE_DENIED,
    [REASON_MALFORMED] = TROUBLE_MALFORMED,
    [REASON_SOURCE_AWAY] = TROUBLE_SOURCE_AWAY,
    [REASON_OPTED_OUT] = TROUBLE_OPTED_OUT,
    [REASON_NO_DEFINITION] = TROUBLE_NO_DEFINITION,
    [REASON_UNREADABLE] = TROUBLE_UNREADABLE,
    [REASON_UNAVAILABLE] = TROUBLE_UNAVAILABLE,
    [REASON_NOT_ASKED] = TROUBLE_NOT_ASKED,
};

/* What somebody has paused is no trouble. */
static const enum doctor_trouble paused_troubles[PAUSE_REASONS] = {
    [PAUSE_OTHER] = TROUBLE_PAUSED,      [PAUSE_USER] = TROUBLE_PAUSED,
    [PAUSE_IO_ERROR] = TROUBLE_IO_ERROR, [PAUSE_WATCHDOG] = TROUBLE_WATCHDOG,
    [PAUSE_PANICKED] = TROUBLE_PANICKED, [PAUSE_SUSPENDED] = TROUBLE_PAUSED,
};

static enum doctor_trouble
trouble_of(const struct guest *guest, const struct source_config *source,
           enum guest_reason reason)
{
    if (reason == REASON_NOT_CONNECTED)
        return disconnected_trouble(guest, source);
    if (reason == REASON_NO_ANSWER && guest->qemu_hangs)
        return TROUBLE_QEMU_HANGS;
    if (reason == REASON_PAUSED && guest->domain == DOMAIN_PAUSED)
        return paused_troubles[guest->pause];
    return troubles[reason];
}

/* What libvirt or the agent has said of it. */
static const char *
error_of(const struct guest *guest, enum guest_reason reason)
{
    if (reason == REASON_UNREADABLE)
        return guest->definition_error;
    return guest->last_failure.kind != FAILURE_NONE ? guest->last_failure.text : "";
}

static const char *
timed_out_command(const struct guest *guest)
{
    for (size_t i = 0; i < collectors_count; i++) {
        if (guest->collectors[i].asked &&
            guest->collectors[i].failure == FAILURE_TIMEOUT)
            return collectors[i]->command;
    }
    return NULL;
}

/* --- its commands --- */

struct examined {
    const struct guest *guest;
    unsigned int troubles[COLLECTORS_MAX]; /* bit() of each that it is in */
};

static unsigned int
bit(enum doctor_trouble trouble)
{
    return 1U << (trouble - TROUBLE_COMMAND_DISABLED);
}
_Static_assert(TROUBLES - TROUBLE_COMMAND_DISABLED <= 32, "a bit for each trouble");

/* Of a collector that is switched on. */
static unsigned int
troubles_of(const struct guest_collector *collector, const struct guest_os *os,
            const char *command)
{
    unsigned int avoided = guest_avoids(collector), found = 0;

    if (avoided & AVOID_MISSING)
        found |= bit(TROUBLE_COMMAND_MISSING);
    if (avoided & AVOID_DISABLED)
        found |= guest_os_leaves_out(os, command) ? bit(TROUBLE_COMMAND_LEFT_OUT)
                                                  : bit(TROUBLE_COMMAND_DISABLED);
    if (avoided & AVOID_QUARANTINED)
        found |= bit(TROUBLE_COMMAND_QUARANTINED);
    if (avoided & AVOID_HARMFUL)
        found |= bit(TROUBLE_COMMAND_AVOIDED);
    if (!collector->asked)
        return found;
    if (collector->success)
        return collector->words ? found | bit(TROUBLE_COMMAND_ODD) : found;
    return avoided & (AVOID_MISSING | AVOID_DISABLED | AVOID_QUARANTINED)
               ? found
               : found | bit(TROUBLE_COMMAND_FAILED);
}

/* Only where the command's own answer is the trouble; else what was said to it before
 * is no matter. */
static const char *
words_of(const struct guest_collector *collector, enum doctor_trouble trouble)
{
    bool has_words =
        trouble == TROUBLE_COMMAND_FAILED || trouble == TROUBLE_COMMAND_ODD;

    return has_words && collector->words ? collector->words : "";
}

/* The first collector that is in this trouble, from `from` on, with these words (NULL:
 * any); collectors_count: none. */
static size_t
next_in_trouble(const struct examined *examined, enum doctor_trouble trouble,
                size_t from, const char *words)
{
    const struct guest_collector *all = examined->guest->collectors;

    while (from < collectors_count &&
           (!(examined->troubles[from] & bit(trouble)) ||
            (words && strcmp(words_of(&all[from], trouble), words) != 0)))
        from++;
    return from;
}

/* "guest-a, guest-b": `first`, and all that have the same trouble and words. */
static char *
commands_in_trouble(const struct examined *examined, enum doctor_trouble trouble,
                    size_t first)
{
    struct text list = TEXT_INIT(COMMANDS_BYTES_MAX);
    const char *words = words_of(&examined->guest->collectors[first], trouble);

    for (size_t i = first; i < collectors_count;
         i = next_in_trouble(examined, trouble, i + 1, words))
        text_add_format(&list, "%s%s", i > first ? ", " : "", collectors[i]->command);
    return text_take(&list, NULL);
}

/* One finding for each thing that was said. */
static void
find_trouble(struct doctor_row *row, const struct examined *examined,
             enum doctor_trouble trouble, struct doctor_case about)
{
    for (size_t i = next_in_trouble(examined, trouble, 0, NULL); i < collectors_count;
         i = next_in_trouble(examined, trouble, i + 1, NULL)) {
        const char *words = words_of(&examined->guest->collectors[i], trouble);

        if (next_in_trouble(examined, trouble, 0, words) < i)
            continue; /* told with the first of them */
        char *commands = commands_in_trouble(examined, trouble, i);
        char *error = doctor_escape(words);

        about.commands = commands;
        about.error = error;
        doctor_find(row, trouble, &about);
        free(commands);
        free(error);
    }
}

static void
find_commands(struct doctor_row *row, const struct config *config,
              const struct guest *guest, enum doctor_trouble first,
              const struct doctor_case *about)
{
    struct examined examined = {.guest = guest};

    for (size_t i = 0; i < collectors_count; i++) {
        if (config->collectors[i].enabled)
            examined.troubles[i] =
                troubles_of(&guest->collectors[i], about->os, collectors[i]->command);
    }
    for (int trouble = (int)first; trouble < TROUBLES; trouble++)
        find_trouble(row, &examined, (enum doctor_trouble)trouble, *about);
}

/* It was asked, and nothing of the answer is shown. */
static bool
shows_no_filesystem(const struct config *config, const struct guest *guest)
{
    size_t index = (size_t)collector_find("filesystem");
    const struct guest_collector *collector = &guest->collectors[index];

    return config->collectors[index].enabled && collector->asked &&
           collector->success && collector->series == 0;
}

/* Only a guest that boots or does not run may well be silent. */
static enum doctor_trouble
memory_trouble(const struct source_config *source, const struct guest *guest,
               enum agent_state state)
{
    const struct balloon *balloon = &guest->balloon;

    if (balloon->read_ns == 0 || guest->domain != DOMAIN_RUNNING ||
        state == AGENT_STARTING ||
        balloon_is_current(balloon, source->libvirt.balloon.max_age_ns))
        return TROUBLES;
    return guest->definition && guest->definition->lacks_balloon
               ? TROUBLE_NO_BALLOON
               : TROUBLE_BALLOON_SILENT;
}

void
doctor_examine(struct doctor_row *row, const struct config *config,
               const struct source_config *source, const struct guest *guest,
               enum guest_reason reason)
{
    enum agent_state state = guest_reason_state(reason);
    enum doctor_trouble trouble = trouble_of(guest, source, reason);
    char *name = shell_name(source, guest);
    char *error = doctor_escape(error_of(guest, reason));
    const struct doctor_case about = {
        .source = source,
        .os = guest_os_find(row->os),
        .name = name,
        .error = error,
        .commands = timed_out_command(guest),
    };

    mark_steps(row->steps, guest, state);
    if (trouble < TROUBLES)
        doctor_find(row, trouble, &about);
    if (state == AGENT_PAUSED && channel_trouble(guest) < TROUBLES)
        doctor_find(row, channel_trouble(guest), &about);
    if (state == AGENT_RESPONSIVE)
        find_commands(row, config, guest, TROUBLE_COMMAND_DISABLED, &about);
    else if (state == AGENT_MALFORMED)
        find_commands(row, config, guest, TROUBLE_COMMAND_QUARANTINED, &about);
    if (state == AGENT_RESPONSIVE && shows_no_filesystem(config, guest))
        doctor_find(row, TROUBLE_NO_FILESYSTEM, &about);
    trouble = memory_trouble(source, guest, state);
    if (trouble < TROUBLES)
        doctor_find(row, trouble, &about);
    free(name);
    free(error);
}
