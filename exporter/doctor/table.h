/* The doctor's rows as a table, for a person. */
#ifndef DOCTOR_TABLE_H
#define DOCTOR_TABLE_H

struct doctor;

/* free() is the caller's.  What others wrote, guests above all, is escaped. */
char *doctor_table(const struct doctor *doctor);

#endif
