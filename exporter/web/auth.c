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
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 32
#define BCRYPT_SALT_BYTES 29 /* $2b$10$ and 22 characters */
#define GOOD_MAX WEB_USERS_MAX
#define BAD_MAX 64
#define WORKER_STACK_BYTES ((size_t)256 << 10)

/* What bcrypt needs, copied: the configuration may be another one by then. */
struct web_auth_attempt {
    char hash[WEB_BCRYPT_BYTES + 1];
    char password[WEB_PASSWORD_BYTES_MAX + 1];
    bool user_exists;
};

/* The last ones, up to its size. */
struct memory_ring {
    size_t next, count, size;
    unsigned char digests[GOOD_MAX][WEB_AUTH_DIGEST_BYTES];
};

struct web_auth {
    char *(*hash)(const char *password, const char *setting, struct crypt_data *data);
    unsigned char key[KEY_BYTES];
    struct crypt_data *crypt; /* 32 KiB; the worker's */
    pthread_mutex_t lock;     /* guards everything below */
    pthread_cond_t work;
    pthread_t thread;
    bool started, stopping;
    struct memory_ring good, bad;
    struct web_login *first, **last; /* waiting */
    size_t waiting;
};

/* --- what is remembered; under the lock --- */

static bool
ring_has(const struct memory_ring *ring, const unsigned char *digest)
{
    bool found = false;

    for (size_t i = 0; i < ring->count; i++)
        found |= gnutls_memcmp(ring->digests[i], digest, WEB_AUTH_DIGEST_BYTES) == 0;
    return found;
}

static void
ring_add(struct memory_ring *ring, const unsigned char *digest)
{
    memcpy(ring->digests[ring->next], digest, WEB_AUTH_DIGEST_BYTES);
    ring->next = (ring->next + 1) % ring->size;
    if (ring->count < ring->size)
        ring->count++;
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
        auth->waiting--;
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
    struct web_login *taken = line_take(auth, digest);
    (void)pthread_mutex_unlock(&auth->lock);
    line_tell(auth, taken, good ? WEB_VERDICT_GOOD : WEB_VERDICT_BAD);
}

static void *
worker_main(void *argument)
{
    struct web_auth *auth = argument;

    for (;;) {
        (void)pthread_mutex_lock(&auth->lock);
        while (!auth->first && !auth->stopping)
            (void)pthread_cond_wait(&auth->work, &auth->lock);
        bool stopping = auth->stopping;
        struct web_login *login = stopping ? line_take(auth, NULL) : auth->first;
        (void)pthread_mutex_unlock(&auth->lock);
        if (stopping) {
            line_tell(auth, login, WEB_VERDICT_BUSY);
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
    auth->bad.size = BAD_MAX;
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

/* An IPv6 client has a whole /64 for itself. */
static void
remote_identify(const struct sockaddr *remote, unsigned char *out)
{
    memset(out, 0, WEB_AUTH_REMOTE_BYTES);
    if (!remote)
        return;
    if (remote->sa_family == AF_INET) {
        struct sockaddr_in four;

        memcpy(&four, remote, sizeof(four));
        memcpy(out, &four.sin_addr, sizeof(four.sin_addr));
    } else if (remote->sa_family == AF_INET6) {
        struct sockaddr_in6 six;

        memcpy(&six, remote, sizeof(six));
        bool mapped = IN6_IS_ADDR_V4MAPPED(&six.sin6_addr);
        memcpy(out, mapped ? six.sin6_addr.s6_addr + 12 : six.sin6_addr.s6_addr,
               mapped ? 4 : 8);
    }
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

/* Whether there is a place in the line; who asks what is asked already needs none. */
static bool
line_has_room(const struct web_auth *auth, const struct web_login *login)
{
    size_t of_remote = 0;

    for (const struct web_login *other = auth->first; other; other = other->next) {
        if (memcmp(other->digest, login->digest, sizeof(login->digest)) == 0)
            return true;
        of_remote += memcmp(other->remote, login->remote, sizeof(login->remote)) == 0;
    }
    return auth->waiting < WEB_AUTH_WAITING_MAX &&
           of_remote < WEB_AUTH_WAITING_PER_REMOTE_MAX;
}

/* Under the lock. */
static enum web_verdict
judge(const struct web_auth *auth, const struct web_login *login)
{
    if (ring_has(&auth->good, login->digest))
        return WEB_VERDICT_GOOD;
    if (ring_has(&auth->bad, login->digest))
        return WEB_VERDICT_BAD;
    return line_has_room(auth, login) ? WEB_VERDICT_WAIT : WEB_VERDICT_BUSY;
}

enum web_verdict
web_auth_check(struct web_auth *auth, const struct web_users *users,
               const char *authorization, const struct sockaddr *remote,
               struct web_login *login)
{
    struct web_credentials credentials;
    enum web_verdict verdict = WEB_VERDICT_BAD;

    if (users->count == 0)
        return WEB_VERDICT_GOOD;
    if (!authorization || !web_credentials_read(authorization, &credentials))
        return WEB_VERDICT_BAD;
    struct web_auth_attempt *attempt = memory_new(1, sizeof(*attempt));
    attempt_fill(attempt, users, &credentials);
    remote_identify(remote, login->remote);
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

void
web_auth_wait(struct web_auth *auth, struct web_login *login)
{
    (void)pthread_mutex_lock(&auth->lock);
    bool waits = !auth->stopping && worker_start(auth);
    if (waits) {
        login->next = NULL;
        login->verdict = WEB_VERDICT_WAIT;
        *auth->last = login;
        auth->last = &login->next;
        auth->waiting++;
        (void)pthread_cond_signal(&auth->work);
    }
    (void)pthread_mutex_unlock(&auth->lock);
    if (waits)
        return;
    login->next = NULL;
    line_tell(auth, login, WEB_VERDICT_BUSY);
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
