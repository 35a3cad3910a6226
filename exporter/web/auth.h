/* Log-ins by HTTP Basic.  A bcrypt hash takes a tenth of a second and more by design,
 * so it is computed on a thread of its own, one at a time, and what came out is
 * remembered: who has logged in once never waits again.  Guesses wait in a line that is
 * short, and shorter for each remote (web/remote.h).  Whose remote has guessed wrong of
 * late goes later, but does go; a remote that has nobody in the line finds a place as
 * long as another has two. */
#ifndef WEB_AUTH_H
#define WEB_AUTH_H

#include "web/remote.h"

#include <stdbool.h>
#include <stddef.h>

#define WEB_AUTH_WAITING_MAX 32
#define WEB_AUTH_WAITING_PER_REMOTE_MAX 4
#define WEB_AUTH_DIGEST_BYTES 32

struct crypt_data;
struct web_auth;
struct web_users;

enum web_verdict {
    WEB_VERDICT_NONE, /* not asked yet */
    WEB_VERDICT_GOOD, /* let in */
    WEB_VERDICT_BAD,  /* 401 */
    WEB_VERDICT_WAIT, /* call web_auth_wait() */
    WEB_VERDICT_BUSY, /* too many guesses are waiting: 429 */
};

/* `hash` is crypt_r(3), or a test's.  Starts no thread before it is needed. */
struct web_auth *web_auth_new(char *(*hash)(const char *password, const char *setting,
                                            struct crypt_data *data));
/* Those who wait are notified first, with WEB_VERDICT_BUSY. */
void web_auth_stop(struct web_auth *auth);
void web_auth_free(struct web_auth *auth); /* NULL is fine; stops as well */

/* One request that may have to wait; the caller's, zeroed at first, and must stay until
 * it was notified. */
struct web_login {
    enum web_verdict verdict;
    void (*notify)(void *context); /* on the thread of the hashes */
    void *context;
    unsigned char remote[WEB_REMOTE_BYTES]; /* whose it is */
    /* Only for this module, from here on. */
    struct web_login *next;
    struct web_auth_attempt *attempt;
    bool has_place; /* in the line: nobody before it asks the same */
    size_t arrival; /* hashes that were computed before it came */
    size_t guesses; /* that were wrong of late, of its remote */
    unsigned char digest[WEB_AUTH_DIGEST_BYTES];
};

/* `authorization` is the header's value or NULL.  Without users everybody is let in.
 * Any thread, but one at a time for each login. */
enum web_verdict web_auth_check(struct web_auth *auth, const struct web_users *users,
                                const char *authorization, struct web_login *login);
/* Only after WEB_VERDICT_WAIT, when the caller is ready to be notified; that may come
 * before this returns. */
void web_auth_wait(struct web_auth *auth, struct web_login *login);
/* What came out, once `notify` was called; resets the login. */
enum web_verdict web_auth_result(struct web_auth *auth, struct web_login *login);

#endif
