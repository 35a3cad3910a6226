/* A short line of attempts, one thread that hashes, and what it has found out.
 *
 * What is remembered is not the password but its keyed digest, together with user and
 * hash: another hash in the configuration makes another digest, so that a reload
 * forgets whom it must.  Those who were let in and those who were not are kept apart,
 * so that guesses push nobody out. */
#include "web/auth.h"

#include "base/thread.h"
#include "kit/memory.h"
#include "web/config_users.h"
#include "web/credentials.h"

#include <crypt.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 32
#define BCRYPT_SALT_BYTES 29 /* $2b$10$ and 22 characters */
#define GOOD_MAX WEB_USERS_MAX
#define BAD_MAX 64
#define GUESSES_MAX 256 /* wrong ones whose remote is remembered */
#define WORKER_STACK_BYTES ((size_t)256 << 10)

/* What bcrypt needs, copied: the configuration may be another one by then. */
struct web_auth_attempt {
    char hash[WEB_BCRYPT_BYTES + 1];
    char password[WEB_PASSWORD_BYTES_MAX + 1];
    bool user_exists;
};

/* The last entries, up to its size. */
struct ring {
    size_t next, count, size, entry_bytes;
    unsigned char entries[GOOD_MAX * WEB_AUTH_DIGEST_BYTES]; /* for the largest */
};
_Static_assert(GUESSES_MAX *WEB_REMOTE_BYTES <= GOOD_MAX * WEB_AUTH_DIGEST_BYTES &&
                   BAD_MAX <= GOOD_MAX,
               "each ring has room");

struct web_auth {
    char *(*hash)(const char *password, const char *setting, struct crypt_data *data);
    unsigned char key[KEY_BYTES];
    struct crypt_data *crypt; /* 32 KiB; the worker's */
    pthread_mutex_t lock;     /* guards everything below */
    pthread_cond_t work;
    pthread_t thread;
    bool started, stopping;
    struct ring good, bad;           /* digests */
    struct ring guesses;             /* remotes that the last wrong ones came from */
    struct web_login *first, **last; /* waiting */
    struct web_login *working;       /* among them; NULL: none */
    size_t waiting;                  /* that have a place */
    size_t computed;                 /* hashes */
};

/* --- what is remembered; under the lock --- */

/* How often it holds the entry; that takes the same time whichever it is. */
static size_t
ring_count(const struct ring *ring, const unsigned char *entry)
{
    size_t count = 0;

    for (size_t i = 0; i < ring->count; i++)
        count += gnutls_memcmp(&ring->entries[i * ring->entry_bytes], entry,
                               ring->entry_bytes) == 0;
    return count;
}

static void
ring_add(struct ring *ring, const unsigned char *entry)
{
    memcpy(&ring->entries[ring->next * ring->entry_bytes], entry, ring->entry_bytes);
    ring->next = (ring->next + 1) % ring->size;
    if (ring->count < ring->size)
        ring->count++;
}

static bool
is_of(const struct web_login *login, const unsigned char *remote)
{
    return memcmp(login->remote, remote, WEB_REMOTE_BYTES) == 0;
}

/* A wrong guess is the remote's, also of those of it that still wait. */
static void
guesses_add(struct web_auth *auth, const unsigned char *remote)
{
    ring_add(&auth->guesses, remote);
    for (struct web_login *login = auth->first; login; login = login->next)
        login->guesses += is_of(login, remote);
}

/* --- the line; under the lock --- */

static size_t
waiting_of(const struct web_auth *auth, const unsigned char *remote)
{
    size_t count = 0;

    for (const struct web_login *login = auth->first; login; login = login->next)
        count += is_of(login, remote);
    return count;
}

/* When its turn is, in hashes: who has guessed wrong goes behind a whole line of those
 * who have not. */
static size_t
turn_of(const struct web_login *login)
{
    return login->arrival + (login->guesses > 0 ? WEB_AUTH_WAITING_MAX : 0);
}

static struct web_login *
line_next(const struct web_auth *auth)
{
    struct web_login *next = auth->first;

    for (struct web_login *login = auth->first; login; login = login->next) {
        if (turn_of(login) < turn_of(next))
            next = login;
    }
    return next;
}

/* Whether `one` is to give up its place rather than `other`: if its remote has more in
 * the line, or as many and its turn is later. */
static bool
yields(const struct web_login *one, size_t one_has, const struct web_login *other,
       size_t other_has)
{
    return one_has > other_has ||
           (one_has == other_has && turn_of(one) > turn_of(other));
}

/* Who gives up its place if one must; of equals the last.  NULL: there is only the one
 * that is worked on. */
static struct web_login *
line_worst(const struct web_auth *auth)
{
    struct web_login *worst = NULL;
    size_t worst_has = 0;

    for (struct web_login *login = auth->first; login; login = login->next) {
        size_t has = waiting_of(auth, login->remote);

        if (!login->has_place || login == auth->working ||
            (worst && yields(worst, worst_has, login, has)))
            continue;
        worst = login;
        worst_has = has;
    }
    return worst;
}

/* --- the worker --- */

static bool
attempt_is_good(struct web_auth *auth, const struct web_auth_attempt *attempt)
{
    const char *hashed =
        auth->hash(attempt->password, attempt->hash, auth->crypt); /* or "*..." */

    /* What stands in front is the salt, of which two spellings are the same. */
    bool equal =
        hashed && strlen(hashed) == WEB_BCRYPT_BYTES &&
        gnutls_memcmp(hashed + BCRYPT_SALT_BYTES, attempt->hash + BCRYPT_SALT_BYTES,
                      WEB_BCRYPT_BYTES - BCRYPT_SALT_BYTES) == 0;
    explicit_bzero(auth->crypt, sizeof(*auth->crypt));
    return equal && attempt->user_exists;
}

static void
attempt_free(struct web_auth_attempt *attempt)
{
    if (attempt)
        explicit_bzero(attempt, sizeof(*attempt));
    free(attempt);
}

/* Takes the logins of that digest (NULL: all) out of the line. */
static struct web_login *
line_take(struct web_auth *auth, const unsigned char *digest)
{
    struct web_login *taken = NULL, **at = &auth->first;

    while (*at) {
        struct web_login *login = *at;

        if (digest && memcmp(login->digest, digest, WEB_AUTH_DIGEST_BYTES) != 0) {
            at = &login->next;
            continue;
        }
        *at = login->next;
        login->next = taken;
        taken = login;
        auth->waiting -= login->has_place;
    }
    auth->last = at;
    return taken;
}

/* From the notification on the login belongs to its owner again. */
static void
line_tell(struct web_auth *auth, struct web_login *taken, enum web_verdict verdict)
{
    while (taken) {
        struct web_login *login = taken;

        taken = login->next;
        attempt_free(login->attempt);
        login->attempt = NULL;
        (void)pthread_mutex_lock(&auth->lock);
        login->verdict = verdict;
        (void)pthread_mutex_unlock(&auth->lock);
        login->notify(login->context);
    }
}

/* Who asks the same at the same time gets the same answer. */
static void
work_one(struct web_auth *auth, struct web_login *login)
{
    unsigned char digest[WEB_AUTH_DIGEST_BYTES];

    memcpy(digest, login->digest, sizeof(digest));
    bool good = attempt_is_good(auth, login->attempt);
    (void)pthread_mutex_lock(&auth->lock);
    ring_add(good ? &auth->good : &auth->bad, digest);
    if (!good)
        guesses_add(auth, login->remote);
    auth->working = NULL;
    auth->computed++;
    struct web_login *taken = line_take(auth, digest);
    (void)pthread_mutex_unlock(&auth->lock);
    line_tell(auth, taken, good ? WEB_VERDICT_GOOD : WEB_VERDICT_BAD);
}

/* Whose turn it is, once there is one; NULL: the thread is to end. */
static struct web_login *
line_await(struct web_auth *auth)
{
    while (!auth->first && !auth->stopping)
        (void)pthread_cond_wait(&auth->work, &auth->lock);
    return auth->stopping ? NULL : line_next(auth);
}

static void *
worker_main(void *argument)
{
    struct web_auth *auth = argument;

    for (;;) {
        (void)pthread_mutex_lock(&auth->lock);
        struct web_login *login = line_await(auth);
        struct web_login *left = login ? NULL : line_take(auth, NULL);
        auth->working = login;
        (void)pthread_mutex_unlock(&auth->lock);
        if (!login) {
            line_tell(auth, left, WEB_VERDICT_BUSY);
            return NULL;
        }
        work_one(auth, login); /* it stays in the line meanwhile */
    }
}

static bool
worker_start(struct web_auth *auth)
{
    if (!auth->started)
        auth->started = thread_start(&auth->thread, "web-login", WORKER_STACK_BYTES,
                                     worker_main, auth) == 0;
    return auth->started;
}

/* --- from outside --- */

struct web_auth *
web_auth_new(char *(*hash)(const char *password, const char *setting,
                           struct crypt_data *data))
{
    struct web_auth *auth = memory_new(1, sizeof(*auth));

    auth->hash = hash;
    auth->crypt = memory_new(1, sizeof(*auth->crypt));
    auth->last = &auth->first;
    auth->good.size = GOOD_MAX;
    auth->good.entry_bytes = WEB_AUTH_DIGEST_BYTES;
    auth->bad.size = BAD_MAX;
    auth->bad.entry_bytes = WEB_AUTH_DIGEST_BYTES;
    auth->guesses.size = GUESSES_MAX;
    auth->guesses.entry_bytes = WEB_REMOTE_BYTES;
    if (gnutls_rnd(GNUTLS_RND_KEY, auth->key, sizeof(auth->key)) < 0)
        abort(); /* a known key would be worse */
    (void)pthread_mutex_init(&auth->lock, NULL);
    (void)pthread_cond_init(&auth->work, NULL);
    return auth;
}

void
web_auth_stop(struct web_auth *auth)
{
    (void)pthread_mutex_lock(&auth->lock);
    bool join = auth->started && !auth->stopping;
    auth->stopping = true;
    (void)pthread_cond_signal(&auth->work);
    (void)pthread_mutex_unlock(&auth->lock);
    if (join)
        (void)pthread_join(auth->thread, NULL);
}

void
web_auth_free(struct web_auth *auth)
{
    if (!auth)
        return;
    web_auth_stop(auth);
    (void)pthread_cond_destroy(&auth->work);
    (void)pthread_mutex_destroy(&auth->lock);
    free(auth->crypt);
    explicit_bzero(auth, sizeof(*auth));
    free(auth);
}

/* An unknown user costs as much time as a known one. */
static void
attempt_fill(struct web_auth_attempt *attempt, const struct web_users *users,
             const struct web_credentials *credentials)
{
    const struct web_user *user = web_config_user(users, credentials->user);

    attempt->user_exists = user;
    if (user)
        (void)snprintf(attempt->hash, sizeof(attempt->hash), "%s", user->hash);
    else
        (void)snprintf(attempt->hash, sizeof(attempt->hash), "$2b$%02d$%053d",
                       users->bcrypt_cost, 0);
    memcpy(attempt->password, credentials->password, sizeof(attempt->password));
}

static int
digest_make(const struct web_auth *auth, const struct web_credentials *credentials,
            const struct web_auth_attempt *attempt, unsigned char *digest)
{
    struct {
        struct web_credentials credentials; /* filled up with NULs */
        char hash[WEB_BCRYPT_BYTES + 1];
    } all = {.credentials = *credentials};
    memcpy(all.hash, attempt->hash, sizeof(all.hash));
    int code = gnutls_hmac_fast(GNUTLS_MAC_SHA256, auth->key, sizeof(auth->key), &all,
                                sizeof(all), digest);
    explicit_bzero(&all, sizeof(all));
    return code;
}

static bool
is_asked_already(const struct web_auth *auth, const struct web_login *login)
{
    for (const struct web_login *other = auth->first; other; other = other->next) {
        if (memcmp(other->digest, login->digest, sizeof(login->digest)) == 0)
            return true;
    }
    return false;
}

/* Whether there is a place in the line; who asks what is asked already needs none. */
static bool
line_has_room(const struct web_auth *auth, const struct web_login *login)
{
    size_t of_remote = waiting_of(auth, login->remote);

    if (is_asked_already(auth, login))
        return true;
    if (of_remote >= WEB_AUTH_WAITING_PER_REMOTE_MAX)
        return false;
    if (auth->waiting < WEB_AUTH_WAITING_MAX)
        return true;
    const struct web_login *worst = line_worst(auth);

    return worst &&
           yields(worst, waiting_of(auth, worst->remote), login, of_remote + 1);
}

/* Under the lock. */
static enum web_verdict
judge(const struct web_auth *auth, struct web_login *login)
{
    login->arrival = auth->computed;
    login->guesses = ring_count(&auth->guesses, login->remote);
    if (ring_count(&auth->good, login->digest) > 0)
        return WEB_VERDICT_GOOD;
    if (ring_count(&auth->bad, login->digest) > 0)
        return WEB_VERDICT_BAD;
    return line_has_room(auth, login) ? WEB_VERDICT_WAIT : WEB_VERDICT_BUSY;
}

enum web_verdict
web_auth_check(struct web_auth *auth, const struct web_users *users,
               const char *authorization, struct web_login *login)
{
    struct web_credentials credentials;
    enum web_verdict verdict = WEB_VERDICT_BAD;

    if (users->count == 0)
        return WEB_VERDICT_GOOD;
    if (!authorization || !web_credentials_read(authorization, &credentials))
        return WEB_VERDICT_BAD;
    struct web_auth_attempt *attempt = memory_new(1, sizeof(*attempt));
    attempt_fill(attempt, users, &credentials);
    if (digest_make(auth, &credentials, attempt, login->digest) == 0) {
        (void)pthread_mutex_lock(&auth->lock);
        verdict = judge(auth, login);
        (void)pthread_mutex_unlock(&auth->lock);
    }
    explicit_bzero(&credentials, sizeof(credentials));
    if (verdict == WEB_VERDICT_WAIT)
        login->attempt = attempt;
    else
        attempt_free(attempt);
    return verdict;
}

/* Under the lock.  Whoever it puts out for this one, or this one itself. */
static struct web_login *
line_add(struct web_auth *auth, struct web_login *login)
{
    login->next = NULL;
    login->verdict = WEB_VERDICT_WAIT;
    login->has_place = !is_asked_already(auth, login);
    *auth->last = login;
    auth->last = &login->next;
    auth->waiting += login->has_place;
    if (auth->waiting <= WEB_AUTH_WAITING_MAX)
        return NULL;
    const struct web_login *worst = line_worst(auth);

    return worst ? line_take(auth, worst->digest) : NULL;
}

void
web_auth_wait(struct web_auth *auth, struct web_login *login)
{
    struct web_login *put_out = login;

    (void)pthread_mutex_lock(&auth->lock);
    login->next = NULL;
    if (!auth->stopping && worker_start(auth)) {
        put_out = line_add(auth, login);
        (void)pthread_cond_signal(&auth->work);
    }
    (void)pthread_mutex_unlock(&auth->lock);
    line_tell(auth, put_out, WEB_VERDICT_BUSY);
}

enum web_verdict
web_auth_result(struct web_auth *auth, struct web_login *login)
{
    (void)pthread_mutex_lock(&auth->lock);
    enum web_verdict verdict = login->verdict;
    if (verdict != WEB_VERDICT_WAIT)
        login->verdict = WEB_VERDICT_NONE;
    (void)pthread_mutex_unlock(&auth->lock);
    return verdict;
}
