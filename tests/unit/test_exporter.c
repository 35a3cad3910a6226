/* The parts are opened, and all of them closed again, but where a call hangs. */
#include "exporter.h"

#include "config/config.h"
#include "options.h"
#include "unit/capture.h"
#include "unit/fake_source.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const struct source_driver *const drivers[] = {[SOURCE_LIBVIRT] = &fake_driver};
static char err[4096];

static void
open_exporter(struct exporter *exporter, struct options *options)
{
    struct failure why;

    memset(options->overrides.collector_enabled, 0,
           sizeof(options->overrides.collector_enabled));
    options->mode = OPTIONS_RUN;
    *exporter = (struct exporter){.options = options, .drivers = drivers};
    exporter->config = exporter_load_config(options, &why);
    assert_non_null(exporter->config);
    exporter_open(exporter);
}

/* A file that nobody has named may be absent, and may come later. */
static void
test_a_file_is_found(void **state)
{
    char path[] = "/tmp/test_exporter.XXXXXX";
    int file = mkstemp(path);
    struct options options = {.config_file = path};
    struct failure why;

    (void)state;
    memset(options.overrides.collector_enabled, -1,
           sizeof(options.overrides.collector_enabled));
    assert_true(file >= 0);
    struct config *config = exporter_load_config(&options, &why);

    assert_string_equal(config->path, path);
    config_free(config);
    assert_int_equal(close(file), 0);
    assert_int_equal(unlink(path), 0);
    config = exporter_load_config(&options, &why);
    assert_null(config->path);
    config_free(config);
    options.config_file_is_named = true;
    assert_null(exporter_load_config(&options, &why));
}

static size_t
open_files(void)
{
    size_t count = 0;

    for (int file = 0; file < 256; file++)
        count += fcntl(file, F_GETFD) >= 0;
    return count;
}

static size_t
open_files_after(int status)
{
    struct options options = {.config_file = NULL};
    struct exporter exporter;

    open_exporter(&exporter, &options);
    assert_int_equal(exporter_close(&exporter, status), status);
    return open_files();
}

/* Of the loop, that is; memory is the sanitizer's. */
static void
test_nothing_is_left(void **state)
{
    (void)state;
    size_t before = open_files_after(0); /* libuv keeps a pipe for signals */

    assert_int_equal(open_files_after(3), before);
}

static void
pass(void *context, bool all_answered)
{
    bool *has_passed = context;

    (void)all_answered;
    *has_passed = true;
}

static void
end_impatiently(unsigned int turn)
{
    if (turn == 10 || turn == 11)
        assert_int_equal(raise(turn == 10 ? SIGTERM : SIGINT), 0);
    assert_true(turn < 100); /* that is a second */
}

static void
test_signals_end_the_loop(void **state)
{
    struct options options = {.config_file = NULL};
    struct exporter exporter;
    bool has_passed = false;

    (void)state;
    fake_each_turn = end_impatiently;
    open_exporter(&exporter, &options);
    struct capture captured = capture_begin(stderr);

    exporter_start(&exporter, pass, &has_passed);
    (void)uv_run(&exporter.loop, UV_RUN_DEFAULT);
    assert_int_equal(exporter_close(&exporter, 0), 0);
    capture_end(captured, err, sizeof(err));
    assert_true(has_passed);
    assert_non_null(strstr(err, "msg=stopping signal=Terminated"));
    fake_each_turn = NULL;
}

static void
stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* What the thread of such a call uses is not freed: the process ends without. */
static void
test_a_call_that_hangs(void **state)
{
    struct options options = {.config_file = NULL};
    struct exporter exporter;
    bool has_passed = false;
    uv_timer_t timer;
    int status;
    pid_t child;

    (void)state;
    open_exporter(&exporter, &options);
    exporter_start(&exporter, pass, &has_passed);
    assert_int_equal(uv_timer_init(&exporter.loop, &timer), 0);
    assert_int_equal(uv_timer_start(&timer, stop_loop, 10, 0), 0);
    (void)uv_run(&exporter.loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&timer, NULL);

    child = fork();
    if (child == 0) {
        fake_call_hangs = true;
        (void)exporter_close(&exporter, 7);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(exporter_close(&exporter, 0), 0);
}

static void
test_config(void **state)
{
    const struct options options = {.config_file = "/nowhere/qga-exporter.yml",
                                    .config_file_is_named = true};
    struct failure why;

    (void)state;
    assert_null(exporter_load_config(&options, &why));
    assert_non_null(strstr(why.text, "/nowhere/qga-exporter.yml"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_found),
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_signals_end_the_loop),
        cmocka_unit_test(test_a_call_that_hangs),
        cmocka_unit_test(test_config),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
