/* Words for terminals and shells, from words that others wrote. */
#ifndef DOCTOR_WORDS_H
#define DOCTOR_WORDS_H

/* Control characters, those that turn the direction of the text, and what is no UTF-8
 * become \xNN; what is too long is cut.  free() is the caller's, here and below. */
char *doctor_escape(const char *text);
/* Quoted, if need be, so that a shell takes it as one word that is no flag. */
char *doctor_quote(const char *word);

/* What stands in braces in a text.  In "{ (name)}" the blank and the parentheses are
 * written where the word is not empty (or NULL), which then leaves nothing. */
struct doctor_word {
    const char *name, *value; /* small letters; the last of a list has no name */
};
char *doctor_fill(const char *text, const struct doctor_word *words);

#endif
