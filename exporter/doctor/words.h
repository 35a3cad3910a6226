/* Words for terminals and shells, from words that others wrote. */
#ifndef DOCTOR_WORDS_H
#define DOCTOR_WORDS_H

/* What would move a terminal's cursor, turn its text around or is no UTF-8 becomes
 * \xNN; what is too long is cut.  free() is the caller's, here and below. */
char *doctor_escape(const char *text);
char *doctor_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As one word for a shell. */
char *doctor_quote(const char *word);

#endif
