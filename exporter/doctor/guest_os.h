/* How the guest agent is installed, started and set up in the operating systems of
 * guests.  Pure. */
#ifndef DOCTOR_GUEST_OS_H
#define DOCTOR_GUEST_OS_H

#include <stdbool.h>

struct guest_os {
    const char *title;    /* as a person writes it; NULL: any system */
    const char *install;  /* command lines, for root in the guest; or a sentence */
    const char *restart;  /* likewise */
    const char *settings; /* where commands are blocked */
    const char *left_out; /* commands that its own settings do not allow; NULL: none */
};

/* By os-release's ID ("debian"; "mswindows" is what agents say on Windows).  Never
 * NULL: for "" and what is not known, words that fit any system. */
const struct guest_os *guest_os_find(const char *id);
/* Whether it is as its distribution has it that the command is not allowed. */
bool guest_os_leaves_out(const struct guest_os *os, const char *command);

#endif
