/* The doctor's rows as text. */
#ifndef DOCTOR_REPORT_H
#define DOCTOR_REPORT_H

struct doctor;

/* For a person, and for scripts; free() is the caller's.  What others wrote, guests
 * above all, is escaped. */
char *doctor_table(const struct doctor *doctor);
char *doctor_json(const struct doctor *doctor);

#endif
