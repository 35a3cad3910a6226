/* The report as a table. */
#include "doctor/table.h"

#include "unit/doctor/visit.h"

static void
test_table(void **state)
{
    struct visit *visit = *state;

    visit->guest->answered = true;
    snprintf(visit->guest->software.agent_version, GUEST_SOFTWARE_BYTES, "9\033[31m");
    examine(visit);
    char *table = doctor_table(visit->doctor);

    assert_string_equal(table,
                        "configuration: no file, all defaults\n"
                        "DOMAIN  STATE       AGENT      CHANNEL  SERVICE  ANSWER\n"
                        "web-1   responsive  9\\x1b[31m  ok       ok       ok\n"
                        "1 of 1 domain is well\n");
    free(table);

    visit->config.sources_count = 2;
    visit->guest->domain = DOMAIN_PAUSED;
    examine_in(visit, &socket_source);
    table = doctor_table(visit->doctor);
    assert_non_null(strstr(table, "DOMAIN  SOURCE  STATE   AGENT      CHANNEL"));
    assert_non_null(strstr(table, "web-1   second  paused  9"));
    assert_non_null(strstr(table, "\n    note: the domain is paused"));
    free(table);
}

/* One long name does not make all other lines long. */
static void
test_table_with_a_long_name(void **state)
{
    static const char *const domains[] = {
        "a-name-of-more-than-forty-characters-which-is-long", NULL};
    struct config config = {.sources_count = 1};
    struct doctor *doctor = doctor_new(&config, domains, NOW);

    (void)state;
    doctor_conclude(doctor);
    char *table = doctor_table(doctor);

    assert_non_null(strstr(table, "DOMAIN                                    STATE "));
    assert_non_null(strstr(table, "which-is-long  absent  -"));
    free(table);
    doctor_free(doctor);
}

static void
test_table_without_rows(void **state)
{
    char file[] = "/etc/qga-exporter.yml";
    struct config config = {.path = file, .sources_count = 1};
    struct doctor *doctor = doctor_new(&config, NULL, NOW);

    (void)state;
    doctor_add_source(doctor, &libvirt_source, true, "");
    doctor_conclude(doctor);
    char *table = doctor_table(doctor);

    assert_string_equal(table, "configuration: /etc/qga-exporter.yml\n"
                               "no running domain was found\n");
    assert_true(doctor_is_well(doctor));
    free(table);
    doctor_free(doctor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_table),
        cmocka_unit_test(test_table_with_a_long_name),
        cmocka_unit_test(test_table_without_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
