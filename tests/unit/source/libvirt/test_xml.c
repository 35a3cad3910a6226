/* Reading nodes of XML. */
#include "source/libvirt/xml.h"

#include <libxml/parser.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_nodes_and_what_they_hold(void **state)
{
    static const char xml[] = "<a>text<b n='1'/><b n='2'/><c> \n x y\t</c>"
                              "<d><!-- none --></d></a>";
    xmlDoc *document = xmlReadMemory(xml, sizeof(xml) - 1, NULL, NULL, 0);
    const xmlNode *root = xmlDocGetRootElement(document);
    char value[XML_ATTRIBUTE_BYTES];

    (void)state;
    assert_true(xml_is(root, "a"));
    assert_false(xml_is(root, "b"));
    assert_false(xml_is(root->children, "text")); /* no element */
    assert_string_equal(xml_attribute(xml_child(root, "b"), "n", value), "1");
    assert_true(xml_attribute_is(xml_child(root, "b"), "n", "1"));
    assert_false(xml_attribute_is(xml_child(root, "b"), "n", "2"));
    assert_string_equal(xml_attribute(xml_child(root, "b"), "m", value), "");
    assert_null(xml_child(root, "x"));

    char *text = xml_text(xml_child(root, "c")), *none = xml_text(xml_child(root, "d"));

    assert_string_equal(text, "x y");
    assert_string_equal(none, "");
    free(text);
    free(none);
    xmlFreeDoc(document);
}

static void
test_no_node_reads_as_an_empty_one(void **state)
{
    char value[XML_ATTRIBUTE_BYTES] = "before";
    char *text = xml_text(NULL);

    (void)state;
    assert_null(xml_child(NULL, "a"));
    assert_string_equal(xml_attribute(NULL, "n", value), "");
    assert_false(xml_attribute_is(NULL, "n", "1"));
    assert_string_equal(text, "");
    free(text);
}

static void
test_long_values_are_cut(void **state)
{
    char xml[8 * XML_ATTRIBUTE_BYTES], value[XML_ATTRIBUTE_BYTES];
    int length = snprintf(xml, sizeof(xml), "<a n='%02000d'>%02000d</a>", 0, 0);
    xmlDoc *document = xmlReadMemory(xml, length, NULL, NULL, 0);
    const xmlNode *root = xmlDocGetRootElement(document);
    char *text = xml_text(root);

    (void)state;
    assert_int_equal(strlen(xml_attribute(root, "n", value)), XML_ATTRIBUTE_BYTES - 1);
    assert_int_equal(strlen(text), DOMAIN_TEXT_BYTES_MAX);
    free(text);
    xmlFreeDoc(document);
}

static void
test_numbers(void **state)
{
    (void)state;
    assert_int_equal(xml_number("1", 10), 1);
    assert_int_equal(xml_number("10", 10), 10);
    assert_int_equal(xml_number("11", 10), 0);
    assert_int_equal(xml_number("0", 10), 0);
    assert_int_equal(xml_number("-1", 10), 0);
    assert_int_equal(xml_number("", 10), 0);
    assert_int_equal(xml_number("1x", 10), 0);
    assert_int_equal(xml_number("99999999999999999999", INT64_MAX - 1), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_and_what_they_hold),
        cmocka_unit_test(test_no_node_reads_as_an_empty_one),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests_name("XML", tests, NULL, NULL);
}
