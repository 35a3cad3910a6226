/* The agents of the domains that are played. */
#include "played.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAKES_AFTER_S 40

bool
played_is(const struct played *domain, const char *kind)
{
    return strcmp(domain->kind, kind) == 0;
}

static const char *const commands[] = {
    "guest-get-time",     "guest-fsfreeze-status", "guest-info",
    "guest-get-vcpus",    "guest-get-osinfo",      "guest-get-host-name",
    "guest-get-timezone", "guest-get-load",        "guest-network-get-interfaces",
    "guest-get-fsinfo",
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))
enum { GET_TIME, FREEZE_STATUS, INFO };

static const char *const replies[COMMANDS] = {
    [FREEZE_STATUS] = "{\"return\":\"thawed\"}",
    [3] = "{\"return\":[{\"logical-id\":0,\"online\":true}]}",
    [4] = "{\"return\":{\"id\":\"debian\"}}",
    [5] = "{\"return\":{\"host-name\":\"x\"}}",
    [6] = "{\"return\":{\"offset\":0}}",
    [7] = "{\"return\":{\"load1m\":0,\"load5m\":0,\"load15m\":0}}",
    [8] = "{\"return\":[{\"name\":\"eth0\"}]}",
    [9] = "{\"return\":[{\"name\":\"vda\",\"type\":\"ext4\",\"mountpoint\":\"/\","
          "\"used-bytes\":1,\"total-bytes\":2,\"disk\":[]}]}",
};

static size_t
command_of(const char *request)
{
    char quoted[64];
    size_t i = 0;

    for (; i < COMMANDS; i++) {
        snprintf(quoted, sizeof(quoted), "\"%s\"", commands[i]);
        if (strstr(request, quoted))
            break;
    }
    return i;
}

static char *
info(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);

    fprintf(file, "{\"return\":{\"version\":\"10.0.0\",\"supported_commands\":[");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(file, "%s{\"name\":\"%s\",\"enabled\":true}", i > 0 ? "," : "",
                commands[i]);
    fprintf(file, "]}}");
    fclose(file);
    return text;
}

static char *
answer(size_t command)
{
    char text[64];
    struct timespec now;

    if (command >= COMMANDS) {
        played_fail(VIR_ERR_INTERNAL_ERROR,
                    "unable to execute QEMU agent command 'x': The "
                    "command x has not been found");
        return NULL;
    }
    if (command == INFO)
        return info();
    if (command != GET_TIME)
        return strdup(replies[command]);
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, sizeof(text), "{\"return\":%lld}",
             (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    return strdup(text);
}

static char *
be_silent(void)
{
    played_pass(5);
    played_fail(VIR_ERR_AGENT_UNRESPONSIVE,
                "Guest agent is not responding: Guest agent not available for now");
    return NULL;
}

static char *
hold(struct played *domain)
{
    played_pass(4.8);
    played_open_anew(domain);
    played_fail(VIR_ERR_AGENT_UNRESPONSIVE,
                "Guest agent is not responding: Guest agent "
                "disappeared while executing command");
    return NULL;
}

/* Each visit refuses another set of commands: a binary counter. */
static char *
retract(struct played *domain, size_t command)
{
    unsigned int bit = 1U << command;

    played_pass(2.9);
    if (command == FREEZE_STATUS)
        return answer(command);
    domain->retracted ^= bit;
    if (!(domain->retracted & bit))
        return answer(command);
    played_fail(VIR_ERR_INTERNAL_ERROR,
                "unable to execute QEMU agent command 'x': Command x "
                "has been disabled: the command is not allowed");
    return NULL;
}

char *
played_ask(struct played *domain, const char *request)
{
    size_t command = command_of(request);

    domain->calls++;
    if (played_is(domain, "hog"))
        return hold(domain);
    if (played_is(domain, "retracts"))
        return retract(domain, command);
    if (played_is(domain, "stuck") && domain->calls <= 2)
        return be_silent();
    while (played_is(domain, "stuck"))
        played_pass(1000);
    if (played_is(domain, "wakes") && played_now_s() < WAKES_AFTER_S)
        return be_silent();
    played_pass(played_is(domain, "late") ? 2.9 : 0.005);
    return answer(command);
}
