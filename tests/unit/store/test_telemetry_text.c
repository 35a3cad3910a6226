/* The exporter's own metrics as text: well formed, whole, and the same bytes each time.
 */
#include "store/telemetry.h"
#include "store/telemetry_text.h"

#include "unit/own_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const commands[] = {"guest-get-time", NULL};
static const char *const states[] = {"responsive", NULL};

static void
the_build_is_named(void **state)
{
    struct telemetry *telemetry = telemetry_new(commands, states);
    char *text = own_text(telemetry, EXPOSITION_TEXT), wanted[128];

    (void)state;
    assert_true(strlen(telemetry_version()) > 0);
    (void)snprintf(wanted, sizeof(wanted),
                   "\nqga_exporter_build_info{version=\"%s\",revision=\"",
                   telemetry_version());
    assert_non_null(strstr(text, wanted));
    free(text);
    telemetry_free(telemetry);
}

/* Each family has its header once, right in front of its series. */
static void
families_have_headers(void **state)
{
    struct telemetry *telemetry = telemetry_new(commands, states);
    size_t row = telemetry_source_add(telemetry, "local"), families = 0;

    (void)state;
    telemetry_lanes(telemetry, row, 4, 1, 0);
    telemetry_sockets_beyond(telemetry, row, 7);
    char *text = own_text(telemetry, EXPOSITION_TEXT), family[128] = "", *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char name[128];

        if (sscanf(line, "# HELP %127s", name) == 1) {
            memcpy(family, name, sizeof(family));
            families++;
        } else if (sscanf(line, "# TYPE %127s", name) == 1) {
            assert_string_equal(name, family);
        } else if (strncmp(line, family, strlen(family)) != 0) {
            fail_msg("%s stands below %s", line, family);
        }
    }
    assert_int_equal(families, 27);
    free(text);
    telemetry_free(telemetry);
}

static void
histograms_are_cumulative(void **state)
{
    struct telemetry *telemetry = telemetry_new(commands, states);

    (void)state;
    telemetry_lateness(telemetry, 1000000); /* the bound belongs to its bucket */
    telemetry_lateness(telemetry, 1000001);
    telemetry_lateness(telemetry, INT64_C(41000000000));
    char *text = own_text(telemetry, EXPOSITION_TEXT);
    static const char *const lines[] = {
        "\nqga_exporter_schedule_lateness_seconds_bucket{le=\"0.001\"} 1\n",
        "\nqga_exporter_schedule_lateness_seconds_bucket{le=\"0.0025\"} 2\n",
        "\nqga_exporter_schedule_lateness_seconds_bucket{le=\"40.0\"} 2\n",
        "\nqga_exporter_schedule_lateness_seconds_bucket{le=\"+Inf\"} 3\n",
        "\nqga_exporter_schedule_lateness_seconds_sum 41.002000001\n",
        "\nqga_exporter_schedule_lateness_seconds_count 3\n",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (!strstr(text, lines[i]))
            fail_msg("no %s", lines[i]);
    free(text);
    telemetry_free(telemetry);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_build_is_named),
        cmocka_unit_test(families_have_headers),
        cmocka_unit_test(histograms_are_cumulative),
    };

    return cmocka_run_group_tests_name("telemetry text", tests, NULL, NULL);
}
