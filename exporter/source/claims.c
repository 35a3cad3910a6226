/* A claim is the name of a socket that nobody connects to. */
#include "source/claims.h"

#include "base/log.h"
#include "config/config.h"
#include "kit/hash.h"
#include "kit/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PLACE_BYTES 1100 /* a path of the configuration, and a little */

struct claim {
    char place[PLACE_BYTES]; /* a pattern of paths */
    int fd;                  /* -1: it could not be had */
};

struct claims {
    struct claim list[CONFIG_SOURCES_MAX];
    size_t count;
};

/* False: its guests are asked by a daemon, which serves many. */
static bool
place_of(const struct source_config *source, char place[PLACE_BYTES])
{
    if (source->kind == SOURCE_LIBVIRT)
        return false;
    if (source->kind == SOURCE_SOCKET)
        (void)snprintf(place, PLACE_BYTES, "%s", source->socket.path);
    else /* as the preset has it */
        (void)snprintf(place, PLACE_BYTES, "%s/*.qga", source->proxmox.sockets);
    return true;
}

/* The descriptor; -1 with errno. */
static int
bind_name(const char *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
                          "qga-exporter:%016" PRIx64,
                          hash_bytes(HASH_START, place, strlen(place)));

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                    (size_t)length)) < 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static struct claim
claim_place(const char place[PLACE_BYTES], bool is_told)
{
    struct claim claim = {.fd = bind_name(place)};

    memcpy(claim.place, place, PLACE_BYTES);
    if (claim.fd < 0 && errno == EADDRINUSE && !is_told)
        log_warn("another exporter on this host asks the guests behind the same "
                 "sockets, so each is asked twice; stop one of the two: "
                 "ss -xap | grep qga-exporter: names them",
                 LOG_STR("sockets", place));
    return claim;
}

static struct claim *
find_claim(struct claims *claims, const char *place)
{
    for (size_t i = 0; i < claims->count; i++) {
        if (strcmp(claims->list[i].place, place) == 0)
            return &claims->list[i];
    }
    return NULL;
}

static void
let_go(struct claims *claims)
{
    for (size_t i = 0; i < claims->count; i++) {
        if (claims->list[i].fd >= 0)
            (void)close(claims->list[i].fd);
    }
    claims->count = 0;
}

struct claims *
claims_new(void)
{
    return memory_new(1, sizeof(struct claims));
}

void
claims_take(struct claims *claims, const struct config *config)
{
    struct claims *before = claims_new();

    *before = *claims;
    claims->count = 0;
    for (size_t i = 0; i < config->sources_count; i++) {
        char place[PLACE_BYTES];

        if (!place_of(&config->sources[i], place) || find_claim(claims, place))
            continue;
        struct claim *held = find_claim(before, place);

        bool is_held = held && held->fd >= 0;

        claims->list[claims->count++] = is_held ? *held : claim_place(place, held);
        if (is_held)
            held->fd = -1;
    }
    let_go(before);
    free(before);
}

void
claims_free(struct claims *claims)
{
    if (claims)
        let_go(claims);
    free(claims);
}
