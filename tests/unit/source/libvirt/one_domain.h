/* A libvirt with one connection at a time and one domain: these functions stand before
 * the library's.  For the file of a test's main() alone. */
#ifndef UNIT_SOURCE_LIBVIRT_ONE_DOMAIN_H
#define UNIT_SOURCE_LIBVIRT_ONE_DOMAIN_H

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include "unit/cmocka_any.h"

#define URI "test:///default"
#define UUID "11111111-1111-1111-1111-111111111111"

static struct {
    bool is_dead;          /* the connection */
    bool lacks_domain;     /* the domain is not known */
    virError error;        /* the last one */
    int opened, handles;   /* that are not given back */
    int lookups;           /* so far */
    void (*opening)(void); /* NULL: nothing happens meanwhile */
} server;

static int a_connection, a_domain;

virConnectPtr
virConnectOpen(const char *uri)
{
    assert_string_equal(uri, URI);
    server.opened++;
    if (server.opening)
        server.opening();
    return (virConnectPtr)&a_connection;
}

int
virConnectIsAlive(virConnectPtr connection)
{
    assert_ptr_equal(connection, &a_connection);
    return !server.is_dead;
}

int
virConnectClose(virConnectPtr connection)
{
    assert_ptr_equal(connection, &a_connection);
    server.opened--;
    return 0;
}

virDomainPtr
virDomainLookupByUUIDString(virConnectPtr connection, const char *uuid)
{
    assert_ptr_equal(connection, &a_connection);
    assert_string_equal(uuid, UUID);
    if (server.lacks_domain)
        return NULL;
    server.lookups++;
    server.handles++;
    return (virDomainPtr)&a_domain;
}

int
virDomainFree(virDomainPtr domain)
{
    assert_ptr_equal(domain, &a_domain);
    server.handles--;
    return 0;
}

void
virResetLastError(void)
{
}

virErrorPtr
virGetLastError(void)
{
    return &server.error;
}

int
virGetLastErrorCode(void)
{
    return server.error.code;
}

#endif
