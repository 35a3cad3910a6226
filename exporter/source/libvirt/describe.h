/* What libvirt tells of a domain at once, whatever its QEMU does. */
#ifndef SOURCE_LIBVIRT_DESCRIBE_H
#define SOURCE_LIBVIRT_DESCRIBE_H

struct domain_description;

/* What became of it.  Only libvirt's word that there is no such domain, or that it does
 * not run, means that it is gone. */
enum described {
    DESCRIBED,
    DESCRIBED_GONE,
    DESCRIBED_NOT, /* libvirt could not say: see its last error */
};

/* `domain` is a virDomainPtr.  With DESCRIBED_NOT all but the state is there, and the
 * domain taken for one that runs.  The name is the caller's. */
enum described libvirt_describe(void *domain, struct domain_description *description);

#endif
