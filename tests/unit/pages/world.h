/* A store with guests as the poller leaves them there, some of them hostile; and pages
 * made of it, compared with those that were read and kept in tests/fixtures/pages.
 * UPDATE_GOLDEN=1 writes them anew. */
#ifndef UNIT_PAGES_WORLD_H
#define UNIT_PAGES_WORLD_H

#include "base/text.h"
#include "kit/memory.h"
#include "store/discovery.h"
#include "store/note.h"
#include "store/store.h"
#include "store/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

#define WORLD_NOW_S 1800000000.0
#define S INT64_C(1000000000)
#define RLO "\xe2\x80\xae" /* U+202E: turns the direction of writing */
#define MARK "\xcc\x80"    /* U+0300 */
#define HOSTILE_NAME "<script>alert(1)</script>\"'&" RLO "gpj.exe"
#define HOSTILE_WORD_BYTES 4096

static const char *const world_states[] = {"responsive", "disconnected", "frozen",
                                           NULL};

static const struct metric
    calls_total = {.help = "", .name = "qga_agent_calls_total"},
    answered = {.help = "", .name = "qga_agent_last_response_timestamp_seconds"},
    clock_offset = {.help = "", .name = "qga_clock_offset_seconds"},
    uncertainty = {.help = "", .name = "qga_clock_offset_uncertainty_seconds"},
    os_info = {.help = "",
               .name = "qga_os_info",
               .labels = {"id", "name", "pretty_name"}},
    size_bytes = {.help = "",
                  .name = "qga_filesystem_size_bytes",
                  .labels = {"device", "fstype", "mountpoint"}},
    avail_bytes = {.help = "",
                   .name = "qga_filesystem_avail_bytes",
                   .labels = {"device", "fstype", "mountpoint"}},
    data_of = {.help = "",
               .name = "qga_collector_last_success_timestamp_"
                       "seconds",
               .labels = {"collector"}},
    took = {.help = "",
            .name = "qga_collector_duration_seconds",
            .labels = {"collector"}},
    dropped = {.help = "",
               .name = "qga_collector_dropped_series",
               .labels = {"collector"}},
    domain_info = {.help = "", .name = "qga_domain_info", .labels = {"title"}},
    host_end = {.help = "",
                .name = "qga_domain_interface_info",
                .labels = {"device", "address", "target", "network", "model"}};
static const struct metric *const health_families[] = {
    &calls_total, &answered, &data_of, &took, &dropped, NULL};
static const struct metric *const guest_families[] = {
    &os_info,     &clock_offset, &uncertainty, &size_bytes,
    &avail_bytes, &host_end,     &domain_info, NULL};
static const struct store_part world_parts[] = {{"health", health_families, NULL},
                                                {"guest", guest_families, NULL}};

static inline void
world_put(struct store *store, struct store_guest *place, size_t part,
          const char *identity, struct samples *samples)
{
    store_put(store, place, part,
              exposition_render(identity, world_parts[part].families, samples),
              INT64_MAX);
    samples_clear(samples);
}

static inline struct guest_note *
world_note(const char *domain, const char *state)
{
    struct guest_note *note = guest_note_new();

    note->domain = memory_string(domain);
    note->uuid = memory_string("8eb0f9fd-80a6-59b0-bac3-f74533a7bcc7");
    note->source = memory_string("here");
    note->agent_version = memory_string("");
    note->os = memory_string("");
    note->state = state;
    note->collectors = memory_new(2, sizeof(*note->collectors));
    note->collectors_count = 2;
    note->collectors[0] =
        (struct note_collector){"clock", "guest-get-time", "ok", "", 15 * S, false};
    note->collectors[1] = (struct note_collector){
        "os", "guest-get-osinfo", "", "disabled", 3600 * S, false};
    return note;
}

static inline void
world_finding(struct guest_note *note, bool is_fault, const char *text,
              const char *remedy)
{
    guest_note_add(note, (struct note_finding){
                             .problem = "no_channel",
                             .is_fault = is_fault,
                             .text = memory_string(text),
                             .remedies = {memory_string(remedy)},
                         });
}

/* A guest that answers; `word` stands wherever it can say something.  Its fractions are
 * binary: versions of jansson write others in other digits. */
static inline void
world_add_well(struct store *store, const char *domain, const char *word,
               double used_ratio)
{
    const struct samples_limits limits = {.series_max = 99, .label_bytes_max = 8192};
    struct samples *samples = samples_new(&limits);
    char *identity = exposition_identity(domain, "here");
    struct store_guest *place = store_guest_add(store, identity);
    struct guest_note *note = world_note(domain, "responsive");
    struct discovery_address address;

    free(note->agent_version);
    note->agent_version = memory_string(word);
    store_describe(store, place, note);
    samples_add(samples, &calls_total, 1234, NO_LABELS);
    samples_add(samples, &answered, WORLD_NOW_S - 12, NO_LABELS);
    samples_add(samples, &data_of, WORLD_NOW_S - 12, LABELS("clock"));
    samples_add(samples, &took, 0.001953125, LABELS("clock"));
    samples_add(samples, &dropped, 3, LABELS("clock"));
    world_put(store, place, 0, identity, samples);
    samples_add(samples, &os_info, 1, LABELS("debian", "Debian", word));
    samples_add(samples, &clock_offset, -0.015625, NO_LABELS);
    samples_add(samples, &uncertainty, 0.0009765625, NO_LABELS);
    samples_add(samples, &size_bytes, 100, LABELS("vda1", "ext4", "/boot"));
    samples_add(samples, &size_bytes, 3e10, LABELS("vda2", "ext4", word));
    samples_add(samples, &avail_bytes, 99, LABELS("vda1", "ext4", "/boot"));
    samples_add(samples, &avail_bytes, 3e10 * (1 - used_ratio),
                LABELS("vda2", "ext4", word));
    samples_add(samples, &host_end, 1,
                LABELS(word, "52:54:00:00:00:01", "vnet3", "default", "virtio"));
    samples_add(samples, &domain_info, 1, LABELS(word));
    world_put(store, place, 1, identity, samples);
    assert_true(discovery_address_read(&address, "eth0", "192.0.2.7"));
    store_announce(store, place, discovery_guest_new(NULL, 0, &address, 1));
    samples_free(samples);
    free(identity);
}

static inline void
world_add_lost(struct store *store, const char *domain, const char *word)
{
    char *identity = exposition_identity(domain, "here");
    struct guest_note *note = world_note(domain, "disconnected");

    world_finding(note, false, "a remark", "nothing to do");
    world_finding(note, true, word, "in the guest: apt install qemu-guest-agent");
    note->collectors[0].is_idle = true;
    store_describe(store, store_guest_add(store, identity), note);
    free(identity);
}

static inline char *
world_long_word(void)
{
    char *word = memory_new(HOSTILE_WORD_BYTES + 1, 1);

    memset(word, 'W', HOSTILE_WORD_BYTES);
    return word;
}

static inline int
world_set_up(void **state)
{
    struct store *store = store_new(world_parts, 2, NULL);
    struct sources_note *sources = sources_note_new();
    struct source_note *source = sources_note_add(sources);
    char *long_word = world_long_word();

    *source = (struct source_note){memory_string("here"),
                                   memory_string("qemu:///system"),
                                   "libvirt",
                                   true,
                                   NULL,
                                   NULL};
    source = sources_note_add(sources);
    *source = (struct source_note){memory_string("<there>"),
                                   memory_string("/run/*.sock"),
                                   "socket",
                                   false,
                                   memory_string("no such folder" RLO),
                                   memory_string("see whether it is there")};
    store_describe_sources(store, sources);
    store_set_incomplete(store, NULL);
    world_add_well(store, "web-1", "Debian GNU/Linux 12", 0.9375);
    world_add_well(store, HOSTILE_NAME,
                   "</td></tr></table><h1>\n" RLO MARK MARK MARK MARK MARK, 0.5);
    world_add_well(store, "long", long_word, 0.25);
    world_add_lost(store, "lost", "nobody in the guest has the channel <b>open</b>");
    free(long_word);
    *state = store;
    return 0;
}

static inline int
world_tear_down(void **state)
{
    store_free(*state);
    return 0;
}

static inline void
world_expect_golden(const struct text *page, const char *name)
{
    char path[128];
    size_t length = 0;
    char *bytes = NULL;

    assert_false(page->overflow);
    (void)snprintf(path, sizeof(path), "tests/fixtures/pages/%s", name);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *out = fopen(path, "w");

        assert_non_null(out);
        assert_int_equal(fwrite(page->bytes, 1, page->length, out), page->length);
        (void)fclose(out);
        return;
    }
    FILE *file = fopen(path, "r");

    if (!file)
        fail_msg("%s is missing (UPDATE_GOLDEN=1 writes it)", path);
    if (getdelim(&bytes, &length, '\0', file) < 0 || strcmp(bytes, page->bytes) != 0)
        fail_msg("%s is another (UPDATE_GOLDEN=1 takes it):\n%s", path, page->bytes);
    (void)fclose(file);
    free(bytes);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

#endif
