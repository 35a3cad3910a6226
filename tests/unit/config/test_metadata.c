/* The section `metadata_labels`. */
#include "unit/config_text.h"
#include "unit/stub_registry.h"

static const struct {
    const char *text, *part;
} bad_labels[] = {
    {"metadata_labels: [a]\n", "1: metadata_labels: is not a map; write it like"},
    {"metadata_labels: {1a: \"{n}a\"}\n",
     "1: metadata_labels.1a: \"1a\" is not the name of a label; write"},
    {"metadata_labels: {__a: \"{n}a\"}\n", "is not the name of a label"},
    {"metadata_labels: {a-b: \"{n}a\"}\n", "is not the name of a label"},
    {"metadata_labels: {source: \"{n}a\"}\n",
     "1: metadata_labels.source: is a label that is there anyway; choose another name"},
    {"metadata_labels: {uuid: \"{n}a\"}\n", "is a label that is there anyway"},
    {"metadata_labels: {a: \"{n}a\", a: \"{n}b\"}\n", "1: "},
    {"metadata_labels: {a: \"n/a\"}\n", "1: metadata_labels.a: \"n/a\" is not a place "
                                        "in a domain's metadata; write it like"},
    {"metadata_labels: {a: \"{}a\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a/\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a//b\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a[1]\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a@b@c\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a@b/c\"}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}@b\"}\n", "is not a place"},
    {"metadata_labels: {a: 1}\n", "is not a place"},
    {"metadata_labels: {a: \"{n}a\", b: \"{n}a\", c: \"{n}a\", d: \"{n}a\", e: "
     "\"{n}a\", "
     "f: \"{n}a\", g: \"{n}a\"}\n",
     "1: metadata_labels.g: is one too many; 6 labels are the most"},
};

static void
test_metadata_labels(void **state)
{
    (void)state;
    struct config *config =
        config_of("metadata_labels:\n"
                  "  customer: \"{https://example.com/billing/1}account\"\n"
                  "  tier: \"{urn:x}a/b-c.d/e@f\"\n");
    assert_int_equal(config->metadata.count, 2);
    assert_string_equal(config->metadata.labels[0].name, "customer");
    assert_string_equal(config->metadata.labels[0].namespace,
                        "https://example.com/billing/1");
    assert_string_equal(config->metadata.labels[0].path, "account");
    assert_string_equal(config->metadata.labels[1].namespace, "urn:x");
    assert_string_equal(config->metadata.labels[1].path, "a/b-c.d/e@f");
    config_free(config);
    for (size_t i = 0; i < sizeof(bad_labels) / sizeof(bad_labels[0]); i++) {
        yaml_write(bad_labels[i].text, strlen(bad_labels[i].text));
        assert_null(config_read_written());
        if (!strstr(yaml_why.text, bad_labels[i].part))
            fail_msg("%s: %s", bad_labels[i].text, yaml_why.text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata_labels),
    };

    return cmocka_run_group_tests_name("config metadata", tests, NULL, NULL);
}
