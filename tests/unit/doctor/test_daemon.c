/* Which of libvirt's daemons a remedy names. */
#include "doctor/daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define REFUSED(socket)                                                                \
    "Failed to connect socket to '/var/run/libvirt/" socket "': No such "              \
    "file or directory"

static void
libvirts_error_names_it(void **state)
{
    (void)state;
    assert_string_equal(
        doctor_daemon("qemu:///system", REFUSED("libvirt-sock"), "/none"), "libvirtd");
    assert_string_equal(
        doctor_daemon("qemu:///system", REFUSED("virtqemud-sock"), "/none"),
        "virtqemud");
}

static void
the_configured_socket_names_it(void **state)
{
    (void)state;
    assert_string_equal(
        doctor_daemon("qemu+unix:///system?socket=/x/virtqemud-sock", "", "/none"),
        "virtqemud");
    assert_string_equal(
        doctor_daemon("qemu+unix:///system?socket=/x/libvirt-sock", "", "/none"),
        "libvirtd");
}

static void
touch(const char *folder, const char *name)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static void
the_sockets_of_this_host_tell(void **state)
{
    char folder[] = "/tmp/test_daemon.XXXXXX", path[128];

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_string_equal(doctor_daemon("qemu:///system", "", folder),
                        "libvirtd (or virtqemud)");
    touch(folder, "virtqemud-sock");
    assert_string_equal(doctor_daemon("qemu:///system", "", folder), "virtqemud");
    /* Of another host they tell nothing. */
    assert_string_equal(doctor_daemon("qemu+ssh://other/system", "", folder),
                        "libvirtd (or virtqemud)");
    /* Where both are, libvirt takes this one. */
    touch(folder, "libvirt-sock");
    assert_string_equal(doctor_daemon("qemu:///system", "", folder), "libvirtd");
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder,
                 i ? "libvirt-sock" : "virtqemud-sock");
        unlink(path);
    }
    rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libvirts_error_names_it),
        cmocka_unit_test(the_configured_socket_names_it),
        cmocka_unit_test(the_sockets_of_this_host_tell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
