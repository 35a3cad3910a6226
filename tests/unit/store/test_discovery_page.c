/* From a query and records to the JSON of /sd. */
#include "store/discovery_page.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "unit/cmocka_any.h"

static struct discovery_query
asked(const char *const *parameters)
{
    struct discovery_query query;

    discovery_query_init(&query);
    for (; *parameters; parameters += 2)
        discovery_query_add(&query, parameters[0], parameters[1]);
    return query;
}
#define ASKED(...) asked((const char *const[]){__VA_ARGS__, NULL})

/* A guest with addresses as DEVICE, ADDRESS, ...; unreferenced by the caller. */
static struct discovery_guest *
guest_of(const char *name, const char *const *said)
{
    const struct discovery_label labels[] = {{"domain", name}, {"os_id", "de\xc3"}};
    struct discovery_address addresses[16];
    size_t count = 0;

    for (; *said; said += 2)
        assert_true(discovery_address_read(&addresses[count++], said[0], said[1]));
    return discovery_guest_new(labels, 2, addresses, count);
}
#define GUEST(name, ...) guest_of((name), (const char *const[]){__VA_ARGS__, NULL})

/* All targets of the query, joined by blanks. */
static void
targets_are(struct discovery_query query, struct discovery_guest *const *guests,
            size_t count, const char *expected)
{
    struct text text = TEXT_INIT(1 << 20), found = TEXT_INIT(1 << 20);
    size_t index;
    json_t *group;

    assert_string_equal(query.problem, "");
    discovery_render(&query, guests, count, &text);
    json_t *list = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(list);
    json_array_foreach (list, index, group) {
        json_t *targets = json_object_get(group, "targets");

        assert_int_equal(json_array_size(targets), 1);
        text_add_format(&found, "%s%s", index > 0 ? " " : "",
                        json_string_value(json_array_get(targets, 0)));
    }
    assert_string_equal(found.bytes ? found.bytes : "", expected);
    json_decref(list);
    text_free(&text);
    text_free(&found);
}

static void
test_which_addresses_become_targets(void **state)
{
    struct discovery_guest *guests[] = {
        GUEST("a", "eth0", "2001:db8::1", "eth0", "10.0.0.1", "eth1", "192.168.1.1"),
        GUEST("b", NULL),
        GUEST("c", "eth0", "2001:db8::2"),
    };

    (void)state;
    targets_are(ASKED(NULL), guests, 3, "10.0.0.1:9100 [2001:db8::2]:9100");
    targets_are(ASKED("port", "9182"), guests, 3, "10.0.0.1:9182 [2001:db8::2]:9182");
    targets_are(ASKED("family", "ipv6"), guests, 3,
                "[2001:db8::1]:9100 [2001:db8::2]:9100");
    targets_are(ASKED("family", "ipv4"), guests, 3, "10.0.0.1:9100");
    targets_are(ASKED("network", "192.168.0.0/16"), guests, 3, "192.168.1.1:9100");
    targets_are(ASKED("network", "192.168.1.1"), guests, 3, "192.168.1.1:9100");
    targets_are(ASKED("network", "192.168.1.0/31"), guests, 3, "192.168.1.1:9100");
    targets_are(ASKED("network", "192.168.1.2/31"), guests, 3, "");
    targets_are(ASKED("network", "10.0.0.0/24", "network", "2001:db8::2/127"), guests,
                3, "10.0.0.1:9100 [2001:db8::2]:9100");
    targets_are(ASKED("network", "::/0"), guests, 3,
                "[2001:db8::1]:9100 [2001:db8::2]:9100");
    targets_are(ASKED("all", "1"), guests, 3,
                "10.0.0.1:9100 192.168.1.1:9100 [2001:db8::1]:9100 [2001:db8::2]:9100");
    targets_are(ASKED(NULL), guests, 0, "");
    for (size_t i = 0; i < 3; i++)
        discovery_guest_unref(guests[i]);
}

static void
test_labels(void **state)
{
    char hostile[300];

    memset(hostile, 'x', sizeof(hostile) - 1);
    hostile[sizeof(hostile) - 1] = '\0';
    memcpy(hostile, "\"},{\n\\", 6);
    struct discovery_guest *guest =
        GUEST(hostile, "eth0", "10.0.0.1", "eth0", "10.0.0.2", "a,b", "10.0.0.3",
              "Ethernet 2", "10.0.0.4");
    const struct discovery_query query = ASKED("all", "1");
    struct text text = TEXT_INIT(1 << 20);
    (void)state;

    discovery_render(&query, &guest, 1, &text);
    json_t *list = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(list), 4);
    const json_t *labels = json_object_get(json_array_get(list, 2), "labels");
#define LABEL(name) json_string_value(json_object_get(labels, "__meta_qga_" name))
    assert_int_equal(strlen(LABEL("domain")), DISCOVERY_LABEL_BYTES_MAX);
    assert_memory_equal(LABEL("domain"), hostile, DISCOVERY_LABEL_BYTES_MAX);
    assert_string_equal(LABEL("os_id"), "de?"); /* half a character */
    assert_string_equal(LABEL("interfaces"), ",eth0,Ethernet 2,");
    assert_string_equal(LABEL("interface"), "a,b");
    assert_string_equal(LABEL("address"), "10.0.0.3");
    assert_string_equal(LABEL("address_family"), "ipv4");
    json_decref(list);
    text_free(&text);
    discovery_guest_unref(guest);
}

/* Where there is little room, who says much has what his share is, and the others have
 * what they need. */
static void
test_each_guest_has_its_share(void **state)
{
    char much[DISCOVERY_LABEL_BYTES_MAX + 1];
    struct discovery_guest *guests[3];
    const struct discovery_query query = ASKED("all", "1");
    struct text text = TEXT_INIT(4096), none = TEXT_INIT(12);

    (void)state;
    memset(much, '"', sizeof(much) - 1);
    much[sizeof(much) - 1] = '\0';
    guests[0] = GUEST(much, "eth0", "10.0.0.1", "eth0", "10.0.0.2", "eth0", "10.0.0.3",
                      "eth0", "10.0.0.4");
    guests[1] = GUEST("b", "eth0", "10.0.1.1");
    guests[2] = GUEST("c", "eth0", "10.0.2.1", "eth0", "10.0.2.2");
    discovery_render(&query, guests, 3, &text);
    assert_false(text.overflow);
    assert_in_range(text.length, 1, 4096);
    json_t *list = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(list);
    assert_int_equal(json_array_size(list), 1 + 1 + 2);
    json_decref(list);
    text_clear(&text);
    discovery_render(&query, guests, 1, &text); /* for one there is enough */
    list = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(list), 4);
    json_decref(list);
    discovery_render(&query, guests, 3, &none);
    assert_string_equal(none.bytes, "[]\n");
    text_free(&text);
    text_free(&none);
    for (size_t i = 0; i < 3; i++)
        discovery_guest_unref(guests[i]);
}

static void
test_the_list_is_empty_or_stable(void **state)
{
    struct discovery_guest *guest = GUEST("a", "eth0", "10.0.0.1");
    const struct discovery_query query = ASKED(NULL);
    struct text one = TEXT_INIT(1 << 20), other = TEXT_INIT(1 << 20);

    (void)state;

    discovery_render(&query, NULL, 0, &one);
    assert_string_equal(one.bytes, "[]\n");
    text_clear(&one);
    discovery_render(&query, &guest, 1, &one);
    discovery_render(&query, &guest, 1, &other);
    assert_string_equal(one.bytes, other.bytes);
    text_free(&one);
    text_free(&other);
    discovery_guest_unref(guest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_addresses_become_targets),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_each_guest_has_its_share),
        cmocka_unit_test(test_the_list_is_empty_or_stable),
    };

    return cmocka_run_group_tests_name("discovery page", tests, NULL, NULL);
}
