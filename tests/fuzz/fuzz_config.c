/* A config file as config_load() reads it: a config that holds together, or one
 * sentence. */
#include "collector.h" /* their names are keys: the words of the dictionary */
#include "config/config.h"
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
sentence_is_one_line(const char *error)
{
    size_t length = strnlen(error, FAILURE_TEXT_BYTES);

    REQUIRE(length > 0 && length < FAILURE_TEXT_BYTES);
    for (size_t i = 0; i < length; i++)
        REQUIRE((unsigned char)error[i] >= ' ' && error[i] != '\x7f');
}

/* What the rest of the exporter relies on. */
static void
config_holds_together(const struct config *config)
{
    REQUIRE(config->sources_count >= 1 && config->sources_count <= CONFIG_SOURCES_MAX);
    for (size_t i = 0; i < config->sources_count; i++) {
        REQUIRE(config->sources[i].name);
        REQUIRE(config->sources_count == 1 || config->sources[i].name[0] != '\0');
        for (size_t j = 0; j < i; j++)
            REQUIRE(strcmp(config->sources[i].name, config->sources[j].name) != 0);
        if (config->sources[i].kind == SOURCE_LIBVIRT)
            REQUIRE(config->sources[i].libvirt.uri &&
                    config->sources[i].libvirt.lanes >= 1);
    }
    for (size_t i = 0; i < collectors_count; i++) {
        const struct collector_config *collector = &config->collectors[i];

        REQUIRE(collector->interval_ns > 0 && collector->timeout_ns > 0);
        REQUIRE(collector->max_age_ns >= collector->interval_ns);
    }
    REQUIRE(config->health.failures_before_backoff >= 1);
    REQUIRE(config->health.backoff_ns > 0 && config->health.starting_ns >= 0);
    REQUIRE(config->health.backoff_max_ns >= config->health.backoff_ns);
    REQUIRE(config->limits.reply_bytes > 0 && config->limits.series_per_guest > 0);
    REQUIRE(config->limits.label_bytes > 0);
    REQUIRE(config->web.listen_addresses && config->web.listen_addresses[0]);
    REQUIRE(config->web.telemetry_path && config->web.telemetry_path[0] == '/');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct failure why;
    int fd = memfd_create("fuzz_config", MFD_CLOEXEC);

    REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    memset(&why, 'x', sizeof(why));
    struct config *config = config_load(path, NULL, &why);
    if (config)
        config_holds_together(config);
    else
        sentence_is_one_line(why.text);
    config_free(config);
    close(fd);
    return 0;
}
