/* How lanes and callbacks find back to their source. */
#ifndef SOURCE_LIBVIRT_LINK_H
#define SOURCE_LIBVIRT_LINK_H

#include <stdatomic.h>
#include <stdbool.h>

#define UUID_BYTES 37 /* VIR_UUID_STRING_BUFLEN */

struct libvirt_event;
struct mailbox;
struct source;

/* What lanes, callbacks and the source share.  Reference-counted; `source` is the loop
 * thread's alone and NULL once the source was stopped, so late mail finds nobody. */
struct libvirt_link {
    atomic_uint references;
    char *uri;
    struct mailbox *mailbox;
    bool leaves_xml; /* to others, unread; set before the first lane starts */
    struct source *source;
    /* What libvirt's event thread has posted; with a source, on its thread. */
    void (*event)(struct source *source, const struct libvirt_event *event);
};

struct libvirt_link *libvirt_link_new(const char *uri, struct mailbox *mailbox,
                                      struct source *source,
                                      void (*event)(struct source *source,
                                                    const struct libvirt_event *event));
struct libvirt_link *libvirt_link_ref(struct libvirt_link *link); /* any thread */
void libvirt_link_unref(void *link);                              /* any thread */

#endif
