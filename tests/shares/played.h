/* Domains of a libvirt that is played, each with an agent of some kind:
 *
 * honest    answers each command within some milliseconds
 * hog       holds each call for nearly five seconds, and opens its channel anew
 * late      answers always, and always late
 * retracts  is late, and refuses each command and takes that back, so that all is due
 *           again and again
 * events    answers as the honest do, and opens its channel anew all the time
 * stuck     does not answer twice, and then a call never comes back
 * wakes     does not answer for 40 s, and then does, which no event tells */
#ifndef SHARES_PLAYED_H
#define SHARES_PLAYED_H

#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdbool.h>

struct played {
    char name[32], kind[16], uuid[VIR_UUID_STRING_BUFLEN];
    unsigned int id;
    pthread_mutex_t job; /* libvirt asks an agent one thing at a time */
    int calls;
    unsigned int retracted; /* bits of commands */
};

/* Seconds since the connection was opened first. */
double played_now_s(void);
void played_pass(double seconds);
/* libvirt's last error of this thread. -1. */
int played_fail(int code, const char *message);
/* The agent's channel is closed and opened, and events tell it. */
void played_open_anew(struct played *domain);

bool played_is(const struct played *domain, const char *kind);
/* The reply, for the caller to free; NULL with an error. */
char *played_ask(struct played *domain, const char *request);

#endif
