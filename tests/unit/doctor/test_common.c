/* A note that many guests have is told once, and a fault never. */
#include "doctor/common.h"
#include "doctor/table.h"

#include "unit/doctor/visit.h"

static char text[] = "this agent does not have guest-get-load",
            other[] = "another note", remedy[] = "a newer agent may",
            names[][4] = {"a", "b", "c", "d"};

/* Rows of ours, one for each name; the last has another note as well. */
static struct doctor
doctor_of(struct doctor_row rows[4], size_t count, bool is_fault, struct config *config)
{
    for (size_t i = 0; i < count; i++)
        rows[i] = (struct doctor_row){
            .domain = names[i],
            .uuid = names[i],
            .source = "",
            .state = "responsive",
            .agent_version = names[i],
            .findings = {{"x", is_fault, false, text, {remedy}},
                         {"y", false, false, other, {NULL}}},
            .findings_count = i + 1 == count ? 2 : 1,
        };
    return (struct doctor){.config = config, .rows = rows, .rows_count = count};
}

static char *
table_of(size_t count, bool is_fault)
{
    struct config config = {.sources_count = 1};
    struct doctor_row rows[4];
    struct doctor doctor = doctor_of(rows, count, is_fault, &config);

    doctor_common_mark(&doctor);
    return doctor_table(&doctor);
}

static void
many_have_it(void **state)
{
    char *table = table_of(4, false);

    (void)state;
    assert_non_null(strstr(table, "\nnote of 4 domains (a, b, c, ...): this agent does "
                                  "not have guest-get-load; a newer agent may\n"));
    assert_null(strstr(table, "note: this agent"));
    assert_non_null(strstr(table, "    note: another note\n"));
    free(table);
    table = table_of(DOCTOR_COMMON_MIN, false);
    assert_non_null(strstr(table, "note of 3 domains (a, b, c): "));
    free(table);
}

static void
few_have_it(void **state)
{
    char *table = table_of(DOCTOR_COMMON_MIN - 1, false);

    (void)state;
    assert_null(strstr(table, "note of"));
    assert_non_null(
        strstr(table, "    note: this agent does not have guest-get-load\n"));
    free(table);
}

static void
faults_stay_where_they_are(void **state)
{
    char *table = table_of(4, true);

    (void)state;
    assert_null(strstr(table, "note of"));
    assert_non_null(strstr(table, "    fault: this agent does not"));
    free(table);
}

static void
a_source_that_is_away_says_nothing_of_domains(void **state)
{
    struct config config = {.sources_count = 1};
    struct doctor *doctor = doctor_new(&config, NULL, NOW);

    (void)state;
    doctor_add_source(doctor, &libvirt_source, false, "gone");
    doctor_conclude(doctor);
    char *table = doctor_table(doctor);

    assert_non_null(strstr(table, " is away: gone\n"));
    assert_null(strstr(table, "no running domain"));
    free(table);
    doctor_free(doctor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_have_it),
        cmocka_unit_test(few_have_it),
        cmocka_unit_test(faults_stay_where_they_are),
        cmocka_unit_test(a_source_that_is_away_says_nothing_of_domains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
