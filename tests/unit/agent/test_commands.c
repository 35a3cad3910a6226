/* What can be sent, and what cannot. */
#include "agent/commands.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
expect_request(const char *command, const char *arguments, const char *request)
{
    struct request asked = {.command = command};
    struct text out = TEXT_INIT(256);

    (void)snprintf(asked.arguments, sizeof(asked.arguments), "%s", arguments);
    commands_write(&asked, &out);
    assert_string_equal(out.bytes, request);
    text_free(&out);
}

static void
test_requests(void **state)
{
    (void)state;
    expect_request("guest-get-time", "", "{\"execute\":\"guest-get-time\"}");
    expect_request("guest-file-close", "{\"handle\":7}",
                   "{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":7}}");
}

/* Whether writing it ends the process. */
static bool
is_refused(const char *command, const char *arguments)
{
    struct request request = {.command = command};
    int status = 0;

    (void)snprintf(request.arguments, sizeof(request.arguments), "%s", arguments);
    pid_t child = fork();

    if (child == 0) {
        struct text out = TEXT_INIT(256);

        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        commands_write(&request, &out);
        _exit(EXIT_SUCCESS);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void
test_only_what_is_registered(void **state)
{
    (void)state;
    assert_false(is_refused("guest-get-time", ""));
    assert_false(is_refused("guest-file-close", "{\"handle\":-1}"));
    assert_false(
        is_refused("guest-file-open", "{\"path\":\"/proc/stat\",\"mode\":\"r\"}"));
    assert_true(is_refused("guest-exec", ""));
    assert_true(is_refused("guest-file-write", ""));
    assert_true(is_refused("guest-set-user-password", ""));
    assert_true(is_refused("guest-ping", ""));
    assert_true(is_refused("guest-get-time\"}", ""));
    assert_true(is_refused("guest-get-tim", ""));
    assert_true(is_refused("", ""));
}

/* Nor is a command that is registered, asked in another way. */
static void
test_only_as_it_is_registered(void **state)
{
    (void)state;
    assert_true(is_refused("guest-get-time", "{}"));
    assert_true(is_refused("guest-file-open", ""));
    assert_true(
        is_refused("guest-file-open", "{\"path\":\"/etc/shadow\",\"mode\":\"r\"}"));
    assert_true(
        is_refused("guest-file-open", "{\"path\":\"/proc/stat\",\"mode\":\"w\"}"));
    assert_true(is_refused("guest-file-close", "{\"handle\":1,\"handle\":2}"));
    assert_true(is_refused("guest-file-close", "{\"handle\": 1}"));
    assert_true(is_refused("guest-file-close", "{\"handle\":}"));
    assert_true(is_refused("guest-file-close", "{\"handle\":99999999999999999999}"));
    assert_true(is_refused("guest-file-close", "{"));
    assert_true(is_refused("guest-file-close", ""));
}

/* What another process is told by two numbers is the same request. */
static void
test_numbers(void **state)
{
    const int64_t numbers[] = {0, -1, 1007, INT64_MAX, INT64_MIN};
    struct request request;
    uint32_t count = 0;

    (void)state;
    while (commands_of_number(&(struct query_call){count, 0}, &request))
        count++;
    assert_true(count > collectors_count);
    for (uint32_t query = 0; query < count; query++) {
        for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
            const struct query_call call = {query, numbers[i]};

            assert_true(commands_of_number(&call, &request));
            struct query_call back = commands_number(&request);

            assert_int_equal(back.query, query);
            assert_true(back.number == numbers[i] || !strchr(request.arguments, ':') ||
                        strcmp(request.command, "guest-file-open") == 0);
        }
    }
    assert_false(commands_of_number(&(struct query_call){UINT32_MAX, 0}, &request));
}

/* Each once, and each where it is looked for. */
static void
test_the_list(void **state)
{
    const char *const *list = commands_list();
    size_t count = 0;

    (void)state;
    for (; list[count]; count++)
        assert_int_equal(commands_row(list[count]), count);
    assert_true(count >= collectors_count);
    assert_true(count < COMMANDS_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_only_what_is_registered),
        cmocka_unit_test(test_only_as_it_is_registered),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
