/* The section `avoid`. */
#include "unit/config_text.h"
#include "unit/stub_registry.h"

static void
rules_are_read(void **state)
{
    struct config *config = config_of("avoid:\n"
                                      "  known_harm: false\n"
                                      "  rules:\n"
                                      "  - {command: guest-get-disks, os: freebsd, "
                                      "agent_before: \"7.2\", reason: it hangs}\n"
                                      "  - command: guest-get-users\n");
    const struct harm_rule *rules = config->avoid.rules;

    (void)state;
    assert_false(config->avoid.known_harm);
    assert_int_equal(config->avoid.rules_count, 2);
    assert_string_equal(rules[0].command, "guest-get-disks");
    assert_string_equal(rules[0].os, "freebsd");
    assert_string_equal(rules[0].agent_before, "7.2");
    assert_string_equal(rules[0].reason, "it hangs");
    assert_string_equal(rules[1].command, "guest-get-users");
    assert_null(rules[1].os);
    assert_null(rules[1].agent_before);
    assert_string_equal(rules[1].reason, "by the config");
    config_free(config);
}

static void
the_shipped_list_is_the_default(void **state)
{
    static const char *const texts[] = {"", "avoid:\n", "avoid: {rules: }\n",
                                        "avoid: {rules: []}\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config *config = config_of(texts[i]);

        assert_true(config->avoid.known_harm);
        assert_int_equal(config->avoid.rules_count, 0);
        config_free(config);
    }
}

static void
rules_are_limited(void **state)
{
    static char text[257 * 40] = "avoid:\n  rules:\n";
    size_t used = strlen(text);

    (void)state;
    for (int i = 0; i < 257; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "  - command: guest-get-users\n");
    yaml_write(text, used);
    assert_null(config_read_written());
    assert_string_equal(
        yaml_sentence(),
        "259: avoid.rules[256]: is one too many; 256 rules are the most");
}

static const struct yaml_mistake mistakes[] = {
    {"avoid: {rules: [{os: freebsd}]}\n",
     "1: avoid.rules[0]: names no command; write command: guest-get-fsinfo"},
    {"avoid: {rules: [{os: Windows, command: guest-get-fsinfo}]}\n",
     "1: avoid.rules[0].os: \"Windows\" is no system that an agent says; on Windows "
     "they "
     "say mswindows"},
    {"avoid: {rules: [{command: guest-exec}]}\n",
     "1: avoid.rules[0].command: \"guest-exec\" is no command that a collector sends; "
     "see "
     "--list-collectors"},
    {"avoid: {known_harm: no}\n", "1: avoid.known_harm: \"no\" is not true or false; "
                                  "write one of these two, small and without quotes"},
    {"avoid: {rules: {a: b}}\n", "1: avoid.rules: is not a list; write it like - {os: "
                                 "freebsd, command: guest-get-fsinfo}"},
    {"avoid: {rules: [{command: [a]}]}\n",
     "1: avoid.rules[0].command: is a list, not a single value; write it like "
     "\"text\""},
    {"avoid: {rules: [{comand: guest-get-users}]}\n",
     "1: avoid.rules[0]: unknown key \"comand\"; did you mean \"command\"?"},
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
        cmocka_unit_test(rules_are_read),
        cmocka_unit_test(the_shipped_list_is_the_default),
        cmocka_unit_test(rules_are_limited),
        cmocka_unit_test(each_mistake_has_its_sentence),
    };

    return cmocka_run_group_tests_name("config avoid", tests, NULL, NULL);
}
