/* One walk over all guests: --once, and the doctor's. */
#ifndef ONCE_H
#define ONCE_H

struct exporter;

/* Each asks every guest once, prints, opens and closes the exporter, and returns the
 * exit status. */
int once_print_metrics(struct exporter *exporter); /* 0: all answered */
int once_run_doctor(struct exporter *exporter);    /* 0: all are well */

#endif
