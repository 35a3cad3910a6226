/* What is in force: read again, kept if what is new is wrong, and how often somebody
 * may come. */
#include "unit/web_certificates.h"
#include "unit/yaml_text.h"
#include "web/access.h"
#include "web/config.h"

#include <pthread.h>

#define S INT64_C(1000000000)

static int told_good, told_bad; /* by the reader, under its lock */

static void
reloaded(void *context, bool successful)
{
    assert_ptr_equal(context, folder);
    told_good += successful;
    told_bad += !successful;
}

static struct web_access *
open_written(const char *text)
{
    yaml_write(text, strlen(text));
    struct web_access *access =
        web_access_open(yaml_path, false, reloaded, folder, &yaml_why);

    if (!access)
        fail_msg("%s", yaml_why.text);
    return access;
}

static void
without_a_file_everybody_may(void **state)
{
    struct failure why;
    struct web_access *access = web_access_open(NULL, false, NULL, NULL, &why);
    struct web_policy *policy = web_access_get(access);

    (void)state;
    assert_null(policy->tls);
    assert_int_equal(policy->config->users.count, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(web_policy_takes_request(policy, 0));
    assert_int_equal(web_access_reload(access, &why), 0);
    web_access_settle(access, false);
    web_policy_unref(policy);
    web_policy_unref(NULL);
    web_access_close(access);
    web_access_close(NULL);
}

/* From then on it is needed: without it, who had users would let everybody in. */
static void
a_file_that_need_not_be_there_is_read_once_it_is(void **state)
{
    char path[128];
    struct web_access *access;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/late.yml", folder);
    assert_null(web_access_open(path, false, NULL, NULL, &yaml_why));
    access = web_access_open(path, true, NULL, NULL, &yaml_why);
    struct web_policy *before = web_access_get(access);
    FILE *file = fopen(path, "w");

    assert_true(fputs("rate_limit: {interval: 1s}\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(web_access_reload(access, &yaml_why), 0);
    web_access_settle(access, true);
    struct web_policy *after = web_access_get(access);

    assert_null(before->path);
    assert_int_equal(before->config->rate_limit.interval_ns, 0);
    assert_string_equal(after->path, path);
    assert_int_equal(after->config->rate_limit.interval_ns, S);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(web_access_reload(access, &yaml_why), -1);
    web_policy_unref(before);
    web_policy_unref(after);
    web_access_close(access);
}

/* Who holds a policy keeps it; who comes anew gets the new one. */
static void
what_is_read_again_is_in_force(void **state)
{
    static const char second[] = "rate_limit: {interval: 2s}\n";
    struct web_access *access = open_written("rate_limit: {interval: 1s}\n");
    struct web_policy *before = web_access_get(access);

    (void)state;
    told_good = told_bad = 0;
    yaml_write(second, strlen(second));
    assert_int_equal(web_access_reload(access, &yaml_why), 0);
    web_access_settle(access, true);
    struct web_policy *after = web_access_get(access);

    assert_int_equal(before->config->rate_limit.interval_ns, S);
    assert_int_equal(after->config->rate_limit.interval_ns, 2 * S);
    web_policy_unref(before);
    web_policy_unref(after);
    web_access_close(access);
    assert_true(told_good >= 1); /* the watch may have seen it as well */
    assert_int_equal(told_bad, 0);
}

/* The configuration beside it is wrong: neither is in force, nor is it later. */
static void
what_is_refused_elsewhere_is_not_in_force(void **state)
{
    static const char second[] = "rate_limit: {interval: 2s}\n";
    struct web_access *access = open_written("rate_limit: {interval: 1s}\n");
    struct web_policy *before = web_access_get(access);

    (void)state;
    told_good = told_bad = 0;
    yaml_write(second, strlen(second));
    assert_int_equal(web_access_reload(access, &yaml_why), 0);
    web_access_settle(access, false);
    struct web_policy *after = web_access_get(access);

    assert_ptr_equal(before, after);
    assert_int_equal(told_bad, 1);
    assert_int_equal(told_good, 0);
    web_policy_unref(before);
    web_policy_unref(after);
    web_access_close(access);
}

static void
what_is_wrong_is_refused(void **state)
{
    static const char wrong[] = "rate_limit: {interval: soon}\n";
    struct web_access *access = open_written("rate_limit: {interval: 1s}\n");

    (void)state;
    told_good = told_bad = 0;
    yaml_write(wrong, strlen(wrong));
    assert_int_equal(web_access_reload(access, &yaml_why), -1);
    assert_string_equal(yaml_sentence(), "1: rate_limit.interval: \"soon\" is not a "
                                         "duration; write it like 15s, 1m30s or 2h");
    struct web_policy *policy = web_access_get(access);

    assert_int_equal(policy->config->rate_limit.interval_ns, S);
    web_policy_unref(policy);
    web_access_close(access);
    assert_true(told_bad >= 1);
    assert_int_equal(told_good, 0);
    yaml_write(wrong, strlen(wrong));
    assert_null(web_access_open(yaml_path, false, NULL, NULL, &yaml_why));
}

/* A reload may switch it, since who reloads starts the listeners anew. */
static void
tls_is_switched_by_a_reload(void **state)
{
    char text[256];
    struct web_access *access = open_written("");

    (void)state;
    (void)snprintf(text, sizeof(text),
                   "tls_server_config: {cert_file: %s/one.crt, key_file: %s/one.key}\n",
                   folder, folder);
    yaml_write(text, strlen(text));
    assert_int_equal(web_access_reload(access, &yaml_why), 0);
    web_access_settle(access, true);
    struct web_policy *policy = web_access_get(access);

    assert_non_null(policy->tls);
    web_policy_unref(policy);
    web_access_close(access);
}

static void
a_burst_is_let_through_and_then_one_an_interval(void **state)
{
    struct web_access *access = open_written("rate_limit: {interval: 1s, burst: 3}\n");
    struct web_policy *policy = web_access_get(access);

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(web_policy_takes_request(policy, 100 * S));
    assert_false(web_policy_takes_request(policy, 100 * S));
    assert_false(web_policy_takes_request(policy, 101 * S - 1));
    assert_true(web_policy_takes_request(policy, 101 * S));
    assert_false(web_policy_takes_request(policy, 101 * S));
    for (int i = 0; i < 3; i++) /* a rest gives the burst back, and no more */
        assert_true(web_policy_takes_request(policy, 200 * S));
    assert_false(web_policy_takes_request(policy, 200 * S));
    web_policy_unref(policy);
    web_access_close(access);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_everybody_may),
        cmocka_unit_test(a_file_that_need_not_be_there_is_read_once_it_is),
        cmocka_unit_test(what_is_read_again_is_in_force),
        cmocka_unit_test(what_is_refused_elsewhere_is_not_in_force),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(tls_is_switched_by_a_reload),
        cmocka_unit_test(a_burst_is_let_through_and_then_one_an_interval),
    };

    return cmocka_run_group_tests_name("access", tests, certificates_setup,
                                       certificates_teardown);
}
