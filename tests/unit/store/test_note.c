/* Notes on guests and sources. */
#include "kit/memory.h"
#include "store/note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
the_first_fault_is_the_reason(void **state)
{
    struct guest_note *note = guest_note_new();

    (void)state;
    assert_true(guest_note_is_well(note));
    assert_null(guest_note_reason(note));
    guest_note_add(note, (struct note_finding){.problem = "remark",
                                               .text = memory_string("a remark")});
    assert_true(guest_note_is_well(note));
    assert_ptr_equal(guest_note_reason(note), &note->findings[0]);
    guest_note_add(note, (struct note_finding){.problem = "fault",
                                               .is_fault = true,
                                               .text = memory_string("a fault")});
    assert_false(guest_note_is_well(note));
    assert_ptr_equal(guest_note_reason(note), &note->findings[1]);
    guest_note_unref(note);
}

static void
the_last_reference_frees(void **state)
{
    struct guest_note *note = guest_note_new();
    struct sources_note *sources = sources_note_new();

    (void)state;
    note->domain = memory_string("a");
    assert_ptr_equal(guest_note_ref(note), note);
    guest_note_unref(note);
    assert_string_equal(note->domain, "a");
    guest_note_unref(note);
    guest_note_unref(NULL);
    sources_note_add(sources)->name = memory_string("a");
    sources_note_add(sources)->name = memory_string("b");
    assert_int_equal(sources->count, 2);
    assert_ptr_equal(sources_note_ref(sources), sources);
    sources_note_unref(sources);
    assert_string_equal(sources->sources[1].name, "b");
    assert_null(sources->sources[1].why);
    sources_note_unref(sources);
    sources_note_unref(NULL);
    assert_null(sources_note_ref(NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_fault_is_the_reason),
        cmocka_unit_test(the_last_reference_frees),
    };

    return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}
