/* Packages and services by operating system. */
#include "doctor/guest_os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_operating_systems(void **state)
{
    static const char *const packages[][2] = {
        {"debian", "apt install"},
        {"ubuntu", "apt install"},
        {"rhel", "dnf install"},
        {"fedora", "dnf install"},
        {"rocky", "dnf install"},
        {"opensuse-leap", "zypper install"},
        {"sles", "zypper install"},
        {"alpine", "apk add"},
        {"arch", "pacman -S"},
        {"freebsd", "sysrc qemu_guest_agent_enable"},
        {"mswindows", "virtio-win ISO"},
        {"", "install the package"},
        {"plan9", "install the package"},
        {"deb", "install the package"},
        {"debian2", "install the package"},
        {" ", "install the package"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
        if (!strstr(guest_os_find(packages[i][0])->install, packages[i][1]))
            fail_msg("%s: %s", packages[i][0], guest_os_find(packages[i][0])->install);
    }
}

/* Fedora's and its children's settings allow what they list. */
static void
test_what_a_distribution_leaves_out(void **state)
{
    (void)state;
    assert_true(guest_os_leaves_out(guest_os_find("rocky"), "guest-get-load"));
    assert_true(guest_os_leaves_out(guest_os_find("rhel"), "guest-file-open"));
    assert_false(guest_os_leaves_out(guest_os_find("rocky"), "guest-get-fsinfo"));
    assert_false(guest_os_leaves_out(guest_os_find("debian"), "guest-get-load"));
    assert_false(guest_os_leaves_out(guest_os_find(""), "guest-get-load"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operating_systems),
        cmocka_unit_test(test_what_a_distribution_leaves_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
