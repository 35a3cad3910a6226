/* How lanes and callbacks find back to their source. */
#include "source/libvirt/link.h"

#include "kit/memory.h"

#include <stdlib.h>

struct libvirt_link *
libvirt_link_new(const char *uri, struct mailbox *mailbox, struct source *source,
                 void (*event)(struct source *source,
                               const struct libvirt_event *event))
{
    struct libvirt_link *link = memory_new(1, sizeof(*link));

    atomic_init(&link->references, 1);
    link->uri = memory_string(uri);
    link->mailbox = mailbox;
    link->source = source;
    link->event = event;
    return link;
}

struct libvirt_link *
libvirt_link_ref(struct libvirt_link *link)
{
    atomic_fetch_add(&link->references, 1);
    return link;
}

void
libvirt_link_unref(void *context)
{
    struct libvirt_link *link = context;

    if (atomic_fetch_sub(&link->references, 1) != 1)
        return;
    free(link->uri);
    free(link);
}
