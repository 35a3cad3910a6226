/* The doctor: sources, guests and those asked for become one report. */
#include "doctor/doctor.h"

#include "unit/doctor/visit.h"

static void
test_away(void **state)
{
    struct visit *visit = *state;

    visit->guest->source_is_up = false;
    expect_problem(examine(visit), "source_away", true, "none");
    assert_string_equal(visit->doctor->sources[0].why, "libvirt: gone");
    visit->guest->source_is_up = true;
    expect_problem(examine(visit), "not_asked", true, "none");
}

static void
test_domains_asked_for(void **state)
{
    static const char *const domains[] = {"zebra", UUID, "aardvark", NULL};
    struct visit *visit = *state;

    visit->guest->answered = true;
    visit->doctor = doctor_new(&visit->config, domains, NOW);
    doctor_add_source(visit->doctor, &libvirt_source, true, "");
    doctor_add_guest(visit->doctor, &libvirt_source, visit->guest);
    doctor_conclude(visit->doctor);
    assert_int_equal(visit->doctor->rows_count, 3);
    assert_string_equal(visit->doctor->rows[0].domain, "aardvark");
    assert_string_equal(visit->doctor->rows[0].state, "absent");
    assert_string_equal(visit->doctor->rows[0].findings[0].problem, "not_running");
    assert_string_equal(visit->doctor->rows[1].domain, "web-1");
    assert_true(doctor_row_is_well(&visit->doctor->rows[1]));
    assert_false(doctor_is_well(visit->doctor));
}

/* The label is its number, and people know its name, or the other way round. */
static void
test_other_names(void **state)
{
    static const char *const domains[] = {"web", "100", "10", NULL};
    static const char *const labels[] = {"100", "web"};
    struct visit *visit = *state;
    struct domain_facts *definition = domain_facts_new();

    free(definition->title);
    definition->title = domain_facts_text("web");
    for (size_t i = 0; i < 2; i++) {
        const struct guest_facts facts = {
            .key = "100", .name = labels[i], .uuid = UUID};

        doctor_free(visit->doctor);
        guest_free(visit->guest);
        visit->guest = guest_new(&facts, NULL);
        (void)guest_define(visit->guest, definition);
        visit->doctor = doctor_new(&visit->config, domains, NOW);
        doctor_add_source(visit->doctor, &proxmox_source, true, "");
        doctor_add_guest(visit->doctor, &proxmox_source, visit->guest);
        doctor_conclude(visit->doctor);
        assert_int_equal(visit->doctor->rows_count, 2);
        assert_string_equal(visit->doctor->rows[0].domain, "10");
        assert_string_equal(visit->doctor->rows[0].state, "absent");
        assert_string_equal(visit->doctor->rows[1].domain, labels[i]);
    }
    domain_facts_unref(definition);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_away),
        TEST(test_domains_asked_for),
        TEST(test_other_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
