/* A libvirt that is played, to be preloaded before the real one: domains with agents of
 * some kind (played.h), as many as PLAYED says ("honest:20,hog:12"). */
#include "played.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DOMAINS_MAX 256
#define SUBSCRIPTIONS_MAX 64

static struct played domains[DOMAINS_MAX];
static size_t domains_count;
static struct timespec began;

static pthread_mutex_t subscriptions_lock = PTHREAD_MUTEX_INITIALIZER;
static struct subscription {
    virConnectPtr connection;
    virConnectDomainEventAgentLifecycleCallback callback; /* NULL: of another event */
    void *opaque;
    virFreeCallback free_opaque; /* NULL: none */
} subscriptions[SUBSCRIPTIONS_MAX];
/* What libvirt frees without a word when the connection is closed. */
static struct subscription closing[SUBSCRIPTIONS_MAX];

static _Thread_local virError last_error;
static _Thread_local char last_message[256];

double
played_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began.tv_sec) +
           (double)(now.tv_nsec - began.tv_nsec) / 1e9;
}

void
played_pass(double seconds)
{
    struct timespec time = {(time_t)seconds,
                            (long)((seconds - (double)(time_t)seconds) * 1e9)};

    nanosleep(&time, NULL);
}

int
played_fail(int code, const char *message)
{
    snprintf(last_message, sizeof(last_message), "%s", message);
    last_error.code = code;
    last_error.message = last_message;
    return -1;
}

static struct played *
played(virDomainPtr domain)
{
    return (struct played *)domain;
}

/* --- events --- */

static void
tell_agent(struct played *domain, int state)
{
    pthread_mutex_lock(&subscriptions_lock);
    for (size_t i = 0; i < SUBSCRIPTIONS_MAX; i++) {
        if (subscriptions[i].callback)
            subscriptions[i].callback(subscriptions[i].connection, (virDomainPtr)domain,
                                      state, 0, subscriptions[i].opaque);
    }
    pthread_mutex_unlock(&subscriptions_lock);
}

void
played_open_anew(struct played *domain)
{
    tell_agent(domain, VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED);
    tell_agent(domain, VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED);
}

static void *
make_events(void *unused)
{
    for (;;) {
        played_pass(0.02);
        for (size_t i = 0; i < domains_count; i++) {
            if (played_is(&domains[i], "events"))
                played_open_anew(&domains[i]);
        }
    }
    return unused;
}

static void
set_up(void)
{
    const char *wanted = getenv("PLAYED");
    char *copy = strdup(wanted ? wanted : "honest:1"), *rest = copy, *item;
    pthread_t thread;

    clock_gettime(CLOCK_MONOTONIC, &began);
    while ((item = strsep(&rest, ","))) {
        char *kind = strsep(&item, ":");
        int count = item ? atoi(item) : 1;

        for (int i = 0; i < count && domains_count < DOMAINS_MAX; i++) {
            struct played *domain = &domains[domains_count++];

            snprintf(domain->name, sizeof(domain->name), "%s-%d", kind, i);
            snprintf(domain->kind, sizeof(domain->kind), "%s", kind);
            snprintf(domain->uuid, sizeof(domain->uuid),
                     "%08zx-0000-0000-0000-000000000000", domains_count);
            domain->id = (unsigned int)domains_count;
            pthread_mutex_init(&domain->job, NULL);
        }
    }
    free(copy);
    pthread_create(&thread, NULL, make_events, NULL);
}

char *
virDomainQemuAgentCommand(virDomainPtr domain, const char *request, int timeout,
                          unsigned int flags)
{
    (void)timeout;
    (void)flags;
    pthread_mutex_lock(&played(domain)->job);
    char *reply = played_ask(played(domain), request);

    pthread_mutex_unlock(&played(domain)->job);
    return reply;
}

/* --- connections --- */

int
virInitialize(void)
{
    return 0;
}

void
virSetErrorFunc(void *data, virErrorFunc handler)
{
    (void)data;
    (void)handler;
}

void
virEventRegisterImpl(virEventAddHandleFunc add_handle,
                     virEventUpdateHandleFunc update_handle,
                     virEventRemoveHandleFunc remove_handle,
                     virEventAddTimeoutFunc add_timeout,
                     virEventUpdateTimeoutFunc update_timeout,
                     virEventRemoveTimeoutFunc remove_timeout)
{
    (void)add_handle;
    (void)update_handle;
    (void)remove_handle;
    (void)add_timeout;
    (void)update_timeout;
    (void)remove_timeout;
}

virConnectPtr
virConnectOpen(const char *uri)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)uri;
    pthread_once(&once, set_up);
    return malloc(1);
}

int
virConnectClose(virConnectPtr connection)
{
    free(connection);
    return 0;
}

int
virConnectIsAlive(virConnectPtr connection)
{
    (void)connection;
    return 1;
}

int
virConnectSetKeepAlive(virConnectPtr connection, int interval, unsigned int count)
{
    (void)connection;
    (void)interval;
    (void)count;
    return 0;
}

int
virConnectGetLibVersion(virConnectPtr connection, unsigned long *version)
{
    (void)connection;
    *version = 9000000;
    return 0;
}

static int
subscribe(struct subscription *table, struct subscription subscription)
{
    int number = -1;

    pthread_mutex_lock(&subscriptions_lock);
    for (int i = 0; i < SUBSCRIPTIONS_MAX && number < 0; i++) {
        if (table[i].opaque)
            continue;
        table[i] = subscription;
        number = i;
    }
    pthread_mutex_unlock(&subscriptions_lock);
    return number;
}

static void
unsubscribe(struct subscription *subscription)
{
    pthread_mutex_lock(&subscriptions_lock);
    subscription->free_opaque(subscription->opaque);
    *subscription = (struct subscription){.opaque = NULL};
    pthread_mutex_unlock(&subscriptions_lock);
}

int
virConnectRegisterCloseCallback(virConnectPtr connection, virConnectCloseFunc callback,
                                void *opaque, virFreeCallback free_opaque)
{
    (void)callback;
    return subscribe(closing, (struct subscription){.connection = connection,
                                                    .opaque = opaque,
                                                    .free_opaque = free_opaque}) < 0
               ? -1
               : 0;
}

int
virConnectUnregisterCloseCallback(virConnectPtr connection,
                                  virConnectCloseFunc callback)
{
    (void)callback;
    for (int i = 0; i < SUBSCRIPTIONS_MAX; i++) {
        if (closing[i].opaque && closing[i].connection == connection)
            unsubscribe(&closing[i]);
    }
    return 0;
}

int
virConnectDomainEventRegisterAny(virConnectPtr connection, virDomainPtr domain, int id,
                                 virConnectDomainEventGenericCallback callback,
                                 void *opaque, virFreeCallback free_opaque)
{
    struct subscription subscription = {
        .connection = connection, .opaque = opaque, .free_opaque = free_opaque};

    (void)domain;
    if (id == VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE)
        memcpy(&subscription.callback, &callback, sizeof(callback));
    return subscribe(subscriptions, subscription);
}

/* No QEMU is behind it. */
int
virConnectDomainQemuMonitorEventRegister(
    virConnectPtr connection, virDomainPtr domain, const char *event,
    virConnectDomainQemuMonitorEventCallback callback, void *opaque,
    virFreeCallback free_opaque, unsigned int flags)
{
    (void)connection;
    (void)domain;
    (void)event;
    (void)callback;
    (void)opaque;
    (void)free_opaque;
    (void)flags;
    return -1;
}

int
virConnectDomainEventDeregisterAny(virConnectPtr connection, int number)
{
    (void)connection;
    unsubscribe(&subscriptions[number]);
    return 0;
}

/* --- domains --- */

int
virConnectListAllDomains(virConnectPtr connection, virDomainPtr **list,
                         unsigned int flags)
{
    (void)connection;
    (void)flags;
    *list = calloc(domains_count + 1, sizeof(**list));
    for (size_t i = 0; i < domains_count; i++)
        (*list)[i] = (virDomainPtr)&domains[i];
    return (int)domains_count;
}

/* None has a balloon. */
int
virConnectGetAllDomainStats(virConnectPtr connection, unsigned int stats,
                            virDomainStatsRecordPtr **records, unsigned int flags)
{
    (void)connection;
    (void)stats;
    (void)flags;
    *records = calloc(1, sizeof(**records));
    return 0;
}

void
virDomainStatsRecordListFree(virDomainStatsRecordPtr *records)
{
    free(records);
}

virDomainPtr
virDomainLookupByUUIDString(virConnectPtr connection, const char *uuid)
{
    (void)connection;
    for (size_t i = 0; i < domains_count; i++) {
        if (strcmp(domains[i].uuid, uuid) == 0)
            return (virDomainPtr)&domains[i];
    }
    played_fail(VIR_ERR_NO_DOMAIN, "no such domain");
    return NULL;
}

int
virDomainFree(virDomainPtr domain)
{
    (void)domain;
    return 0;
}

int
virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags)
{
    (void)domain;
    (void)flags;
    *state = VIR_DOMAIN_RUNNING;
    *reason = 0;
    return 0;
}

int
virDomainGetUUIDString(virDomainPtr domain, char *uuid)
{
    memcpy(uuid, played(domain)->uuid, VIR_UUID_STRING_BUFLEN);
    return 0;
}

const char *
virDomainGetName(virDomainPtr domain)
{
    return played(domain)->name;
}

unsigned int
virDomainGetID(virDomainPtr domain)
{
    return played(domain)->id;
}

char *
virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    char xml[512];

    (void)flags;
    snprintf(xml, sizeof(xml),
             "<domain><name>%s</name><devices><channel type='unix'><target "
             "type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>"
             "</devices></domain>",
             played(domain)->name);
    return strdup(xml);
}

int
virDomainGetControlInfo(virDomainPtr domain, virDomainControlInfoPtr info,
                        unsigned int flags)
{
    (void)domain;
    (void)flags;
    info->state = VIR_DOMAIN_CONTROL_OK;
    return 0;
}

int
virDomainGetJobStats(virDomainPtr domain, int *type, virTypedParameterPtr *parameters,
                     int *count, unsigned int flags)
{
    (void)domain;
    (void)flags;
    *type = VIR_DOMAIN_JOB_NONE;
    *parameters = NULL;
    *count = 0;
    return 0;
}

/* --- errors --- */

virErrorPtr
virGetLastError(void)
{
    return last_error.code != 0 ? &last_error : NULL;
}

int
virGetLastErrorCode(void)
{
    return last_error.code;
}

void
virResetLastError(void)
{
    last_error.code = 0;
}
