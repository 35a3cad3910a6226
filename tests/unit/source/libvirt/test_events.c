/* libvirt's event loop by libvirt's own functions for handles and timeouts, with the
 * real thread. */
#include "source/libvirt/events.h"

#include "base/clock.h"
#include "base/thread.h"

#include <glob.h>
#include <libvirt/libvirt.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --- threads, of which the system may have none left --- */

static bool no_threads;

int
thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
             void *(*run)(void *argument), void *argument)
{
    (void)stack_bytes;
    if (no_threads || pthread_create(thread, NULL, run, argument) != 0)
        return -1;
    (void)pthread_setname_np(*thread, name);
    return 0;
}

/* --- the guard --- */

static atomic_int adopted = -1;
static atomic_int_least64_t overdue_ns = INT64_MAX;
static sem_t broken_off;

static bool
adopts(int fd)
{
    return fd == atomic_load(&adopted);
}

static int64_t
due_ns(void)
{
    return atomic_load(&overdue_ns);
}

static void
break_off(int64_t now_ns)
{
    if (now_ns < atomic_load(&overdue_ns))
        return;
    atomic_store(&overdue_ns, INT64_MAX);
    sem_post(&broken_off);
}

static const struct libvirt_events_guard guard = {
    .adopts = adopts, .due_ns = due_ns, .break_off = break_off};

/* --- a handle or a timeout --- */

struct item {
    int fds[2];
    sem_t called, freed;
    atomic_int calls;
};

static void
readable(int id, int fd, int events, void *opaque)
{
    struct item *item = opaque;
    char byte;

    (void)id;
    assert_int_equal(events & VIR_EVENT_HANDLE_READABLE, VIR_EVENT_HANDLE_READABLE);
    assert_int_equal(read(fd, &byte, 1), 1);
    atomic_fetch_add(&item->calls, 1);
    sem_post(&item->called);
}

static void
timed_out(int id, void *opaque)
{
    struct item *item = opaque;

    (void)id;
    atomic_fetch_add(&item->calls, 1);
    sem_post(&item->called);
}

static void
note_freed(void *opaque)
{
    struct item *item = opaque;

    sem_post(&item->freed);
}

static void
open_item(struct item *item)
{
    memset(item, 0, sizeof(*item));
    assert_int_equal(pipe(item->fds), 0);
    sem_init(&item->called, 0, 0);
    sem_init(&item->freed, 0, 0);
}

static int
add_handle(struct item *item)
{
    open_item(item);
    return virEventAddHandle(item->fds[0], VIR_EVENT_HANDLE_READABLE, readable, item,
                             note_freed);
}

static void
write_to(struct item *item)
{
    assert_int_equal(write(item->fds[1], "x", 1), 1);
}

static void
close_item(struct item *item)
{
    sem_wait(&item->freed);
    close(item->fds[0]);
    close(item->fds[1]);
}

static int
set_up(void **state)
{
    (void)state;
    sem_init(&broken_off, 0, 0);
    libvirt_events_start(&guard);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    libvirt_events_stop();
    return 0;
}

static void
test_a_handle(void **state)
{
    struct item one, other;
    int id = add_handle(&one), other_id = add_handle(&other);

    (void)state;
    assert_true(id >= 0 && other_id >= 0 && id != other_id);
    write_to(&one);
    sem_wait(&one.called);

    /* Asleep, while others are served. */
    virEventUpdateHandle(id, 0);
    write_to(&one);
    for (int i = 0; i < 3; i++) {
        write_to(&other);
        sem_wait(&other.called);
    }
    assert_int_equal(one.calls, 1);
    virEventUpdateHandle(id, VIR_EVENT_HANDLE_READABLE);
    sem_wait(&one.called);

    assert_int_equal(virEventRemoveHandle(id), 0);
    close_item(&one);
    assert_int_equal(virEventRemoveHandle(id), -1);
    assert_int_equal(virEventRemoveHandle(other_id), 0);
    close_item(&other);
}

static void
test_a_timeout(void **state)
{
    struct item one, other;

    (void)state;
    open_item(&one);
    open_item(&other);
    int id = virEventAddTimeout(-1, timed_out, &one, note_freed); /* asleep */
    int other_id = virEventAddTimeout(0, timed_out, &other, note_freed);

    for (int i = 0; i < 3; i++)
        sem_wait(&other.called); /* again and again */
    assert_int_equal(one.calls, 0);
    virEventUpdateTimeout(id, 1);
    for (int i = 0; i < 3; i++)
        sem_wait(&one.called);
    virEventUpdateTimeout(id, -1);
    int calls = atomic_load(&one.calls);

    for (int i = 0; i < 5; i++)
        sem_wait(&other.called);
    assert_true(one.calls <= calls + 1); /* one may have been under way */
    assert_int_equal(virEventRemoveTimeout(id), 0);
    assert_int_equal(virEventRemoveTimeout(other_id), 0);
    close_item(&one);
    close_item(&other);
}

static void
test_what_the_guard_adopts_stays_out(void **state)
{
    struct item item;

    (void)state;
    open_item(&item);
    atomic_store(&adopted, item.fds[0]);
    assert_int_equal(virEventAddHandle(item.fds[0], VIR_EVENT_HANDLE_READABLE, readable,
                                       &item, note_freed),
                     -1);
    atomic_store(&adopted, -1);
    close(item.fds[0]);
    close(item.fds[1]);
}

static void
test_what_is_overdue_is_broken_off(void **state)
{
    (void)state;
    atomic_store(&overdue_ns, clock_monotonic_ns() + 1000000);
    libvirt_events_wake();
    sem_wait(&broken_off);
}

static bool
has_thread(void)
{
    bool found = false;
    glob_t tasks = {0};

    assert_int_equal(glob("/proc/self/task/*/comm", 0, NULL, &tasks), 0);
    for (size_t i = 0; i < tasks.gl_pathc; i++) {
        FILE *file = fopen(tasks.gl_pathv[i], "r");
        char name[32] = "";

        found |= file && fgets(name, sizeof(name), file) &&
                 strcmp(name, "libvirt-events\n") == 0;
        if (file)
            fclose(file);
    }
    globfree(&tasks);
    return found;
}

static void
test_the_thread_ends_with_its_last_user(void **state)
{
    struct item item;

    (void)state;
    libvirt_events_start(&guard); /* the second */
    libvirt_events_stop();
    assert_true(has_thread());
    int id = add_handle(&item);

    write_to(&item);
    sem_wait(&item.called);
    assert_int_equal(virEventRemoveHandle(id), 0);
    libvirt_events_stop();
    close_item(&item); /* the end frees what was removed */
    assert_false(has_thread());
    libvirt_events_start(&guard);
    assert_true(has_thread());
}

static void
test_a_thread_that_could_not_be_started_is_tried_again(void **state)
{
    (void)state;
    libvirt_events_stop();
    assert_false(libvirt_events_ensure()); /* nobody wants it */
    no_threads = true;
    libvirt_events_start(&guard);
    assert_false(has_thread());
    assert_false(libvirt_events_ensure());
    no_threads = false;
    assert_true(libvirt_events_ensure());
    assert_true(libvirt_events_ensure());
    assert_true(has_thread());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_handle),
        TEST(test_a_timeout),
        TEST(test_what_the_guard_adopts_stays_out),
        TEST(test_what_is_overdue_is_broken_off),
        TEST(test_the_thread_ends_with_its_last_user),
        TEST(test_a_thread_that_could_not_be_started_is_tried_again),
    };

    return cmocka_run_group_tests_name("libvirt events", tests, NULL, NULL);
}
