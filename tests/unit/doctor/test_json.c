/* The report as JSON. */
#include "doctor/json.h"

#include "unit/doctor/visit.h"

#include <jansson.h>

static void
test_json(void **state)
{
    struct visit *visit = *state;

    visit->guest->channel = CHANNEL_DISCONNECTED;
    free(visit->guest->name);
    visit->guest->name = strdup("caf\xc3\xa9 \xff\n");
    examine(visit);
    char *text = doctor_json(visit->doctor);
    json_auto_t *report = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *row = json_array_get(json_object_get(report, "domains"), 0);
    const json_t *finding = json_array_get(json_object_get(row, "findings"), 0);

    free(text);
    assert_true(json_is_false(json_object_get(report, "well")));
    assert_string_equal(json_string_value(json_object_get(row, "domain")),
                        "caf\xc3\xa9 \\xff\\x0a");
    assert_string_equal(json_string_value(json_object_get(row, "uuid")), UUID);
    assert_string_equal(json_string_value(json_object_get(row, "state")),
                        "disconnected");
    assert_true(json_is_false(json_object_get(row, "well")));
    assert_true(json_is_null(json_object_get(row, "agent_version")));
    assert_string_equal(json_string_value(json_object_get(row, "failed_step")),
                        "service");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(row, "steps"), "channel")),
        "ok");
    assert_string_equal(json_string_value(json_object_get(finding, "problem")),
                        "not_connected");
    assert_true(json_is_true(json_object_get(finding, "fault")));
    assert_int_equal(json_array_size(json_object_get(finding, "remedies")), 1);
    assert_string_equal(
        json_string_value(json_object_get(
            json_array_get(json_object_get(report, "sources"), 0), "place")),
        uri);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
