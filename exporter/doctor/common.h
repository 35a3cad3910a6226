/* Notes that many guests have, told once for all of them.  Pure. */
#ifndef DOCTOR_COMMON_H
#define DOCTOR_COMMON_H

struct doctor;
struct doctor_finding;
struct doctor_row;
struct text;

/* So many guests with one note, word for word, are many. */
#define DOCTOR_COMMON_MIN 3

/* Marks the notes that many rows have (is_common), after all findings were added. */
void doctor_common_mark(struct doctor *doctor);
/* Each of them with the number of its guests, and the first of those by name. */
void doctor_common_write(struct text *out, const struct doctor *doctor);

#endif
