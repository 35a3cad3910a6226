/* The policy in force, and the watch over its files. */
#include "web/access.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "kit/failure.h"
#include "kit/memory.h"
#include "web/config.h"
#include "web/tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FILES 4 /* the configuration, certificate, key, authorities */

struct watched_file {
    char *path;         /* NULL: none */
    struct stat status; /* all zero: it was not there */
};

struct web_access {
    char *path;
    bool may_be_absent; /* guarded by `reading` */
    void (*reloaded)(void *context, bool successful);
    void *context;
    pthread_t watcher;
    bool watched;
    pthread_mutex_t reading;          /* guards the files; held while they are read */
    struct watched_file files[FILES]; /* as they were before the last attempt */
    pthread_mutex_t lock; /* guards the policy and the stop; held for a moment */
    pthread_cond_t stop;
    bool stopping;
    struct web_policy *policy; /* in force */
    struct web_policy
        *former; /* ... until a reload that is not settled; the reader's */
};

/* --- files --- */

static struct stat
status_of(const char *path)
{
    struct stat status;

    if (!path || stat(path, &status) < 0)
        return (struct stat){.st_ino = 0};
    return status;
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Before it is read: what changes meanwhile is seen as a change later. */
static void
file_note(struct watched_file *file, const char *path)
{
    char *copy = path ? memory_string(path) : NULL;

    free(file->path);
    file->path = copy;
    file->status = status_of(path);
}

static bool
files_differ(const struct web_access *access)
{
    bool differ = false;

    for (size_t i = 0; i < FILES; i++) {
        struct stat status = status_of(access->files[i].path);

        differ |= !is_same_file(&status, &access->files[i].status);
    }
    return differ;
}

/* Of the file that is read now; NULL: none. */
static const char *
path_now(const struct web_access *access)
{
    return access->may_be_absent && file_is_absent(access->path) ? NULL : access->path;
}

static struct web_policy *
policy_load(struct web_access *access, struct failure *why)
{
    file_note(&access->files[0], access->path);
    const char *path = path_now(access);
    struct web_config *config = web_config_load(path, why);

    if (!config)
        return NULL;
    /* Who had a file with users is not left without because somebody moves it away. */
    access->may_be_absent = access->may_be_absent && !path;
    file_note(&access->files[1], config->tls.cert.path);
    file_note(&access->files[2], config->tls.key.path);
    file_note(&access->files[3], config->tls.client_ca.path);
    struct web_policy *policy = memory_new(1, sizeof(*policy));

    atomic_init(&policy->references, 1);
    policy->config = config;
    policy->path = path ? access->path : NULL;
    if (!config->tls.enabled)
        return policy;
    policy->tls = web_tls_new(&config->tls, why);
    if (policy->tls)
        return policy;
    web_policy_unref(policy);
    return NULL;
}

/* --- the policy in force --- */

/* Returns the one that was in force. */
static struct web_policy *
policy_put(struct web_access *access, struct web_policy *policy)
{
    (void)pthread_mutex_lock(&access->lock);
    struct web_policy *old = access->policy;

    access->policy = policy;
    (void)pthread_mutex_unlock(&access->lock);
    return old;
}

static void
tell(const struct web_access *access, bool good)
{
    if (access->reloaded)
        access->reloaded(access->context, good);
}

/* A listener is for TLS or it is not, from its start on. */
static int
policy_replace(struct web_access *access, struct failure *why)
{
    struct web_policy *policy = policy_load(access, why);

    if (!policy)
        return -1;
    if (!policy->tls == !access->policy->tls) {
        web_policy_unref(policy_put(access, policy));
        return 0;
    }
    failure_set(why, FAILURE_UNAVAILABLE,
                "%s: TLS is switched %s; send SIGHUP, or start anew", access->path,
                policy->tls ? "on" : "off");
    web_policy_unref(policy);
    return -1;
}

/* What is read is held until it is settled. */
int
web_access_reload(struct web_access *access, struct failure *why)
{
    if (!access->path)
        return 0;
    (void)pthread_mutex_lock(&access->reading);
    struct web_policy *policy = policy_load(access, why);

    if (policy) {
        access->former = policy_put(access, policy);
        return 0;
    }
    tell(access, false);
    (void)pthread_mutex_unlock(&access->reading);
    return -1;
}

void
web_access_settle(struct web_access *access, bool good)
{
    if (!access->former)
        return;
    web_policy_unref(good ? access->former : policy_put(access, access->former));
    access->former = NULL;
    tell(access, good);
    (void)pthread_mutex_unlock(&access->reading);
}

static void
watch_once(struct web_access *access)
{
    struct failure why;

    (void)pthread_mutex_lock(&access->reading);
    bool differ = files_differ(access);
    bool good = differ && policy_replace(access, &why) == 0;
    if (differ)
        tell(access, good);
    (void)pthread_mutex_unlock(&access->reading);
    if (good)
        log_info("the web configuration has changed and is in force");
    else if (differ)
        log_error("the changed web configuration is refused, the old one stays",
                  LOG_STR("error", why.text));
}

static bool
watch_sleep(struct web_access *access)
{
    int64_t until_ns = clock_monotonic_ns() + WEB_ACCESS_WATCH_NS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    int code = 0;

    (void)pthread_mutex_lock(&access->lock);
    while (!access->stopping && code == 0)
        code = pthread_cond_timedwait(&access->stop, &access->lock, &until);
    bool goes_on = !access->stopping;
    (void)pthread_mutex_unlock(&access->lock);
    return goes_on;
}

static void *
watch_main(void *argument)
{
    while (watch_sleep(argument))
        watch_once(argument);
    return NULL;
}

static void
watch_start(struct web_access *access)
{
    access->watched =
        thread_start(&access->watcher, "web-watch", 0, watch_main, access) == 0;
    if (!access->watched)
        log_warn("no thread for the watch over the web configuration; SIGHUP reads it");
}

/* --- from outside --- */

struct web_access *
web_access_open(const char *path, bool may_be_absent,
                void (*reloaded)(void *context, bool successful), void *context,
                struct failure *why)
{
    struct web_access *access = memory_new(1, sizeof(*access));
    pthread_condattr_t monotonic;

    access->path = path ? memory_string(path) : NULL;
    access->may_be_absent = path && may_be_absent;
    access->reloaded = reloaded;
    access->context = context;
    (void)pthread_mutex_init(&access->reading, NULL);
    (void)pthread_mutex_init(&access->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&access->stop, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    access->policy = policy_load(access, why);
    if (!access->policy) {
        web_access_close(access);
        return NULL;
    }
    if (path)
        watch_start(access);
    return access;
}

void
web_access_close(struct web_access *access)
{
    if (!access)
        return;
    (void)pthread_mutex_lock(&access->lock);
    access->stopping = true;
    (void)pthread_cond_signal(&access->stop);
    (void)pthread_mutex_unlock(&access->lock);
    if (access->watched)
        (void)pthread_join(access->watcher, NULL);
    web_policy_unref(access->policy);
    for (size_t i = 0; i < FILES; i++)
        free(access->files[i].path);
    (void)pthread_cond_destroy(&access->stop);
    (void)pthread_mutex_destroy(&access->lock);
    (void)pthread_mutex_destroy(&access->reading);
    free(access->path);
    free(access);
}

struct web_policy *
web_access_get(struct web_access *access)
{
    (void)pthread_mutex_lock(&access->lock);
    struct web_policy *policy = access->policy;

    atomic_fetch_add(&policy->references, 1);
    (void)pthread_mutex_unlock(&access->lock);
    return policy;
}

void
web_policy_unref(struct web_policy *policy)
{
    if (!policy || atomic_fetch_sub(&policy->references, 1) > 1)
        return;
    web_tls_free(policy->tls);
    web_config_free(policy->config);
    free(policy);
}

bool
web_policy_takes_request(struct web_policy *policy, int64_t now_ns)
{
    int64_t interval_ns = policy->config->rate_limit.interval_ns;
    int64_t spare_ns = interval_ns * (policy->config->rate_limit.burst - 1);

    int_fast64_t full_ns = atomic_load(&policy->full_ns);
    int_fast64_t from_ns;

    if (interval_ns == 0)
        return true;
    do {
        from_ns = full_ns > now_ns ? full_ns : now_ns;
        if (from_ns - now_ns > spare_ns)
            return false;
    } while (!atomic_compare_exchange_weak(&policy->full_ns, &full_ns,
                                           from_ns + interval_ns));
    return true;
}
