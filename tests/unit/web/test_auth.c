/* Log-ins: who is let in, who waits, and that guesses push nobody out. */
#include "web/auth.h"
#include "web/config_users.h"

#include <crypt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* At the least cost: a millisecond. */
#define HASH_SECRET "$2b$04$Ph54jmRx2AN7CMN3rLyb8uGM5vI.je/IKPI1pZi3jVqoHWICAzXym"
#define HASH_START "$2b$04$WsP/pyK9azlGQTBqir2nReH58Rx3qDH0h11yvyWNlbdYUDwetI6ES"
#define HASH_COLON "$2b$04$Wy/1LS/fjfd/LYOT8bYGcuB12Qe2lGhhJZMrbIiIczT6O/eA7oKCa"
/* As it was before, but for the last character of the salt, which says as much. */
#define HASH_SALTED "$2b$04$Ph54jmRx2AN7CMN3rLyb8vGM5vI.je/IKPI1pZi3jVqoHWICAzXym"

static struct web_user users[] = {
    {(char[]){"alice"}, (char[]){HASH_SECRET}},
    {(char[]){"empty"}, (char[]){HASH_START}},
    {(char[]){"colon"}, (char[]){HASH_COLON}},
    {(char[]){"salted"}, (char[]){HASH_SALTED}},
};
static const struct web_users all = {.list = users, .count = 4, .bcrypt_cost = 4};

/* The last one that was computed; written by the thread of the hashes before it tells,
 * read by the test after it was told. */
static struct {
    unsigned int computed; /* to their end: those of a bad setting are not */
    char setting[WEB_BCRYPT_BYTES + 1];
} hashes;

static char *
hash_counted(const char *password, const char *setting, struct crypt_data *data)
{
    char *hash = crypt_rn(password, setting, data, sizeof(*data));

    hashes.computed += !!hash && strlen(hash) == WEB_BCRYPT_BYTES;
    (void)snprintf(hashes.setting, sizeof(hashes.setting), "%s", setting);
    return hash;
}

static atomic_uint told_count;

struct waiter {
    struct web_login login;
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool is_told;
    unsigned int number; /* among those that were told */
};

static void
tell(void *context)
{
    struct waiter *waiter = context;

    (void)pthread_mutex_lock(&waiter->lock);
    waiter->is_told = true;
    waiter->number = atomic_fetch_add(&told_count, 1);
    (void)pthread_cond_signal(&waiter->told);
    (void)pthread_mutex_unlock(&waiter->lock);
}

static void
waiter_init(struct waiter *waiter)
{
    memset(waiter, 0, sizeof(*waiter));
    (void)pthread_mutex_init(&waiter->lock, NULL);
    (void)pthread_cond_init(&waiter->told, NULL);
    waiter->login.notify = tell;
    waiter->login.context = waiter;
}

static struct sockaddr_in
remote_of(uint32_t number)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(0x0a000000 + number)};
}

static void
header_of(const char *user, const char *password, char *out, size_t out_bytes)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char plain[128] = "";
    size_t used = (size_t)snprintf(out, out_bytes, "Basic ");
    size_t length = (size_t)snprintf(plain, sizeof(plain), "%s:%s", user, password);

    for (size_t i = 0; i < length; i += 3) {
        unsigned int group = (unsigned int)(unsigned char)plain[i] << 16 |
                             (unsigned int)(unsigned char)plain[i + 1] << 8 |
                             (unsigned int)(unsigned char)plain[i + 2];
        char four[5] = {digits[group >> 18], digits[group >> 12 & 63],
                        i + 1 < length ? digits[group >> 6 & 63] : '=',
                        i + 2 < length ? digits[group & 63] : '=', '\0'};

        used += (size_t)snprintf(out + used, out_bytes - used, "%s", four);
    }
}

static enum web_verdict
check(struct web_auth *auth, struct waiter *waiter, uint32_t remote, const char *user,
      const char *password)
{
    char header[256];
    struct sockaddr_in address = remote_of(remote);

    header_of(user, password, header, sizeof(header));
    web_remote_identify((struct sockaddr *)&address, waiter->login.remote);
    return web_auth_check(auth, &all, header, &waiter->login);
}

static enum web_verdict
await(struct web_auth *auth, struct waiter *waiter)
{
    (void)pthread_mutex_lock(&waiter->lock);
    while (!waiter->is_told)
        (void)pthread_cond_wait(&waiter->told, &waiter->lock);
    waiter->is_told = false;
    (void)pthread_mutex_unlock(&waiter->lock);
    return web_auth_result(auth, &waiter->login);
}

static enum web_verdict
log_in(struct web_auth *auth, uint32_t remote, const char *user, const char *password)
{
    struct waiter waiter;

    waiter_init(&waiter);
    enum web_verdict verdict = check(auth, &waiter, remote, user, password);
    if (verdict != WEB_VERDICT_WAIT)
        return verdict;
    web_auth_wait(auth, &waiter.login);
    return await(auth, &waiter);
}

static void
the_password_decides(void **state)
{
    (void)state;
    struct web_auth *auth = web_auth_new(hash_counted);
    assert_int_equal(log_in(auth, 1, "alice", "secret"), WEB_VERDICT_GOOD);
    assert_int_equal(log_in(auth, 1, "empty", ""), WEB_VERDICT_GOOD);
    assert_int_equal(log_in(auth, 1, "colon", "p\u00e4ss:w"), WEB_VERDICT_GOOD);
    assert_int_equal(log_in(auth, 1, "salted", "secret"), WEB_VERDICT_GOOD);
    assert_int_equal(log_in(auth, 1, "alice", "Secret"), WEB_VERDICT_BAD);
    assert_int_equal(log_in(auth, 1, "alice", ""), WEB_VERDICT_BAD);
    assert_int_equal(log_in(auth, 1, "empty", "secret"), WEB_VERDICT_BAD);
    assert_int_equal(log_in(auth, 1, "nobody", "secret"), WEB_VERDICT_BAD);
    assert_int_equal(log_in(auth, 1, "", ""), WEB_VERDICT_BAD);
    web_auth_free(auth);
}

static void
without_users_all_are_let_in(void **state)
{
    (void)state;
    static const struct web_users nobody = {.count = 0};
    struct web_auth *auth = web_auth_new(hash_counted);
    struct waiter waiter;
    waiter_init(&waiter);
    assert_int_equal(web_auth_check(auth, &nobody, NULL, &waiter.login),
                     WEB_VERDICT_GOOD);
    assert_int_equal(web_auth_check(auth, &all, NULL, &waiter.login), WEB_VERDICT_BAD);
    web_auth_free(auth);
    web_auth_free(NULL);
}

static void
what_came_out_is_remembered(void **state)
{
    (void)state;
    struct web_auth *auth = web_auth_new(hash_counted);
    struct waiter waiter;
    waiter_init(&waiter);
    assert_int_equal(log_in(auth, 1, "alice", "secret"), WEB_VERDICT_GOOD);
    assert_int_equal(log_in(auth, 1, "alice", "wrong"), WEB_VERDICT_BAD);
    assert_int_equal(check(auth, &waiter, 2, "alice", "secret"), WEB_VERDICT_GOOD);
    assert_int_equal(check(auth, &waiter, 2, "alice", "wrong"), WEB_VERDICT_BAD);
    /* The same password for another hash is another matter. */
    char header[256];
    struct web_user other = {users[0].name, users[1].hash};
    struct web_users changed = {.list = &other, .count = 1, .bcrypt_cost = 4};
    header_of("alice", "secret", header, sizeof(header));
    assert_int_equal(web_auth_check(auth, &changed, header, &waiter.login),
                     WEB_VERDICT_WAIT);
    web_auth_wait(auth, &waiter.login);
    assert_int_equal(await(auth, &waiter), WEB_VERDICT_BAD);
    web_auth_free(auth);
}

static void
guesses_push_nobody_out(void **state)
{
    (void)state;
    struct web_auth *auth = web_auth_new(hash_counted);
    struct waiter waiter;
    char guess[32];
    waiter_init(&waiter);
    assert_int_equal(log_in(auth, 1, "alice", "secret"), WEB_VERDICT_GOOD);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(guess, sizeof(guess), "guess %d", i);
        assert_int_equal(log_in(auth, 9, i % 2 ? "alice" : "bob", guess),
                         WEB_VERDICT_BAD);
    }
    assert_int_equal(check(auth, &waiter, 1, "alice", "secret"), WEB_VERDICT_GOOD);
    web_auth_free(auth);
}

/* Nothing comes out of the line while its worker waits for us. */
struct gate {
    struct waiter waiter;
    pthread_mutex_t closed;
};

static void
wait_at_gate(void *context)
{
    struct gate *gate = context;

    tell(&gate->waiter);
    (void)pthread_mutex_lock(&gate->closed);
    (void)pthread_mutex_unlock(&gate->closed);
}

static void
gate_close(struct web_auth *auth, struct gate *gate)
{
    waiter_init(&gate->waiter);
    (void)pthread_mutex_init(&gate->closed, NULL);
    (void)pthread_mutex_lock(&gate->closed);
    gate->waiter.login.notify = wait_at_gate;
    gate->waiter.login.context = gate;
    assert_int_equal(check(auth, &gate->waiter, 99, "gate", "keeper"),
                     WEB_VERDICT_WAIT);
    web_auth_wait(auth, &gate->waiter.login);
    assert_int_equal(await(auth, &gate->waiter), WEB_VERDICT_BAD);
}

static void
the_line_is_short_and_shorter_for_each_remote(void **state)
{
    (void)state;
    struct web_auth *auth = web_auth_new(hash_counted);
    struct gate gate;
    struct waiter waiters[WEB_AUTH_WAITING_MAX + 4];
    char guess[32];
    size_t waiting = 0;
    gate_close(auth, &gate);
    for (uint32_t remote = 1; waiting < WEB_AUTH_WAITING_MAX; remote++) {
        for (int i = 0; i < WEB_AUTH_WAITING_PER_REMOTE_MAX; i++) {
            struct waiter *waiter = &waiters[waiting++];

            waiter_init(waiter);
            (void)snprintf(guess, sizeof(guess), "%zu", waiting);
            assert_int_equal(check(auth, waiter, remote, "alice", guess),
                             WEB_VERDICT_WAIT);
            web_auth_wait(auth, &waiter->login);
        }
        struct waiter *more = &waiters[waiting];
        waiter_init(more);
        assert_int_equal(check(auth, more, remote, "alice", "more"), WEB_VERDICT_BUSY);
    }
    struct waiter *late = &waiters[waiting], *same = late + 1;
    /* Who asks what is asked already takes no place. */
    waiter_init(same);
    assert_int_equal(check(auth, same, 1, "alice", "1"), WEB_VERDICT_WAIT);
    web_auth_wait(auth, &same->login);
    /* The last one of those who have most makes room for one who has none. */
    waiter_init(late);
    assert_int_equal(check(auth, late, 50, "alice", "late"), WEB_VERDICT_WAIT);
    web_auth_wait(auth, &late->login);
    assert_int_equal(await(auth, &waiters[3]), WEB_VERDICT_BUSY); /* with `same` */
    (void)pthread_mutex_unlock(&gate.closed);
    for (size_t i = 0; i < waiting; i++)
        if (i != 3)
            assert_int_equal(await(auth, &waiters[i]), WEB_VERDICT_BAD);
    assert_int_equal(await(auth, same), WEB_VERDICT_BAD);
    assert_int_equal(await(auth, late), WEB_VERDICT_BAD);
    assert_int_equal(log_in(auth, 50, "alice", "secret"), WEB_VERDICT_GOOD);
    web_auth_free(auth);
}

#define GUESSERS 12
#define GUESSES 5

/* From everywhere at once, and as many as may. */
static size_t
guess_from_everywhere(struct web_auth *auth, struct waiter *waiters)
{
    size_t waiting = 0;
    char guess[32];

    for (uint32_t i = 0; i < GUESSERS * GUESSES; i++) {
        struct waiter *waiter = &waiters[waiting];

        waiter_init(waiter);
        (void)snprintf(guess, sizeof(guess), "guess %u", i);
        if (check(auth, waiter, i % GUESSERS, "alice", guess) != WEB_VERDICT_WAIT)
            continue;
        waiting++;
        web_auth_wait(auth, &waiter->login);
    }
    return waiting;
}

/* One who has not guessed is let in beside them, and is the next. */
static void
who_knows_the_password_gets_in(void **state)
{
    struct waiter waiters[GUESSERS * GUESSES], waiter;
    struct web_auth *auth = web_auth_new(hash_counted);
    struct gate gate;
    char guess[32];

    (void)state;
    for (uint32_t i = 0; i < GUESSERS; i++) {
        (void)snprintf(guess, sizeof(guess), "first %u", i);
        assert_int_equal(log_in(auth, i, "alice", guess), WEB_VERDICT_BAD);
    }
    gate_close(auth, &gate);
    size_t waiting = guess_from_everywhere(auth, waiters);
    assert_true(waiting >= WEB_AUTH_WAITING_MAX);
    waiter_init(&waiter);
    assert_int_equal(check(auth, &waiter, 1000, "alice", "secret"), WEB_VERDICT_WAIT);
    web_auth_wait(auth, &waiter.login);
    /* One more of their guesses finds the line full of its like. */
    struct waiter late;
    waiter_init(&late);
    assert_int_equal(check(auth, &late, 0, "alice", "late"), WEB_VERDICT_BUSY);
    unsigned int before = atomic_load(&told_count);
    (void)pthread_mutex_unlock(&gate.closed);
    assert_int_equal(await(auth, &waiter), WEB_VERDICT_GOOD);
    assert_int_equal(waiter.number, before);
    web_auth_stop(auth); /* whoever still waits is told */
    for (size_t i = 0; i < waiting; i++)
        assert_int_not_equal(await(auth, &waiters[i]), WEB_VERDICT_GOOD);
    web_auth_free(auth);
}

static void *
stop_auth(void *auth)
{
    web_auth_stop(auth);
    return NULL;
}

static void
the_end_wakes_those_who_wait(void **state)
{
    (void)state;
    struct web_auth *auth = web_auth_new(hash_counted);
    struct gate gate;
    struct waiter waiter, late;
    pthread_t stopper;
    gate_close(auth, &gate);
    waiter_init(&waiter);
    assert_int_equal(check(auth, &waiter, 1, "alice", "secret"), WEB_VERDICT_WAIT);
    web_auth_wait(auth, &waiter.login);
    /* It is behind the gate, which opens while the end is waited for. */
    assert_int_equal(pthread_create(&stopper, NULL, stop_auth, auth), 0);
    (void)pthread_mutex_unlock(&gate.closed);
    (void)pthread_join(stopper, NULL);
    enum web_verdict verdict = await(auth, &waiter);
    assert_true(verdict == WEB_VERDICT_BUSY || verdict == WEB_VERDICT_GOOD);
    waiter_init(&late);
    if (check(auth, &late, 1, "alice", "other") == WEB_VERDICT_WAIT) {
        web_auth_wait(auth, &late.login);
        assert_int_equal(await(auth, &late), WEB_VERDICT_BUSY);
    }
    web_auth_free(auth);
}

/* One hash is computed, and its cost is 8. */
static void
costs_as_much(const char *user)
{
    struct web_user alice = {
        users[0].name,
        (char[]){"$2y$08$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"}};
    const struct web_users of = {.list = &alice, .count = 1, .bcrypt_cost = 8};
    struct web_auth *auth = web_auth_new(hash_counted);
    unsigned int before = hashes.computed;
    struct waiter waiter;
    char header[256];

    waiter_init(&waiter);
    header_of(user, "guess", header, sizeof(header));
    assert_int_equal(web_auth_check(auth, &of, header, &waiter.login),
                     WEB_VERDICT_WAIT);
    web_auth_wait(auth, &waiter.login);
    assert_int_equal(await(auth, &waiter), WEB_VERDICT_BAD);
    assert_int_equal(hashes.computed, before + 1);
    assert_memory_equal(hashes.setting, "$2", 2);
    assert_memory_equal(hashes.setting + 3, "$08$", 4);
    web_auth_free(auth);
}

static void
an_unknown_user_costs_as_much(void **state)
{
    (void)state;
    costs_as_much("alice");
    costs_as_much("mallory");
    costs_as_much("");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_password_decides),
        cmocka_unit_test(without_users_all_are_let_in),
        cmocka_unit_test(what_came_out_is_remembered),
        cmocka_unit_test(guesses_push_nobody_out),
        cmocka_unit_test(the_line_is_short_and_shorter_for_each_remote),
        cmocka_unit_test(who_knows_the_password_gets_in),
        cmocka_unit_test(the_end_wakes_those_who_wait),
        cmocka_unit_test(an_unknown_user_costs_as_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
