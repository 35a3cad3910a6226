/* One guest and a doctor who looks at it; each test sets what is wrong with it. */
#ifndef UNIT_DOCTOR_VISIT_H
#define UNIT_DOCTOR_VISIT_H

#include "config/config.h"
#include "doctor/diagnosis.h"
#include "doctor/doctor.h"
#include "guest/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

#define S INT64_C(1000000000)
#define NOW (10000 * S)
#define UUID "8eb0f9fd-80a6-59b0-bac3-f74533a7bcc7"

static char no_name[] = "", uri[] = "qemu:///system", path[] = "/run/*.sock";
static char second_name[] = "second";
static struct source_config libvirt_source __attribute__((unused)) = {
    .name = no_name,
    .kind = SOURCE_LIBVIRT,
    .libvirt = {.uri = uri, .balloon = {.max_age_ns = 75 * S}}};
static struct source_config socket_source __attribute__((unused)) = {
    .name = second_name, .kind = SOURCE_SOCKET, .socket = {.path = path}};

static struct source_config proxmox_source __attribute__((unused)) = {
    .name = second_name, .kind = SOURCE_PROXMOX, .proxmox = {.pid_files = path}};

struct visit {
    struct config config;
    struct guest *guest;
    struct doctor *doctor;
};

static inline int
set_up(void **state)
{
    static struct visit visit;
    static const struct guest_facts facts = {
        .key = UUID, .name = "web-1", .uuid = UUID};

    visit = (struct visit){.config = {.sources_count = 1}};
    visit.config.health.starting_ns = 180 * S;
    for (size_t i = 0; i < collectors_count; i++)
        visit.config.collectors[i].enabled = true;
    visit.guest = guest_new(&facts, NULL);
    visit.guest->domain = DOMAIN_RUNNING;
    visit.guest->channel = CHANNEL_CONNECTED;
    visit.guest->source_is_up = true;
    *state = &visit;
    return 0;
}

static inline int
tear_down(void **state)
{
    struct visit *visit = *state;

    doctor_free(visit->doctor);
    guest_free(visit->guest);
    return 0;
}

static inline const struct doctor_row *
examine_in(struct visit *visit, struct source_config *source)
{
    doctor_free(visit->doctor);
    visit->doctor = doctor_new(&visit->config, NULL, NOW);
    doctor_add_source(visit->doctor, source, visit->guest->source_is_up,
                      "libvirt: gone");
    doctor_add_guest(visit->doctor, source, visit->guest);
    doctor_conclude(visit->doctor);
    assert_int_equal(visit->doctor->rows_count, 1);
    return &visit->doctor->rows[0];
}

static inline const struct doctor_row *
examine(struct visit *visit)
{
    return examine_in(visit, &libvirt_source);
}

static inline void
fail_with(struct visit *visit, enum failure_kind kind, const char *text)
{
    failure_set(&visit->guest->last_failure, kind, "%s", text);
}

static inline void
expect_problem(const struct doctor_row *row, const char *problem, bool is_fault,
               const char *failed_step)
{
    assert_int_equal(row->findings_count, 1);
    assert_string_equal(row->findings[0].problem, problem);
    assert_int_equal(row->findings[0].is_fault, is_fault);
    assert_int_equal(doctor_row_is_well(row), !is_fault);
    assert_string_equal(doctor_row_failed_step(row) ? doctor_row_failed_step(row)
                                                    : "none",
                        failed_step);
}

static inline void
expect_remedy(const struct doctor_row *row, size_t index, const char *part)
{
    const char *remedy = row->findings[0].remedies[index];

    assert_non_null(remedy);
    if (!strstr(remedy, part))
        fail_msg("\"%s\" does not say \"%s\"", remedy, part);
    assert_null(strchr(remedy, '\n'));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
