/* Nodes: what is none, which keys a map has, and how a text is quoted; and the
 * suggestions in sentences. */
#include "base/suggest.h"
#include "unit/yaml_text.h"

static void
test_null(void **state)
{
    (void)state;
    struct tree_node *root = yaml_load("[ ~, null, '', \"null\", nil, [] ]");
    static const bool wanted[] = {true, true, false, false, false, false};
    for (const struct tree_node *node = root->first; node; node = node->next)
        assert_int_equal(tree_is_null(node), wanted[node->index]);
    tree_free(root);
}

static void
keys_are_checked(void **state)
{
    static const char *const keys[] = {"name", "path", NULL};
    struct tree_node *root = yaml_load("good: {name: 1}\nempty:\nlist: [1]\n"
                                       "bad:\n  name: 1\n  pth: 2\n");

    (void)state;
    assert_int_equal(tree_check_keys(tree_child(root, "good"), keys, &yaml_why), 0);
    assert_int_equal(tree_check_keys(tree_child(root, "empty"), keys, &yaml_why), 0);
    assert_int_equal(tree_check_keys(NULL, keys, &yaml_why), 0);
    assert_int_equal(tree_check_keys(tree_child(root, "list"), keys, &yaml_why), -1);
    assert_string_equal(yaml_sentence(),
                        "3: list: is not a map of keys; write it like name: ...");
    assert_int_equal(tree_check_keys(tree_child(root, "bad"), keys, &yaml_why), -1);
    assert_string_equal(yaml_sentence(),
                        "6: bad: unknown key \"pth\"; did you mean \"path\"?");
    assert_null(tree_child(root, "none"));
    assert_null(tree_child(tree_child(root, "list"), "name"));
    assert_null(tree_child(NULL, "name"));
    tree_free(root);
}

/* A terminal will show it. */
static void
sentences_have_no_control_characters(void **state)
{
    struct failure why;

    (void)state;
    assert_int_equal(tree_fail_line(&why, "a\nb.yml", 0, "is \x1b[2J%s", "\x7f"), -1);
    assert_string_equal(why.text, "a?b.yml: is ?[2J?");
    assert_int_equal(why.kind, FAILURE_UNAVAILABLE);
    assert_int_equal(tree_fail_line(&why, "f.yml", 7, "is bad"), -1);
    assert_string_equal(why.text, "f.yml:7: is bad");
    assert_int_equal(why.kind, FAILURE_MALFORMED);
}

static void
test_quote(void **state)
{
    (void)state;
    char quoted[TREE_QUOTE_BYTES];
    char umlauts[201] = "";
    assert_string_equal(tree_quote("a\x1b[2J\n\x7f", quoted), "a?[2J??");
    for (size_t i = 0; i < 200; i += 2)
        memcpy(umlauts + i, "\xc3\xa4", 3);
    for (size_t shift = 0; shift < 2; shift++) {
        const char *cut = tree_quote(umlauts + 2 - 2 * shift, quoted);

        assert_true(strlen(cut) < TREE_QUOTE_BYTES);
        assert_string_equal(cut + strlen(cut) - 5, "\xc3\xa4...");
    }
    char odd[202] = "x";
    memcpy(odd + 1, umlauts, sizeof(umlauts));
    const char *cut = tree_quote(odd, quoted);
    assert_string_equal(cut + strlen(cut) - 5, "\xc3\xa4...");
}

static void
test_suggestions(void **state)
{
    (void)state;
    static const char *const names[] = {"interval", "timeout", "max_age", "uri", NULL};
    char remedy[64];
    assert_string_equal(suggest_nearest("intervall", names), "interval");
    assert_string_equal(suggest_nearest("itnerval", names), "interval");
    assert_string_equal(suggest_nearest("time_out", names), "timeout");
    assert_string_equal(suggest_nearest("url", names), "uri");
    assert_null(suggest_nearest("period", names));
    assert_null(suggest_nearest("", names));
    assert_null(suggest_nearest("x", names));
    char huge[5000];
    memset(huge, 'x', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    assert_null(suggest_nearest(huge, names));
    suggest_remedy("maxage", names, remedy, sizeof(remedy));
    assert_string_equal(remedy, "did you mean \"max_age\"?");
    suggest_remedy("period", names, remedy, sizeof(remedy));
    assert_string_equal(remedy, "known are: interval, timeout, max_age, uri");
    suggest_remedy("period", names, remedy, 20);
    assert_string_equal(remedy, "known are: interval");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null),
        cmocka_unit_test(keys_are_checked),
        cmocka_unit_test(sentences_have_no_control_characters),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_suggestions),
    };

    return cmocka_run_group_tests_name("yaml tree", tests, NULL, NULL);
}
