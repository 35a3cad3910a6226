/* What clients cost who ask for much and read nothing, while guests change: bodies are
 * counted by what malloc(3) has taken from the kernel for them. */
#include "unit/served.h"

#include <malloc.h>

#define READERS 24

/* Whether the C library's malloc is asked; a sanitizer has another. */
static bool counts;

/* Nearly all of it are bodies, since only they are large. */
static size_t
held_bytes(void)
{
    return counts ? mallinfo2().hblkhd : 0;
}

static void
change(const struct served *served)
{
    store_guest_remove(served->store, store_guest_add(served->store, "domain=\"b\""));
}

/* The server's thread looks after its clients before it answers the second. */
static void
let_it_look(const struct served *served)
{
    for (int i = 0; i < 2; i++)
        answers(served, "GET", "/-/healthy", OK, "Healthy");
}

/* The first line of the answer, and no more, on a connection that stays open. */
static int
ask_slowly(const struct served *served, const char *path, bool *good)
{
    char request[256], line[sizeof(OK)] = "";
    int fd = dial(served);

    (void)snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    say(fd, request);
    assert_int_equal(recv(fd, line, sizeof(OK) - 1, MSG_WAITALL), sizeof(OK) - 1);
    *good = strcmp(line, OK) == 0;
    if (!*good)
        assert_non_null(strstr(line, " 503 "));
    return fd;
}

/* Whether the answer comes to its end. */
static bool
gets_the_rest(int fd)
{
    static char block[65536];
    size_t total = 0;
    ssize_t got;

    while ((got = recv(fd, block, sizeof(block), 0)) > 0)
        total += (size_t)got;
    (void)close(fd);
    return total > MUCH_BYTES;
}

/* Returns how many were answered with 200, and how many of these in full. */
static size_t
read_slowly(const char *path, size_t *whole)
{
    struct served served = serve();
    int readers[READERS];
    size_t answered = 0;

    put_much(served.store);
    change(&served);
    int fd = dial(&served);
    say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_true(gets_the_rest(fd));
    size_t idle_bytes = held_bytes();

    assert_true(!counts || idle_bytes > MUCH_BYTES);
    for (size_t i = 0; i < READERS; i++) {
        bool good;

        change(&served);
        readers[i] = ask_slowly(&served, path, &good);
        answered += good;
        let_it_look(&served);
        if (held_bytes() > idle_bytes + 2 * MUCH_BYTES + MUCH_BYTES / 2)
            fail_msg("%zu readers: %zu bytes above idle", i + 1,
                     held_bytes() - idle_bytes);
    }
    *whole = 0;
    for (size_t i = 0; i < READERS; i++)
        *whole += gets_the_rest(readers[i]);
    let_it_look(&served);
    assert_true(held_bytes() <= idle_bytes + MUCH_BYTES / 2);
    end(&served);
    return answered;
}

static void
slow_readers_hold_two_bodies_together(void **state)
{
    size_t whole;

    (void)state;
    assert_int_equal(read_slowly("/metrics", &whole), READERS); /* nobody waits */
    assert_true(whole >= 2);
    assert_true(whole < READERS);
}

static void
so_do_those_who_ask_for_a_part(void **state)
{
    size_t whole;
    size_t answered = read_slowly("/metrics?name[]=qga_many", &whole);

    (void)state;
    assert_true(answered >= READERS / 2);
    assert_true(whole >= 1);
    assert_true(whole < answered);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_readers_hold_two_bodies_together),
        cmocka_unit_test(so_do_those_who_ask_for_a_part),
    };

    /* Each large piece is one of its own, always. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
    char *volatile piece = malloc(MUCH_BYTES);
    counts = mallinfo2().hblkhd >= MUCH_BYTES;
    free(piece);
    return cmocka_run_group_tests_name("slow readers", tests, NULL, NULL);
}
