/* The section basic_auth_users of the web configuration file. */
#include "unit/web_config_text.h"

static void
users_are_found_by_name(void **state)
{
    (void)state;
    struct web_config *config =
        web_config_of("basic_auth_users:\n  alice: " HASH "\n  \"b ob\": "
                      "$2b$12$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n");
    assert_int_equal(config->users.count, 2);
    assert_int_equal(config->users.bcrypt_cost, 12);
    assert_string_equal(web_config_user(&config->users, "alice")->hash, HASH);
    assert_non_null(web_config_user(&config->users, "b ob"));
    assert_null(web_config_user(&config->users, "Alice"));
    assert_null(web_config_user(&config->users, ""));
    web_config_free(config);
}

static void
users_are_limited(void **state)
{
    static char text[300 * 80] = "basic_auth_users:\n";
    size_t used = strlen(text);

    (void)state;
    for (int i = 0; i < WEB_USERS_MAX + 1; i++)
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "  u%d: " HASH "\n", i);
    yaml_write(text, used);
    assert_null(web_config_read_written());
    assert_string_equal(yaml_sentence(), "258: basic_auth_users.u256: is one too many; "
                                         "256 users are the most");
}

static const struct yaml_mistake mistakes[] = {
    {"basic_auth_users: [a]", "1: basic_auth_users: is not a map of users"},
    {"basic_auth_users:\n  a: secret\n",
     "2: basic_auth_users.a: is not a bcrypt hash of a password; make one with "},
    {"basic_auth_users:\n  a:\n", "2: basic_auth_users.a: has no value"},
    {"basic_auth_users:\n  a: $2x$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/"
     "VcEd00UAV/LDeSi\n",
     "2: basic_auth_users.a: is not a bcrypt hash"},
    {"basic_auth_users:\n  a: " HASH "x\n",
     "2: basic_auth_users.a: is not a bcrypt hash"},
    {"basic_auth_users:\n  a: $2y$31$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/"
     "VcEd00UAV/LDeSi\n",
     "2: basic_auth_users.a: has the cost 31, with which a log-in would take too "
     "long; make a hash with a cost of 14 or less"},
    {"basic_auth_users:\n  a: $2y$03$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/"
     "VcEd00UAV/LDeSi\n",
     "2: basic_auth_users.a: is not a bcrypt hash"},
    {"basic_auth_users: {\"a:b\": " HASH "}",
     "1: basic_auth_users.a:b: cannot be the name of a user"},
};

static void
each_mistake_has_its_sentence(void **state)
{
    (void)state;
    WEB_CONFIG_EACH_IS_REFUSED(mistakes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_found_by_name),
        cmocka_unit_test(users_are_limited),
        cmocka_unit_test(each_mistake_has_its_sentence),
    };

    return cmocka_run_group_tests_name("web config users", tests, NULL, NULL);
}
