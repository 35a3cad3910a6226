/* The section `collectors`. */
#include "kit/filter.h"
#include "unit/config_text.h"
#include "unit/stub_registry.h"

#define NS_PER_S INT64_C(1000000000)

enum { TIME, DISK, USERS }; /* the stub registry */

static void
test_max_age_follows_the_interval(void **state)
{
    (void)state;
    struct config *config = config_of("collectors: {time: {interval: 24h}}\n");
    assert_int_equal(config->collectors[TIME].max_age_ns, 72 * 3600 * NS_PER_S);
    config_free(config);
}

static void
test_an_emptied_default_lets_all_pass(void **state)
{
    (void)state;
    struct config *config = config_of("collectors: {disk: {paths_exclude: \"\"}}\n");
    assert_true(filter_passes(config->collectors[DISK].filters[0], "/proc/x"));
    config_free(config);
}

/* Whoever switches a collector on wants to see it. */
static void
test_profiles(void **state)
{
    static const struct {
        const char *text;
        int8_t flag; /* --[no-]collector.disk */
        bool time, disk, users;
        enum metric_profile time_profile, disk_profile;
    } rows[] = {
        {"{}\n", -1, true, true, false, PROFILE_DEFAULT, PROFILE_DEFAULT},
        {"profile: default\n", 0, true, false, false, PROFILE_DEFAULT, PROFILE_DEFAULT},
        {"profile: full\n", 1, true, true, false, PROFILE_FULL, PROFILE_FULL},
        {"profile: minimal\n", -1, true, false, false, PROFILE_MINIMAL,
         PROFILE_MINIMAL},
        {"profile: minimal\n", 1, true, true, false, PROFILE_MINIMAL, PROFILE_DEFAULT},
        {"collectors: {disk: {enabled: true}}\nprofile: minimal\n", -1, true, true,
         false, PROFILE_MINIMAL, PROFILE_DEFAULT},
        {"profile: minimal\ncollectors: {time: {enabled: false}}\n", -1, false, false,
         false, PROFILE_MINIMAL, PROFILE_MINIMAL},
        {"profile: minimal\ncollectors: {disk: {interval: 5m}}\n", -1, true, false,
         false, PROFILE_MINIMAL, PROFILE_MINIMAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_overrides flags = {0};

        memset(flags.collector_enabled, -1, sizeof(flags.collector_enabled));
        flags.collector_enabled[DISK] = rows[i].flag;
        yaml_write(rows[i].text, strlen(rows[i].text));
        struct config *config = config_load(yaml_path, &flags, &yaml_why);
        assert_non_null(config);
        const struct collector_config *time = &config->collectors[TIME],
                                      *disk = &config->collectors[DISK];

        assert_int_equal(time->enabled, rows[i].time);
        assert_int_equal(disk->enabled, rows[i].disk);
        assert_int_equal(config->collectors[USERS].enabled, rows[i].users);
        assert_int_equal(time->profile, rows[i].time_profile);
        assert_int_equal(disk->profile, rows[i].disk_profile);
        config_free(config);
    }
}

static const struct yaml_mistake mistakes[] = {
    {"profile: small\n",
     "1: profile: \"small\" is not a profile; write minimal, default or full"},
    {"collectors: [time]\n",
     "1: collectors: is not a map of keys; write it like time: ..."},
    {"collectors:\n  tmie: {}\n",
     "2: collectors: unknown key \"tmie\"; did you mean \"time\"?"},
    {"collectors:\n  filesystem: {}\n",
     "2: collectors: unknown key \"filesystem\"; known are: time, disk, users"},
    {"collectors:\n  time: true\n",
     "2: collectors.time: is not a map of keys; write it like enabled: ..."},
    {"collectors:\n  time: {paths_include: x}\n",
     "2: collectors.time: unknown key \"paths_include\"; known are: enabled, interval, "
     "timeout, max_age"},
    {"collectors:\n  disk: {path_include: x}\n",
     "2: collectors.disk: unknown key \"path_include\"; did you mean "
     "\"paths_include\"?"},
    {"collectors:\n  time: {enabled: yes}\n",
     "2: collectors.time.enabled: \"yes\" is not true or false; write one of these "
     "two, small and without quotes"},
    {"collectors:\n  time: {enabled: True}\n",
     "2: collectors.time.enabled: \"True\" is not true or false; write one of these "
     "two, small and without quotes"},
    {"collectors:\n  time: {enabled: \"true\"}\n",
     "2: collectors.time.enabled: \"true\" is not true or false; write one of these "
     "two, small and without quotes"},
    {"collectors:\n  time:\n    interval: 5x\n",
     "3: collectors.time.interval: \"5x\" is not a duration; write it like 15s, 1m30s "
     "or 2h"},
    {"collectors:\n  time:\n    interval: 60\n",
     "3: collectors.time.interval: \"60\" is not a duration; write it like 15s, 1m30s "
     "or 2h"},
    {"collectors:\n  time:\n    interval: 1s1m\n",
     "3: collectors.time.interval: \"1s1m\" is not a duration; write it like 15s, "
     "1m30s or 2h"},
    {"collectors:\n  time:\n    interval: 1.5m\n",
     "3: collectors.time.interval: \"1.5m\" is not a duration; write it like 15s, "
     "1m30s or 2h"},
    {"collectors:\n  time:\n    interval: 999999999999h\n",
     "3: collectors.time.interval: \"999999999999h\" is not a duration; write it like "
     "15s, 1m30s or 2h"},
    {"collectors:\n  time:\n    interval: 500ms\n",
     "3: collectors.time.interval: 500ms is out of range; write a duration from 1s to "
     "24h"},
    {"collectors:\n  time:\n    interval: 25h\n",
     "3: collectors.time.interval: 25h is out of range; write a duration from 1s to "
     "24h"},
    {"collectors:\n  time:\n    interval:\n    timeout: 3s\n",
     "3: collectors.time.interval: has no value; write it like 15s, 1m30s or 2h, or "
     "remove the key"},
    {"collectors:\n  time: {timeout: 5s}\n",
     "2: collectors.time.timeout: 5s is out of range; write a duration from 1s to 4s"},
    {"collectors:\n  time: {timeout: 1s500ms}\n",
     "2: collectors.time.timeout: 1s500ms is not a whole number of seconds, in which "
     "libvirt counts; write 1s, 2s, 3s or 4s"},
    {"collectors:\n  time: {max_age: 10s}\n",
     "2: collectors.time.max_age: 10s is shorter than the interval of 15s, so the "
     "values would come and go; write 15s or more"},
    {"collectors:\n  disk:\n    interval: 1m\n    paths_include: \"a(\"\n",
     "4: collectors.disk.paths_include: bad pattern \"a(\": missing closing "
     "parenthesis at character 2; correct it (the syntax is that of PCRE2)"},
    {"collectors:\n  disk: {types_exclude: 'a['}\n",
     "2: collectors.disk.types_exclude: bad pattern \"a[\": missing terminating ] for "
     "character class at character 2; correct it (the syntax is that of PCRE2)"},
    {"collectors:\n  disk: {types_exclude: [a]}\n",
     "2: collectors.disk.types_exclude: is a list, not a single value; write it like "
     "\"text\""},
};

static void
each_mistake_has_its_sentence(void **state)
{
    (void)state;
    CONFIG_EACH_IS_REFUSED(mistakes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_max_age_follows_the_interval),
        cmocka_unit_test(test_an_emptied_default_lets_all_pass),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(each_mistake_has_its_sentence),
    };

    return cmocka_run_group_tests_name("config collectors", tests, NULL, NULL);
}
