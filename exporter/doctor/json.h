/* The doctor's rows as JSON, for scripts. */
#ifndef DOCTOR_JSON_H
#define DOCTOR_JSON_H

struct doctor;

/* free() is the caller's.  What others wrote, guests above all, is escaped. */
char *doctor_json(const struct doctor *doctor);

#endif
