/* Who asks for a reload: that each is told, once, what came of a reading that began
 * after it had asked. */
#include "web/reload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct asker {
    struct web_reload_ask ask;
    unsigned int told;
};

static unsigned int wanted;

static void
want(void *context)
{
    assert_ptr_equal(context, &wanted);
    wanted++;
}

static void
tell(void *context)
{
    ((struct asker *)context)->told++;
}

static void
ask(struct web_reload *reload, struct asker *asker)
{
    asker->ask = (struct web_reload_ask){.notify = tell, .context = asker};
    asker->told = 0;
    web_reload_ask(reload, &asker->ask);
}

static void
is_told(const struct asker *asker, unsigned int status, const char *text)
{
    assert_int_equal(asker->told, 1);
    struct web_page page = web_reload_page(&asker->ask);

    assert_int_equal(page.status, status);
    assert_string_equal(page.type, "text/plain; charset=utf-8");
    assert_true(page.length >= strlen(text));
    assert_memory_equal(page.bytes, text, strlen(text));
    if (page.release)
        page.release(page.owner);
}

static int
set_up(void **state)
{
    wanted = 0;
    *state = web_reload_new(want, &wanted);
    return 0;
}

static int
tear_down(void **state)
{
    web_reload_free(*state);
    web_reload_free(NULL);
    return 0;
}

static void
all_who_asked_before_are_told(void **state)
{
    static const struct failure why = {.text = "no such key"};
    struct asker askers[3];

    for (size_t i = 0; i < 3; i++)
        ask(*state, &askers[i]);
    assert_int_equal(wanted, 3);
    web_reload_begin(*state);
    assert_int_equal(askers[0].told, 0);
    web_reload_end(*state, NULL);
    for (size_t i = 0; i < 3; i++)
        is_told(&askers[i], 200, "The configuration is reloaded.\n");
    web_reload_begin(*state); /* for nobody, as by a signal */
    web_reload_end(*state, NULL);

    ask(*state, &askers[0]);
    web_reload_begin(*state);
    web_reload_end(*state, &why);
    is_told(&askers[0], 500,
            "The new configuration is refused, the old one stays: no such key\n");
}

/* What it has written may have come too late for this one. */
static void
who_asks_meanwhile_waits_for_the_next(void **state)
{
    struct asker first, second;

    ask(*state, &first);
    web_reload_begin(*state);
    ask(*state, &second);
    web_reload_end(*state, NULL);
    is_told(&first, 200, "The configuration is reloaded.\n");
    assert_int_equal(second.told, 0);
    web_reload_begin(*state);
    web_reload_end(*state, NULL);
    is_told(&second, 200, "The configuration is reloaded.\n");
    assert_int_equal(first.told, 1);
}

static void
the_end_tells_all(void **state)
{
    struct asker served, waiting, late;

    ask(*state, &served);
    web_reload_begin(*state);
    ask(*state, &waiting);
    web_reload_stop(*state);
    ask(*state, &late);
    is_told(&served, 503, "Not reloaded: ");
    is_told(&waiting, 503, "Not reloaded: ");
    is_told(&late, 503, "Not reloaded: ");
    web_reload_end(*state, NULL);
    assert_int_equal(served.told, 1);
    assert_int_equal(wanted, 2);
}

int
main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(all_who_asked_before_are_told),
        CASE(who_asks_meanwhile_waits_for_the_next),
        CASE(the_end_tells_all),
    };

    return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
