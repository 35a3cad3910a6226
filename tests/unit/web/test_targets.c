/* Lists of targets: from the store, made once for all who ask the same. */
#include "web/targets.h"

#include "store/discovery_page.h"
#include "store/store.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct metric up = {.name = "qga_up", .help = "Up."};
static const struct metric *const families[] = {&up, NULL};
static const struct store_part parts[] = {{"health", families, NULL}};

/* What makes the lists, in place of the program's. */
static atomic_uint made;
static sem_t begun, may_go_on;
static atomic_bool waits;

void
discovery_render(const struct discovery_query *query,
                 struct discovery_guest *const *guests, size_t guests_count,
                 struct text *out)
{
    (void)guests;
    atomic_fetch_add(&made, 1);
    if (atomic_load(&waits)) {
        (void)sem_post(&begun);
        (void)sem_wait(&may_go_on);
    }
    text_add_format(out, "%zu guests, port %u", guests_count, query->port);
}

struct asker {
    struct web_targets_ask ask;
    sem_t told;
};

static void
tell(void *context)
{
    (void)sem_post(&((struct asker *)context)->told);
}

static void
want(struct web_targets *targets, struct asker *asker, unsigned int port)
{
    memset(asker, 0, sizeof(*asker));
    (void)sem_init(&asker->told, 0, 0);
    asker->ask.notify = tell;
    asker->ask.context = asker;
    discovery_query_init(&asker->ask.query);
    asker->ask.query.port = port;
    web_targets_want(targets, &asker->ask);
}

static void
is_given(struct asker *asker, unsigned int status, const char *text)
{
    (void)sem_wait(&asker->told);
    struct web_page page = web_targets_take(&asker->ask);

    assert_int_equal(page.status, status);
    assert_string_equal(page.type, status == 200 ? "application/json"
                                                 : "text/plain; charset=utf-8");
    assert_int_equal(page.length, strlen(text));
    assert_memory_equal(page.bytes, text, page.length);
    page.release(page.owner);
    (void)sem_destroy(&asker->told);
}

static void
asks(struct web_targets *targets, unsigned int port, unsigned int status,
     const char *text, unsigned int made_for_it)
{
    unsigned int before = atomic_load(&made);
    struct asker asker;

    want(targets, &asker, port);
    is_given(&asker, status, text);
    assert_int_equal(atomic_load(&made) - before, made_for_it);
}

static int
set_up(void **state)
{
    *state = store_new(parts, 1, NULL);
    store_set_incomplete(*state, NULL);
    (void)sem_init(&begun, 0, 0);
    (void)sem_init(&may_go_on, 0, 0);
    atomic_store(&waits, false);
    return 0;
}

static int
tear_down(void **state)
{
    store_free(*state);
    return 0;
}

static void
announce(struct store *store, struct store_guest *guest)
{
    const struct discovery_label label = {"domain", "a"};

    store_announce(store, guest, discovery_guest_new(&label, 1, NULL, 0));
}

static void
a_list_is_made_when_something_has_changed(void **state)
{
    struct web_targets *targets = web_targets_new(*state);
    struct store_guest *guest = store_guest_add(*state, "domain=\"a\"");

    asks(targets, 1, 200, "0 guests, port 1", 1);
    asks(targets, 1, 200, "0 guests, port 1", 0);
    announce(*state, guest);
    asks(targets, 1, 200, "1 guests, port 1", 1);
    asks(targets, 1, 200, "1 guests, port 1", 0);
    announce(*state, guest); /* says something else now */
    asks(targets, 1, 200, "1 guests, port 1", 1);
    store_set_incomplete(*state, "a source is away");
    asks(targets, 1, 503, "No list of targets: a source is away.\n", 0);
    store_set_incomplete(*state, NULL);
    asks(targets, 1, 200, "1 guests, port 1", 0);
    web_targets_free(targets);
    web_targets_free(NULL);
}

/* The last four that are asked for. */
static void
a_few_lists_are_kept(void **state)
{
    struct web_targets *targets = web_targets_new(*state);

    for (unsigned int i = 0; i < 3; i++) {
        asks(targets, 1, 200, "0 guests, port 1", i == 0);
        asks(targets, 2, 200, "0 guests, port 2", i == 0);
        asks(targets, 3, 200, "0 guests, port 3", i == 0);
        asks(targets, 4, 200, "0 guests, port 4", i == 0);
    }
    asks(targets, 5, 200, "0 guests, port 5", 1);
    asks(targets, 4, 200, "0 guests, port 4", 0);
    asks(targets, 1, 200, "0 guests, port 1", 1);
    web_targets_free(targets);
}

/* However many: one list, and nobody is served by who makes it. */
static void
who_asks_at_the_same_time_gets_the_same(void **state)
{
    struct web_targets *targets = web_targets_new(*state);
    struct asker askers[16], other;
    unsigned int before = atomic_load(&made);

    atomic_store(&waits, true);
    for (size_t i = 0; i < 16; i++)
        want(targets, &askers[i], 1);
    (void)sem_wait(&begun);
    want(targets, &other, 2);
    atomic_store(&waits, false);
    (void)sem_post(&may_go_on);
    for (size_t i = 0; i < 16; i++)
        is_given(&askers[i], 200, "0 guests, port 1");
    is_given(&other, 200, "0 guests, port 2");
    assert_int_equal(atomic_load(&made) - before, 2);
    web_targets_free(targets);
}

/* A list that is not taken would stay for ever: LeakSanitizer tells. */
static void
who_has_gone_takes_nothing(void **state)
{
    struct web_targets *targets = web_targets_new(*state);
    struct asker asker;

    want(targets, &asker, 1);
    (void)sem_wait(&asker.told);
    web_targets_leave(&asker.ask);
    assert_null(asker.ask.list);
    web_targets_leave(&asker.ask);
    (void)sem_destroy(&asker.told);
    web_targets_free(targets);
}

static void *
stop_them(void *targets)
{
    web_targets_stop(targets);
    return NULL;
}

static void
the_end_wakes_those_who_wait(void **state)
{
    struct web_targets *targets = web_targets_new(*state);
    struct asker first, second;
    pthread_t stopper;

    atomic_store(&waits, true);
    want(targets, &first, 1);
    (void)sem_wait(&begun);
    assert_int_equal(pthread_create(&stopper, NULL, stop_them, targets), 0);
    (void)sem_post(&may_go_on);
    is_given(&first, 200, "0 guests, port 1");
    (void)pthread_join(stopper, NULL);
    want(targets, &second, 1);
    is_given(&second, 503, "No list of targets: no thread is left to make it.\n");
    web_targets_free(targets);
}

int
main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_list_is_made_when_something_has_changed),
        CASE(a_few_lists_are_kept),
        CASE(who_asks_at_the_same_time_gets_the_same),
        CASE(who_has_gone_takes_nothing),
        CASE(the_end_wakes_those_who_wait),
    };

    return cmocka_run_group_tests_name("targets", tests, NULL, NULL);
}
