/* Command lines: of Proxmox VE 8 and 9, of libvirt, and by hand. */
#include "source/qemu/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/cmocka_any.h"

#include "unit/source/qemu/arguments.h"

#define UUID "5b3c2f3c-9b0a-4f43-9d3f-6a1f3d1e8a10"

static void
test_proxmox(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(PARSE(
        &command, "/usr/bin/kvm", "-id", "104", "-name", "web,debug-threads=on",
        "-no-shutdown", "-chardev",
        "socket,id=qmp,path=/var/run/qemu-server/104.qmp,server=on,wait=off", "-mon",
        "chardev=qmp,mode=control", "-pidfile", "/var/run/qemu-server/104.pid",
        "-daemonize", "-smbios", "type=1,uuid=" UUID, "-smbios", "type=2,uuid=no",
        "-smp", "4,sockets=1,cores=4,maxcpus=4", "-nodefaults", "-m", "4096",
        "-chardev",
        "socket,path=/var/run/qemu-server/104.qga,server=on,wait=off,id=qga0",
        "-device", "virtio-serial,id=qga0,bus=pci.0,addr=0x8", "-netdev",
        "type=tap,id=net0,ifname=tap104i0,script=/var/lib/qemu-server/pve-bridge",
        "-device",
        "virtio-net-pci,mac=BC:24:11:89:6A:E6,netdev=net0,bus=pci.0,addr=0x12,id=net0",
        "-machine", "type=pc+pve0"));
    assert_string_equal(command.pid_file, "104.pid");
    assert_string_equal(command.uuid, UUID);
    assert_string_equal(command.facts->title, "web");
    assert_int_equal(command.facts->vcpus.current, 4);
    assert_int_equal(command.facts->vcpus.maximum, 4);
    assert_int_equal(command.facts->memory_bytes.maximum, INT64_C(4) << 30);
    assert_int_equal(command.facts->memory_bytes.current, 0);
    assert_int_equal(command.facts->host.nics_count, 1);
    assert_string_equal(command.facts->host.nics[0].target, "tap104i0");
    assert_false(command.is_stopped);
    assert_false(command.is_incoming);
    domain_facts_unref(command.facts);
}

static void
test_libvirt(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(PARSE(&command, "/usr/bin/qemu-system-x86_64", "-name",
                      "guest=db,debug-threads=on", "-S", "-machine",
                      "pc-q35-7.2,usb=off", "-m", "size=2097152k", "-smp",
                      "2,maxcpus=8,sockets=8,cores=1,threads=1", "-uuid", UUID,
                      "-incoming", "defer"));
    assert_string_equal(command.facts->title, "db");
    assert_string_equal(command.uuid, UUID);
    assert_true(command.is_stopped);
    assert_true(command.is_incoming);
    assert_int_equal(command.facts->memory_bytes.maximum, INT64_C(2) << 30);
    /* More may have been plugged in. */
    assert_int_equal(command.facts->vcpus.current, 0);
    assert_int_equal(command.facts->vcpus.maximum, 8);
    domain_facts_unref(command.facts);
}

static void
expect_sizes(const char *smp, int64_t vcpus, const char *memory, int64_t bytes)
{
    struct qemu_command command;

    assert_true(PARSE(&command, "qemu-kvm", "-smp", smp, "--m", memory));
    assert_int_equal(command.facts->vcpus.maximum, vcpus);
    assert_int_equal(command.facts->memory_bytes.maximum, bytes);
    assert_string_equal(command.facts->title, "");
    domain_facts_unref(command.facts);
}

static void
test_by_hand(void **state)
{
    (void)state;
    expect_sizes("4", 4, "2G", INT64_C(2) << 30);
    expect_sizes("sockets=2,cores=3", 6, "512", INT64_C(512) << 20);
    expect_sizes("cpus=x", 1, "512,slots=4,maxmem=8G", 0);
    expect_sizes("sockets=1000000,cores=1000000,threads=1000000", 0, "1Q", 0);
    expect_sizes("1", 1, "9999999999T", 0);
    expect_sizes("1", 1, "-5", 0);
}

static void
test_values_that_look_like_options(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(
        PARSE(&command, "/opt/qemu-system-aarch64", "-name", "-S", "-uuid", "none"));
    assert_false(command.is_stopped);
    assert_string_equal(command.facts->title, "-S");
    assert_string_equal(command.uuid, "");
    domain_facts_unref(command.facts);
    /* Without its value. */
    assert_true(PARSE(&command, "kvm", "-name"));
    assert_string_equal(command.facts->title, "");
    domain_facts_unref(command.facts);
}

static void
test_what_is_no_qemu(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_false(PARSE(&command, "/usr/sbin/libvirtd", "-name", "web"));
    assert_false(PARSE(&command, "/usr/sbin/qemu-ga", "-m", "unix-listen"));
    assert_false(PARSE(&command, "/srv/kvm/daemon"));
    assert_false(PARSE(&command, ""));
    assert_false(qemu_command_parse("", 0, &command));
    assert_null(command.facts);
}

/* As the kernel gives it where a process has written over its arguments. */
static void
test_one_that_is_not_closed(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(qemu_command_parse("kvm\0-name\0web", 13, &command));
    assert_string_equal(command.facts->title, "web");
    uint64_t digest = command.facts->digest;

    domain_facts_unref(command.facts);
    assert_true(qemu_command_parse("kvm\0-name\0wed", 13, &command));
    assert_true(digest != command.facts->digest);
    domain_facts_unref(command.facts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proxmox),
        cmocka_unit_test(test_libvirt),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_values_that_look_like_options),
        cmocka_unit_test(test_what_is_no_qemu),
        cmocka_unit_test(test_one_that_is_not_closed),
    };

    return cmocka_run_group_tests_name("qemu command", tests, NULL, NULL);
}
