/* Values of QEMU's options. */
#include "source/qemu/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

static void
expect(const char *text, const char *key, const char *value)
{
    struct qemu_options options = qemu_options_read(text, "driver");

    assert_string_equal(qemu_options_get(&options, key), value);
    qemu_options_clear(&options);
}

static void
test_pairs(void **state)
{
    (void)state;
    expect("virtio-net-pci,mac=52:54:00:00:00:01,id=n", "driver", "virtio-net-pci");
    expect("virtio-net-pci,mac=52:54:00:00:00:01,id=n", "mac", "52:54:00:00:00:01");
    expect("driver=e1000,id=n", "driver", "e1000");
    expect("e1000,id=a,id=b", "id", "b");
    expect("e1000,id=n", "mac", "");
    expect("x,file=/a,,b=c,,,id=n", "file", "/a,b=c,");
    expect("x,file=/a,,b=c,,,id=n", "id", "n");
    expect("socket,server,nowait", "server", "on");
    expect("id=n,virtio", "driver", "");
    expect("", "driver", "");
    expect("x,=y,id=", "id", "");
}

static void
test_json(void **state)
{
    static const char node[] =
        "{\"driver\":\"throttle\",\"file\":{\"driver\":\"raw\",\"file\":{\"filename\":"
        "\"/dev/pve/vm-1\"},\"n\":5},\"read-only\":false,\"auto\":true,\"no\":null,"
        "\"list\":[1]}";

    (void)state;
    expect(node, "driver", "throttle");
    expect(node, "file.file.filename", "/dev/pve/vm-1");
    expect(node, "file.n", "5");
    expect(node, "read-only", "off");
    expect(node, "auto", "on");
    expect(node, "no", "");
    expect(node, "list", "");
    expect("{\"driver\":", "driver", "");
}

static void
test_limits(void **state)
{
    char text[8192] = "";
    struct qemu_options options;

    (void)state;
    for (int i = 0; i < QEMU_OPTIONS_PAIRS_MAX + 10; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "k%d=v,", i);
    options = qemu_options_read(text, NULL);
    assert_int_equal(options.count, QEMU_OPTIONS_PAIRS_MAX);
    qemu_options_clear(&options);

    memset(text, 'k', sizeof(text) - 1);
    text[QEMU_OPTIONS_KEY_BYTES] = '=';
    text[sizeof(text) - 1] = '\0';
    options = qemu_options_read(text, NULL);
    assert_int_equal(options.count, 0);
    qemu_options_clear(&options);

    /* Deeper than is read. */
    text[0] = '\0';
    for (int i = 0; i < QEMU_OPTIONS_DEPTH_MAX + 4; i++)
        strcat(text, "{\"a\":");
    strcat(text, "1");
    for (int i = 0; i < QEMU_OPTIONS_DEPTH_MAX + 4; i++)
        strcat(text, "}");
    options = qemu_options_read(text, NULL);
    assert_int_equal(options.count, 0);
    qemu_options_clear(&options);
}

static void
test_lists(void **state)
{
    struct qemu_options_list list = {.count = 0};

    (void)state;
    qemu_options_list_add(&list, "tap,id=a", "type");
    qemu_options_list_add(&list, "user,id=a", "type");
    assert_ptr_equal(qemu_options_list_find(&list, "id", "a"), &list.items[0]);
    assert_null(qemu_options_list_find(&list, "id", "b"));
    assert_null(qemu_options_list_find(&list, "br", ""));
    for (int i = 0; i < QEMU_OPTIONS_LIST_MAX; i++)
        qemu_options_list_add(&list, "x", NULL);
    assert_int_equal(list.count, QEMU_OPTIONS_LIST_MAX);
    qemu_options_list_clear(&list);
    assert_int_equal(list.count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests_name("qemu options", tests, NULL, NULL);
}
