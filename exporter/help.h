/* What the program says of itself, on stdout. */
#ifndef HELP_H
#define HELP_H

#include <stddef.h>

struct flag {
    const char *name;
    const char *value; /* how the help calls its value; NULL: takes none */
    const char *help;
};

void help_print(const struct flag *flags, size_t flags_count);
void help_print_version(void);
void help_print_collectors(void);

#endif
